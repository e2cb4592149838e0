/**
 * Asks one server how it is, again and again, over the connection settings requests have: TLS, Unix
 * socket and protocol are those of the upstream, through the same code.
 *
 * Each worker checks for itself. What it learns is what its own connections meet, a worker that starts
 * or ends changes nothing for the others, and there is no word between processes to be late or lost;
 * the price is one small request a worker and interval.
 */
import type { UpstreamHealth } from '#config/upstream-schema.ts';
import { assert } from '#core/assert.ts';
import { monotonicMs } from '#core/clock.ts';
import { RequestView } from '#waf/request-view.ts';
import type { ResponseView } from '#waf/response-view.ts';
import type { Forwarding } from '../forward-request.ts';
import { noFields } from '../header-edits.ts';
import { complete } from '../http1/parse-problem.ts';
import { parseRequest } from '../http1/parse-request.ts';
import { nextRequestId } from '../request-id.ts';
import type { ServerHealth } from './server-health.ts';
import type { ServerMetrics } from './upstream-metrics.ts';
import type { UpstreamPool } from './upstream-pool.ts';
import type {
  ResponseReceiver,
  StreamTaker,
  UpstreamFailure,
  UpstreamRequest,
  UpstreamStream,
} from './upstream-stream.ts';

/** Checks of many servers, and of many workers, spread out instead of beating in time. */
const jitter = 0.1;
/** The first check comes within this, at a moment of its own. */
const firstWithinMs = 1_000;
const noBytes = Buffer.alloc(0);

export class HealthCheck implements ResponseReceiver, StreamTaker, UpstreamRequest {
  readonly view = new RequestView(8);
  readonly body = noBytes;
  readonly last = true;
  readonly isHead = false;
  readonly tunnel = null;
  readonly authority = '';
  readonly trailers: Buffer = noBytes;
  readonly trailerNames = '';
  readonly mayTrail = false;
  readonly responseMs: number;
  readonly sendMs: number;
  readonly tunnelIdleMs = 0;
  readonly #settings: UpstreamHealth;
  readonly #pool: UpstreamPool;
  readonly #health: ServerHealth;
  readonly #metrics: ServerMetrics;
  readonly #expected: readonly (readonly [from: number, to: number])[];
  #stream: UpstreamStream | null = null;
  #waiting = false;
  #timer: NodeJS.Timeout | null = null;

  constructor(
    settings: UpstreamHealth,
    authority: string,
    pool: UpstreamPool,
    health: ServerHealth,
    metrics: ServerMetrics,
  ) {
    this.#settings = settings;
    this.#pool = pool;
    this.#health = health;
    this.#metrics = metrics;
    this.responseMs = settings.timeoutMs;
    this.sendMs = settings.timeoutMs;
    this.#expected = settings.expect.map((range) => {
      const [from = '', to = from] = range.split('-');
      return [Number(from), Number(to)];
    });
    const head = Buffer.from(
      `GET ${settings.path} HTTP/1.1\r\nHost: ${settings.host ?? authority}\r\nUser-Agent: weir-health\r\nAccept: */*\r\n\r\n`,
    );
    const limits = { headBytesMax: head.length, urlBytesMax: head.length };
    const result = parseRequest(this.view, head, 0, head.length, limits);
    assert(
      result === complete,
      'the configuration check lets through only paths and hosts that parse',
    );
  }

  get forwarding(): Forwarding {
    return {
      peer: '',
      client: '',
      isTls: false,
      peerIsTrusted: false,
      requestId: nextRequestId(),
      tunnel: null,
      forwarded: null,
      clientCertificate: '',
      drops: 0,
      added: noFields,
      rewrite: null,
    };
  }

  start(): void {
    this.#wait(Math.random() * Math.min(firstWithinMs, this.#settings.intervalMs));
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#drop();
  }

  #wait(ms: number): void {
    this.#timer = setTimeout(() => this.#run(), ms);
    this.#timer.unref();
  }

  #run(): void {
    this.#timer = setTimeout(() => this.#done('no answer in time'), this.#settings.timeoutMs);
    this.#timer.unref();
    const stream = this.#pool.acquireForCheck(this);
    this.#waiting = stream === false;
    if (stream !== false) this.onStream(stream);
  }

  onStream(stream: UpstreamStream | null): void {
    this.#waiting = false;
    // Too busy to be asked is not ill: the next check will tell.
    if (stream === null) {
      this.#done(null);
      return;
    }
    this.#stream = stream;
    stream.send(this, this);
  }

  onResponse(view: ResponseView): void {
    const { status } = view;
    const isExpected = this.#expected.some(([from, to]) => status >= from && status <= to);
    this.#done(isExpected ? '' : `status ${status}`);
  }

  onUpstreamFailure(failure: UpstreamFailure): void {
    this.#stream = null;
    this.#done(failure.reason);
  }

  onConnected(): void {}
  onInformational(): void {}
  onResponseBody(): void {}
  onTunnel(): void {}
  onTunnelData(): void {}
  onTunnelEnd(): void {}
  onUpstreamDrain(): void {}

  /** Empty for a good check, null for one that says nothing. */
  #done(reason: string | null): void {
    if (this.#timer === null) return;
    clearTimeout(this.#timer);
    this.#drop();
    const waitMs = this.#settings.intervalMs * (1 - jitter + Math.random() * 2 * jitter);
    if (reason !== null) {
      const now = monotonicMs();
      (reason === '' ? this.#metrics.checksOk : this.#metrics.checksFailed).value++;
      this.#health.checked(reason === '' ? '' : `check: ${reason}`, now, now + waitMs);
    }
    this.#wait(waitMs);
  }

  #drop(): void {
    if (this.#waiting) this.#pool.cancel(this);
    this.#waiting = false;
    this.#stream?.abort();
    this.#stream = null;
  }
}
