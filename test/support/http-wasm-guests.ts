/** Modules of the http-wasm ABI for tests, as the worker makes them. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { compileFilter } from '#wasm/compile-filter.ts';
import { HttpWasmModule } from '#wasm/http-wasm/http-wasm-module.ts';
import { trialServices } from '#wasm/services/trial-services.ts';
import { buildRules } from '../../scripts/build-rules.ts';
import { testLimits, testSource } from './guests.ts';

const root = join(import.meta.dirname, '../..');

export type HttpWasmSettings = {
  readonly failure?: 'closed' | 'open';
  readonly config?: Record<string, unknown>;
  readonly fuel?: number;
};

export type LoadedHttpWasm = {
  readonly module: HttpWasmModule;
  readonly failures: string[];
  readonly logged: (readonly [level: number, text: string])[];
};

/** Bytes of the guest in `wasm-rules/testing/http-wasm-conformance`. */
export async function conformanceGuest(): Promise<Uint8Array> {
  const [built] = await buildRules({
    sources: [join(root, 'wasm-rules/testing/http-wasm-conformance')],
    outDirectory: join(root, 'build/test-guests'),
  });
  if (built === undefined) throw new Error('the conformance guest was not built');
  return readFile(built.path);
}

export function loadHttpWasm(bytes: Uint8Array, settings: HttpWasmSettings = {}): LoadedHttpWasm {
  const failures: string[] = [];
  const logged: [number, string][] = [];
  const module = compileFilter(
    {
      ...testSource,
      name: 'plugin',
      bytes,
      failure: settings.failure ?? 'closed',
      config: JSON.stringify(settings.config ?? {}),
      fuel: settings.fuel ?? testSource.fuel,
    },
    testLimits,
    trialServices((level, _module, text) => logged.push([level, text])),
    (message) => failures.push(message),
  );
  assert(module instanceof HttpWasmModule);
  return { module, failures, logged };
}
