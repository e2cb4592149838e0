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
import type { Entrance } from './entrance.ts';
import { errorAnswer, wantsHtml } from './error-page.ts';
import { hostOf } from './forward-request.ts';
import { noFields } from './header-edits.ts';
import type { Framing } from './http1/body-decoder.ts';
import type { BodyPiece } from './http1/body-piece.ts';
import { ascii, equalsFolded } from './http1/bytes.ts';
import { fieldKind } from './http1/field-kind.ts';
import { problemOf } from './http1/parse-problem.ts';
import type { Outcome, Protocol } from './proxy-metrics.ts';
import { isRequestId, nextRequestId } from './request-id.ts';
import { canRewrite, markAliases, parametersProblem, pickUpstream } from './route-request.ts';
import type { CompiledRoute, RouteTimeouts, Snapshot } from './snapshot.ts';
import { TotalTime } from './total-time.ts';
import { UpstreamCall, type UpstreamCaller } from './upstream/upstream-call.ts';
import { userAgentOf } from './user-agent.ts';

const WEBSOCKET = ascii('websocket');
/** In any case of letters: to the edge `trace` is no known method, but some origins fold case. */
const notServed = /^(?:CONNECT|TRACE)$/i;
export class Exchange implements UpstreamCaller {
  readonly #context: ProxyContext;
  readonly #client: ClientSide;
  readonly #view: RequestView;
  readonly #snapshot: Snapshot;
  readonly #entrance: Entrance;
  readonly #startedAt = monotonicMs();
  readonly #requestId: string;
  readonly #peerIsTrusted: boolean;
  /** Who the client is: the peer, or the one a trusted proxy speaks for. */
  readonly #address: string;
  readonly #method: string;
  readonly #host: string;
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
  #totalTime: TotalTime | null = null;
  readonly isHead: boolean;

  constructor(context: ProxyContext, client: ClientSide, view: RequestView) {
    this.#context = context;
    this.#client = client;
    this.#view = view;
    this.#snapshot = context.snapshot;
    this.#entrance = context.snapshot.entrances[client.listener] as Entrance;
    this.#method = view.bytes.toString('latin1', view.start, view.methodEnd);
    this.#host = hostOf(view);
    this.isHead = this.#method === 'HEAD';
    const trusted = this.#snapshot.trustedProxies;
    this.#peerIsTrusted = trusted.size > 0 && trusted.lookup(client.peer) !== undefined;
    this.#requestId = (this.#peerIsTrusted ? this.#handedInId() : '') || nextRequestId();
    this.#address = this.#peerIsTrusted
      ? clientAddress(client.peer, view, trusted, this.#entrance.addressRule)
      : client.peer;
    context.load.inFlight++;
  }

  get timeouts(): RouteTimeouts {
    return this.#route?.timeouts ?? this.#snapshot.defaultTimeouts;
  }

  get responseMs(): number {
    return this.timeouts.responseMs;
  }

  get sendMs(): number {
    return this.timeouts.sendMs;
  }

  get tunnelIdleMs(): number {
    return this.timeouts.tunnelIdleMs;
  }

  get isTunnel(): boolean {
    return this.#tunnel;
  }

  /** `piece` is what came of the body together with the head; it is valid during the call. */
  start(piece: BodyPiece): void {
    const view = this.#view;
    this.#bytesIn = piece.size;
    if (this.#context.load.refuses()) {
      this.#context.metrics.connections.requestsShed.value++;
      this.#answer(503, 'refused', 'overloaded');
      return;
    }
    if (this.#peerIsTrusted && this.#context.blockList.isBlocked(this.#address)) {
      this.#answer(403, 'blocked', 'client address is on the block list');
      return;
    }
    const proof = this.#context.challenges.httpProof(view);
    if (proof !== null) {
      this.#prove(proof);
      return;
    }
    const { limits, router } = this.#snapshot;
    const parameters = parametersProblem(view, limits);
    if (parameters !== null) {
      this.#answer(414, 'refused', parameters);
      return;
    }
    const route = router.match(router.hostEntries(this.#host), view);
    if (route === undefined) {
      this.#answer(404, 'refused', 'no route');
      return;
    }
    this.#route = route;
    const { bodyBytesMax } = route.limits;
    if (view.contentLength > bodyBytesMax || piece.size > bodyBytesMax) {
      this.#answer(413, 'refused', 'request body too large');
      return;
    }
    if (route.modules.length > 0 && !this.#inspect(route)) return;
    if (view.refusal !== 0) {
      const { status, reason } = problemOf(view.refusal);
      this.#answer(status, 'refused', reason);
      return;
    }
    if (notServed.test(this.#method)) {
      this.#answer(405, 'refused', 'method not served');
      return;
    }
    if (route.rewrite !== null && !canRewrite(view, route.rewrite)) {
      this.#answer(404, 'refused', 'path cannot be rewritten as it is spelled');
      return;
    }
    const { drops, marksAliases } = this.#entrance;
    if (marksAliases) markAliases(view);
    if (route.timeouts.totalMs !== Number.POSITIVE_INFINITY)
      this.#totalTime = new TotalTime(
        this,
        this.#context.deadlines,
        this.#startedAt + route.timeouts.totalMs,
      );
    const upstream = pickUpstream(route, this.#address);
    const call = new UpstreamCall(
      this,
      upstream,
      this.#context.metrics,
      view,
      {
        peer: this.#client.peer,
        client: this.#address,
        isTls: this.#client.isTls,
        forwarded: this.#client.facts.forwarded,
        clientCertificate: this.#client.facts.certificate?.field ?? '',
        peerIsTrusted: this.#peerIsTrusted,
        requestId: this.#requestId,
        isUpgrade: route.websocket && upstream.takesUpgrades && this.#asksForWebSocket(),
        drops,
        added: route.requestEdits === null ? noFields : route.requestEdits.apply(view),
        rewrite: route.rewrite,
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
    const { isTls, ja4, certificate } = this.#client.facts;
    const facts = { clientAddress: this.#address, tls: isTls, ja4, certificate };
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
    if (this.#bytesIn > (this.#route?.limits.bodyBytesMax ?? 0))
      this.onRequestFault(413, 'request body too large');
    else if (this.#call?.sendBody(piece) === false && !piece.last) this.#client.pauseBody();
  }

  onUpstreamDrain(): void {
    if (!this.#client.requestDone || this.#tunnel) this.#client.resumeBody();
  }

  /** The client's bytes broke the framing of its own body, or stopped coming. */
  onRequestFault(status: number, reason: string): void {
    this.#call?.abort();
    if (this.#responded) {
      this.#context.metrics.limitReached(reason);
      this.#cut(reason);
    } else this.#answer(status, 'refused', reason);
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
    const route = this.#route as CompiledRoute;
    this.#bytesOut = piece.size;
    if (Math.max(view.contentLength, piece.size) > route.limits.responseBytesMax && !this.isHead) {
      this.#call?.abort();
      this.#context.metrics.limitReached('response body too large');
      this.#answer(502, 'failed', 'response body too large');
      return;
    }
    this.#responded = true;
    this.#status = view.status;
    const edits = this.#client.isTls ? route.responseEditsTls : route.responseEdits;
    const writable = this.#client.sendResponse(
      view,
      bodyFraming,
      piece,
      this.#requestId,
      this.isHead,
      edits === null ? noFields : edits.apply(view),
    );
    if (piece.last) this.#finish();
    else if (!writable) this.#call?.pause();
  }

  onResponseBody(piece: BodyPiece): void {
    this.#bytesOut += piece.size;
    if (this.#bytesOut > (this.#route as CompiledRoute).limits.responseBytesMax) {
      this.#call?.abort();
      this.#context.metrics.limitReached('response body too large');
      this.#cut('response body too large');
      return;
    }
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
    this.#totalTime?.end();
    const { tunnelTotalMs } = this.timeouts;
    this.#totalTime =
      tunnelTotalMs === Number.POSITIVE_INFINITY
        ? null
        : new TotalTime(this, this.#context.deadlines, monotonicMs() + tunnelTotalMs);
    this.#context.load.inFlight--;
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

  /** The exchange, or its tunnel, has lasted as long as it may. */
  onTotalTime(): void {
    this.#context.metrics.limitReached('total time used up');
    this.#call?.abort();
    if (this.#responded) this.#cut('total time used up');
    else this.#answer(504, 'failed', 'total time used up');
  }

  /** The client's connection is gone. */
  onClientGone(reason = 'client closed the connection'): void {
    if (this.#finished) return;
    this.#call?.abort();
    if (!this.#tunnel) {
      this.#outcome = 'aborted';
      this.#reason = reason;
      // nginx's code for it; nothing was sent.
      if (this.#status === 0) this.#status = 499;
    }
    this.#finish();
  }

  #answer(status: number, outcome: Outcome, reason: string): void {
    if (outcome === 'refused') this.#context.metrics.limitReached(reason);
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

  /** A certificate authority looks whether the name is ours: before redirects, routes and rules. */
  #prove(proof: string): void {
    this.#status = 200;
    this.#reason = 'ACME challenge';
    this.#context.metrics.acmeProofs['http-01'].value++;
    this.#responded = true;
    this.#bytesOut = proof.length;
    const type = 'application/octet-stream';
    this.#client.sendLocal(200, '', type, proof, this.#requestId, false);
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
    this.#totalTime?.end();
    // Leaves the queue, where it still waits in one.
    this.#call?.abort();
    const { metrics } = this.#context;
    const durationMs = monotonicMs() - this.#startedAt;
    if (!this.#tunnel) this.#context.load.inFlight--;
    if (this.#tunnel) metrics.tunnelsOpen.value--;
    else metrics.duration.observe(durationMs / 1_000);
    metrics.outcomes[this.#outcome].value++;
    metrics.status(this.#status).value++;
    metrics.protocols[protocolOf(this.#view)].value++;
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
      protocol: protocolOf(view),
      method: this.#method,
      host: this.#host,
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
      userAgent: userAgentOf(view),
      ja4: this.#client.facts.ja4,
      certificate: this.#client.facts.certificate,
    });
  }
}

function protocolOf(view: RequestView): Protocol {
  if (view.major === 2) return 'HTTP/2.0';
  return view.minor === 0 ? 'HTTP/1.0' : 'HTTP/1.1';
}
