/**
 * The data plane of one worker with one rule module, in a process of its own, without a registry behind it:
 * nothing takes a failing module away. Driven by `module-edge.ts`.
 */

import { compileFilter } from '#wasm/compile-filter.ts';
import type { Filter } from '#wasm/filter.ts';
import { TestEdge } from './edge.ts';
import { testLimits, testServices, testSource } from './guests.ts';
import type { FromModuleEdge, ToModuleEdge } from './module-edge.ts';

let edge: TestEdge | null = null;
let live: Filter | null = null;
let url = '';
let failures = 0;
const send = (message: FromModuleEdge): void => void process.send?.(message);

function compiled(bytes: Uint8Array, fuel: number): Filter {
  return compileFilter(
    { ...testSource, name: 'tested', bytes, fuel },
    testLimits,
    testServices,
    () => failures++,
  );
}

const options = (module: Filter) => ({
  upstreams: { app: { servers: [{ url }] } },
  routes: [{ upstream: 'app', waf: { rules: ['tested'] } }],
  modules: { tested: module },
  accessLog: 'off' as const,
});

async function handle(message: ToModuleEdge): Promise<void> {
  switch (message.kind) {
    case 'start':
      url = message.url;
      live = compiled(message.bytes, message.fuel);
      edge = await TestEdge.start(options(live));
      send({ kind: 'started', address: edge.address });
      break;
    case 'load': {
      const before = live;
      live = compiled(message.bytes, message.fuel);
      await edge?.reload(options(live));
      before?.close();
      send({ kind: 'loaded' });
      break;
    }
    case 'memory':
      // Twice: what the first one finds may keep what the second one frees.
      globalThis.gc?.();
      await new Promise((resolve) => setImmediate(resolve));
      globalThis.gc?.();
      send(memory());
      break;
  }
}

function memory(): FromModuleEdge {
  const { rss, heapUsed } = process.memoryUsage();
  return { kind: 'memory', residentBytes: rss, heapBytes: heapUsed, failures };
}

let queue = Promise.resolve();
process.on('message', (message) => {
  queue = queue.then(() => handle(message as ToModuleEdge));
});
process.on('disconnect', () => process.exit(0));
