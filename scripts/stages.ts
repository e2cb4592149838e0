/**
 * The stages of a request's path and of a change, each with the edit that switches it off and the tests
 * that must notice. `switch-off.ts` runs them; a test keeps the edits in step with the code.
 */

export type Stage = {
  readonly name: string;
  readonly file: string;
  readonly from: string;
  readonly to: string;
  readonly tests: string;
};

const wire = 'test/wire/*.test.ts';
const listener = 'src/proxy/listener.ts';
const exchange = 'src/proxy/exchange.ts';

export const stages: readonly Stage[] = [
  {
    name: 'block list at accept',
    file: listener,
    from: "peer === '' || blockList.isBlocked(peer)",
    to: "peer === ''",
    tests: wire,
  },
  {
    name: 'connection limit',
    file: 'src/proxy/listener/admission.ts',
    from: 'this.#count >= share(limits.connectionsMax, this.#workers)',
    to: 'false',
    tests: wire,
  },
  {
    name: 'newly blocked addresses are cut',
    file: listener,
    from: 'if (!this.#context.blockList.isBlocked(peer)) continue;',
    to: 'continue;',
    tests: wire,
  },
  {
    name: 'block list behind a trusted proxy',
    file: exchange,
    from: 'if (this.#peerIsTrusted && this.#context.blockList',
    to: 'if (false && this.#context.blockList',
    tests: wire,
  },
  {
    name: 'rules',
    file: exchange,
    from: 'route.modules.length > 0 && !this.#inspect(route)',
    to: 'false',
    tests: wire,
  },
  {
    name: 'monitor mode',
    file: exchange,
    from: "route.mode === 'monitor'",
    to: 'false',
    tests: wire,
  },
  {
    name: 'methods that are not served',
    file: exchange,
    from: 'notServed.test(this.#method)',
    to: 'false',
    tests: wire,
  },
  {
    name: 'body limit',
    file: exchange,
    from: 'this.#bytesIn > (this.#route?.limits.bodyBytesMax ?? 0)',
    to: 'false',
    tests: wire,
  },
  {
    name: 'paths cannot leave a route',
    file: 'src/proxy/router.ts',
    from: "if (segments.includes('..')) return null;",
    to: '',
    tests: 'test/proxy/router.test.ts',
  },
  {
    name: 'claims of an untrusted peer',
    file: 'src/proxy/forward-request.ts',
    from: '(facts.peerIsTrusted ? 1 << fieldKind.xForwardedFor : forwardingDrops)',
    to: '(1 << fieldKind.xForwardedFor)',
    tests: wire,
  },
  {
    name: 'hop-by-hop fields',
    file: 'src/proxy/http1/write-head.ts',
    from: 'fieldKind.connection,',
    to: '',
    tests: wire,
  },
  {
    name: 'continue only after rules',
    file: exchange,
    from: 'this.#client.sendContinue();',
    to: ';',
    tests: wire,
  },
  {
    name: 'retry on a fresh connection',
    file: 'src/proxy/upstream/upstream-call.ts',
    from: 'if (this.#mayRetry(failure))',
    to: 'if (false)',
    tests: wire,
  },
  {
    name: 'retries keep to the budget',
    file: 'src/proxy/upstream/retry-budget.ts',
    from: 'if (this.#retries.total(now) + 1 > allowed) return false;',
    to: '',
    tests: wire,
  },
  {
    name: 'the breaker takes a server out',
    file: 'src/proxy/upstream/circuit-breaker.ts',
    from: 'if (isTooMany) this.#open(now);',
    to: '',
    tests: wire,
  },
  {
    name: 'failing checks take a server out',
    file: 'src/proxy/upstream/server-health.ts',
    from: 'return !this.#checksFail && this.#breaker.permits(now);',
    to: 'return this.#breaker.permits(now);',
    tests: wire,
  },
  {
    name: 'certificates of upstreams are verified',
    file: 'src/proxy/upstream/dialer.ts',
    from: 'rejectUnauthorized: this.#material?.verify ?? true,',
    to: 'rejectUnauthorized: false,',
    tests: wire,
  },
  {
    name: 'trailers are filtered',
    file: 'src/proxy/http1/trailers.ts',
    from: 'if (mayTravel(name)) text +=',
    to: 'text +=',
    tests: wire,
  },
  {
    name: 'a part of an HTTP/2 response is not the whole',
    file: 'src/proxy/upstream/http2-stream.ts',
    from: 'if (chunk === null && !stream.closed) this.#ended = true;',
    to: 'if (chunk === null) this.#ended = true;',
    tests: wire,
  },
  {
    name: 'an early answer survives a reset',
    file: 'src/proxy/upstream/http1-connection.ts',
    from: 'readOnAfterWriteError(this.#socket, (error) => this.#onWriteError(error));',
    to: ';',
    tests: wire,
  },
  {
    name: 'dirty upstream connections are closed',
    file: 'src/proxy/upstream/http1-connection.ts',
    from: ' && this.#decoder.position === limit',
    to: '',
    tests: wire,
  },
  {
    name: 'time limits',
    file: 'src/core/deadline-table.ts',
    from: 'entry.onDeadline();',
    to: '',
    tests: wire,
  },
  {
    name: 'access log',
    file: exchange,
    from: 'if (!this.#context.accessLog.isOff) this.#log(durationMs);',
    to: '',
    tests: wire,
  },
  {
    name: 'commit of a change',
    file: 'src/proxy/worker-proxy.ts',
    from: 'this.#context.snapshot = prepared.snapshot;',
    to: '',
    tests: wire,
  },
  {
    name: 'policy when a module fails',
    file: 'src/wasm/live-module.ts',
    from: "if (this.failure === 'open') return allow;",
    to: 'return allow;',
    tests: 'test/wasm/hostile-guest.test.ts',
  },
  {
    name: 'validation before a load',
    file: 'src/roles/edge-node.ts',
    from: 'await validateModule(bytes, name, this.#loaded.config.edge.limits);',
    to: '',
    tests: 'test/e2e/edge.test.ts',
  },
  {
    name: 'replacement of a dead worker',
    file: 'src/roles/supervisor.ts',
    from: 'slot.timer = setTimeout(() => this.#spawn(slot, null), slot.backoffMs);',
    to: '',
    tests: 'test/e2e/edge.test.ts',
  },
  {
    name: 'management token',
    file: 'src/admin/server.ts',
    from: "if (outcome === 'ok') return undefined;",
    to: 'if (outcome) return undefined;',
    tests: 'test/admin/*.test.ts',
  },
];
