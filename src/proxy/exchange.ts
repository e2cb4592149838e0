/**
 * The life of one request, whatever protocol it came by.
 *
 * ```
 * start ─► who is it ─► route ─► rules ─► upstream ─► response ─► finish (log, count)
 *             403         404     403/503   502/503/504   │            ▲
 *                         405                             └─ tunnel ───┘
 * ```
 *
 * `finish` is always reached, and once: by the end of the response, by a local answer, by the client
 * going away, by the upstream failing.
 */
import { monotonicMs } from '#core/clock.ts';
import type { RequestView } from '#waf/request-view.ts';
import type { ResponseView } from '#waf/response-view.ts';
import type { Block } from '#waf/verdict.ts';
import { clientAddress } from './client-address.ts';
import type { ClientSide } from './client-side.ts';
import type { ProxyContext } from './context.ts';
import { errorAnswer, wantsHtml } from './error-page.ts';
import type { Framing } from './http1/body-decoder.ts';
import type { BodyPiece } from './http1/body-piece.ts';
import { ascii, equalsFolded } from './http1/bytes.ts';
import { fieldKind } from './http1/field-kind.ts';
import type { Outcome } from './proxy-metrics.ts';
import { isRequestId, nextRequestId } from './request-id.ts';
import type { CompiledRoute, Snapshot } from './snapshot.ts';
import { UpstreamCall, type UpstreamCaller } from './upstream/upstream-call.ts';

const WEBSOCKET = ascii('websocket');
/** In any case of letters: to the edge `trace` is no known method, but some origins fold case. */
const notServed = /^(?:CONNECT|TRACE)$/i;
export class Exchange implements UpstreamCaller {
  readonly #context: ProxyContext;
  readonly #client: ClientSide;
  readonly #view: RequestView;
  readonly #snapshot: Snapshot;
  readonly #startedAt = monotonicMs();
  readonly #requestId: string;
  readonly #peerIsTrusted: boolean;
  /** Who the client is: the peer, or the one a trusted proxy speaks for. */
  readonly #address: string;
  readonly #method: string;
  #route: CompiledRoute | null = null;
  #verdict: Block | null = null;
  #outcome: Outcome = 'forwarded';
  #reason = '';
  #status = 0;
  #wafMs = 0;
  /** What a 503 says. */
  #retryAfterSeconds = 1;
  #bytesIn = 0;
  #bytesOut = 0;
  #call: UpstreamCall | null = null;
  #responded = false;
  #finished = false;
  #tunnel = false;
  readonly isHead: boolean;

  constructor(context: ProxyContext, client: ClientSide, view: RequestView) {
    this.#context = context;
    this.#client = client;
    this.#view = view;
    this.#snapshot = context.snapshot;
    this.#method = view.bytes.toString('latin1', view.start, view.methodEnd);
    this.isHead = this.#method === 'HEAD';
    const trusted = this.#snapshot.trustedProxies;
    this.#peerIsTrusted = trusted.size > 0 && trusted.lookup(client.peer) !== undefined;
    this.#requestId = (this.#peerIsTrusted ? this.#handedInId() : '') || nextRequestId();
    this.#address = this.#peerIsTrusted ? clientAddress(client.peer, view, trusted) : client.peer;
  }

  get responseMs(): number {
    return this.#snapshot.timeouts.responseMs;
  }

  get sendMs(): number {
    return this.#snapshot.timeouts.sendMs;
  }

  get tunnelIdleMs(): number {
    return this.#snapshot.timeouts.tunnelIdleMs;
  }

  get isTunnel(): boolean {
    return this.#tunnel;
  }

  /** `piece` is what came of the body together with the head; it is valid during the call. */
  start(piece: BodyPiece): void {
    const view = this.#view;
    this.#bytesIn = piece.size;
    if (this.#peerIsTrusted && this.#context.blockList.isBlocked(this.#address)) {
      this.#answer(403, 'blocked', 'client address is on the block list');
      return;
    }
    const { limits, router } = this.#snapshot;
    if (view.contentLength > limits.bodyBytesMax || piece.size > limits.bodyBytesMax) {
      this.#answer(413, 'refused', 'request body too large');
      return;
    }
    const host =
      view.hostStart < 0 ? '' : view.bytes.toString('latin1', view.hostStart, view.hostEnd);
    const route = router.match(router.hostEntries(host), view);
    if (route === undefined) {
      this.#answer(404, 'refused', 'no route');
      return;
    }
    this.#route = route;
    if (route.modules.length > 0 && !this.#inspect(route)) return;
    if (notServed.test(this.#method)) {
      this.#answer(405, 'refused', 'method not served');
      return;
    }
    const call = new UpstreamCall(
      this,
      route.upstream,
      this.#context.metrics,
      view,
      {
        peer: this.#client.peer,
        client: this.#address,
        isTls: this.#client.isTls,
        peerIsTrusted: this.#peerIsTrusted,
        requestId: this.#requestId,
        isUpgrade: route.websocket && route.upstream.takesUpgrades && this.#asksForWebSocket(),
      },
      piece,
    );
    this.#call = call;
    if (!piece.last) this.#client.pauseBody();
    call.start();
  }

  /** Runs the route's modules in order; the first block decides. True when the request goes on. */
  #inspect(route: CompiledRoute): boolean {
    const before = monotonicMs();
    const facts = { clientAddress: this.#address, tls: this.#client.isTls };
    for (const module of route.modules) {
      const verdict = module.inspectRequestHead(this.#view, facts);
      if (verdict.kind === 'allow') continue;
      this.#verdict = verdict;
      break;
    }
    this.#wafMs = monotonicMs() - before;
    this.#context.metrics.wafDuration.observe(this.#wafMs / 1_000);
    if (this.#verdict === null) return true;
    if (route.mode === 'monitor') {
      this.#context.metrics.monitored.value++;
      return true;
    }
    this.#answer(this.#verdict.status, 'blocked', this.#verdict.reason);
    return false;
  }

  #handedInId(): string {
    const view = this.#view;
    for (let i = 0; i < view.headerCount; i++) {
      if (view.kinds[i] !== fieldKind.requestId) continue;
      const id = view.headerValue(i);
      return isRequestId(id) ? id : '';
    }
    return '';
  }

  #asksForWebSocket(): boolean {
    const view = this.#view;
    if (
      view.upgradeIndex < 0 ||
      !view.connectionUpgrade ||
      view.minor === 0 ||
      this.#method !== 'GET'
    )
      return false;
    const at = view.upgradeIndex * 4;
    return (
      equalsFolded(
        view.bytes,
        view.headers[at + 2] as number,
        view.headers[at + 3] as number,
        WEBSOCKET,
      ) &&
      view.contentLength <= 0 &&
      !view.chunked
    );
  }

  // ── towards the upstream ──────────────────────────────────────────────────────────────────────────

  onUpstreamReady(): void {
    if (this.#finished) return;
    if (this.#view.expectContinue && this.#bytesIn === 0) this.#client.sendContinue();
    this.#client.resumeBody();
  }

  /** A further piece of the request body. */
  onRequestBody(piece: BodyPiece): void {
    this.#bytesIn += piece.size;
    if (this.#bytesIn > this.#snapshot.limits.bodyBytesMax)
      this.onRequestFault(413, 'request body too large');
    else if (this.#call?.sendBody(piece) === false && !piece.last) this.#client.pauseBody();
  }

  onUpstreamDrain(): void {
    if (!this.#client.requestDone || this.#tunnel) this.#client.resumeBody();
  }

  /** The client's bytes broke the framing of its own body, or stopped coming. */
  onRequestFault(status: number, reason: string): void {
    this.#call?.abort();
    if (this.#responded) this.#cut(reason);
    else this.#answer(status, 'refused', reason);
  }

  onUpstreamFailed(status: number, reason: string, retryAfterSeconds: number): void {
    if (this.#finished) return;
    this.#retryAfterSeconds = retryAfterSeconds;
    if (this.#responded) this.#cut(reason);
    else this.#answer(status, 'failed', reason);
  }

  // ── towards the client ────────────────────────────────────────────────────────────────────────────

  onInformational(view: ResponseView): void {
    if (this.#view.minor === 1) this.#client.sendInformational(view);
  }

  onResponse(view: ResponseView, bodyFraming: Framing, piece: BodyPiece): void {
    this.#responded = true;
    this.#status = view.status;
    this.#bytesOut = piece.size;
    const writable = this.#client.sendResponse(
      view,
      bodyFraming,
      piece,
      this.#requestId,
      this.isHead,
    );
    if (piece.last) this.#finish();
    else if (!writable) this.#call?.pause();
  }

  onResponseBody(piece: BodyPiece): void {
    this.#bytesOut += piece.size;
    const writable = this.#client.sendBody(piece);
    if (piece.last) this.#finish();
    else if (!writable) this.#call?.pause();
  }

  onClientDrain(): void {
    this.#call?.resume();
  }

  onTunnel(view: ResponseView, first: Buffer): void {
    this.#responded = true;
    this.#tunnel = true;
    this.#status = 101;
    this.#context.metrics.tunnelsOpen.value++;
    let writable = this.#client.startTunnel(view, this.#requestId);
    if (first.length > 0) writable = this.#forwardTunnel(first);
    if (!writable) this.#call?.pause();
  }

  onTunnelData(bytes: Buffer): void {
    if (!this.#forwardTunnel(bytes)) this.#call?.pause();
  }

  #forwardTunnel(bytes: Buffer): boolean {
    this.#bytesOut += bytes.length;
    return this.#client.sendTunnel(bytes);
  }

  onTunnelEnd(): void {
    this.#client.endTunnel();
  }

  onClientTunnelData(bytes: Buffer): void {
    this.#bytesIn += bytes.length;
    if (this.#call?.sendTunnel(bytes) === false) this.#client.pauseBody();
  }

  onClientTunnelEnd(): void {
    this.#call?.endTunnel();
  }

  /** The client's connection is gone. */
  onClientGone(): void {
    if (this.#finished) return;
    this.#call?.abort();
    if (!this.#tunnel) {
      this.#outcome = 'aborted';
      this.#reason = 'client closed the connection';
      // nginx's code for it; nothing was sent.
      if (this.#status === 0) this.#status = 499;
    }
    this.#finish();
  }

  #answer(status: number, outcome: Outcome, reason: string): void {
    this.#status = status;
    this.#outcome = outcome;
    this.#reason = reason;
    this.#responded = true;
    const answer = errorAnswer(status, this.#requestId, wantsHtml(this.#view));
    const fields =
      status === 503
        ? `Retry-After: ${this.#retryAfterSeconds}\r\n`
        : status === 405
          ? 'Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n'
          : '';
    this.#bytesOut = this.isHead ? 0 : Buffer.byteLength(answer.body);
    this.#client.sendLocal(
      status,
      fields,
      answer.contentType,
      answer.body,
      this.#requestId,
      this.isHead,
    );
    this.#finish();
  }

  /** The response has begun and cannot end well: the client must see that it is cut off. */
  #cut(reason: string): void {
    if (!this.#tunnel) {
      this.#outcome = 'failed';
      this.#reason = reason;
    }
    this.#client.abort();
    this.#finish();
  }

  #finish(): void {
    if (this.#finished) return;
    this.#finished = true;
    // Leaves the queue, where it still waits in one.
    this.#call?.abort();
    const { metrics } = this.#context;
    const durationMs = monotonicMs() - this.#startedAt;
    if (this.#tunnel) metrics.tunnelsOpen.value--;
    else metrics.duration.observe(durationMs / 1_000);
    metrics.outcomes[this.#outcome].value++;
    metrics.status(this.#status).value++;
    metrics.bytesReceived.value += this.#bytesIn;
    metrics.bytesSent.value += this.#bytesOut;
    if (!this.#context.accessLog.isOff) this.#log(durationMs);
    this.#client.exchangeDone();
  }

  #log(durationMs: number): void {
    const view = this.#view;
    const { bytes } = view;
    const verdict = this.#verdict;
    this.#context.accessLog.write({
      id: this.#requestId,
      client: this.#address,
      peer: this.#client.peer,
      method: this.#method,
      host: view.hostStart < 0 ? '' : bytes.toString('latin1', view.hostStart, view.hostEnd),
      path: bytes.toString('latin1', view.pathStart, view.pathEnd),
      query: this.#context.accessLog.redactedQuery(view),
      status: this.#status,
      outcome: this.#outcome,
      reason: this.#reason,
      route: this.#route?.name ?? '',
      upstream: this.#call?.url ?? '',
      bytesIn: this.#bytesIn,
      bytesOut: this.#bytesOut,
      durationMs,
      wafMs: this.#wafMs,
      verdict:
        verdict === null
          ? null
          : {
              rule: verdict.rule,
              target: verdict.target,
              reason: verdict.reason,
              enforced: this.#outcome === 'blocked',
            },
      userAgent: userAgent(view),
    });
  }
}

function userAgent(view: RequestView): string {
  for (let i = 0; i < view.headerCount; i++) {
    const at = i * 4;
    const start = view.headers[at] as number;
    if (
      (view.headers[at + 1] as number) - start === 10 &&
      ((view.bytes[start] as number) | 32) === 117
    ) {
      if (view.headerName(i).toLowerCase() === 'user-agent') return view.headerValue(i);
    }
  }
  return '';
}
