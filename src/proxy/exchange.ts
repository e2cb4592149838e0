/**
 * The life of one request, whatever protocol it came by.
 *
 * ```
 * start ─► who is it ─► route ─► rates ─► rules ─► upstream ─► rules ─► response ─► finish (rules, log, count)
 *             403         404     429     403/503   502/503/504   403       │            ▲
 *                         405                                               └─ tunnel ───┘
 * ```
 *
 * `finish` is always reached, and once: by the end of the response, by a local answer, by the client
 * going away, by the upstream failing.
 */
import { monotonicMs } from '#core/clock.ts';
import type { RequestView } from '#waf/request-view.ts';
import type { ResponseView } from '#waf/response-view.ts';
import type { Transaction } from '#waf/transaction.ts';
import { type Stop, statusOfStop } from '#waf/verdict.ts';
import { phase } from '#wasm/filter.ts';
import { askedTunnel } from './asked-tunnel.ts';
import type { ChallengedRequest } from './challenge/challenges.ts';
import { clientAddress } from './client-address.ts';
import type { ClientSide } from './client-side.ts';
import type { ProxyContext } from './context.ts';
import type { Entrance } from './entrance.ts';
import { errorAnswer, fieldsOf, fieldsOfAnswer, type OwnAnswer, wantsHtml } from './error-page.ts';
import { applyEdits, fieldLines } from './field-edits.ts';
import { hostOf, methodOf } from './forward-request.ts';
import { noFields } from './header-edits.ts';
import type { Framing } from './http1/body-decoder.ts';
import type { BodyPiece } from './http1/body-piece.ts';
import { factsForRules, Inspection } from './inspection.ts';
import { ownPathAnswer } from './own-paths.ts';
import type { Outcome } from './proxy-metrics.ts';
import type { OverRate, RateOwner } from './rates/rate-gate.ts';
import { endRequest } from './request-end.ts';
import { fieldsForUpstream } from './request-fields.ts';
import { RequestGate, type RequestGateOwner } from './request-gate.ts';
import { handedInId, nextRequestId } from './request-id.ts';
import { ResponseGate, type ResponseGateOwner } from './response-gate.ts';
import {
  markAliases,
  pickUpstream,
  refusalAfterRules,
  refusalBeforeRules,
} from './route-request.ts';
import type { CompiledRoute, RouteTimeouts, Snapshot } from './snapshot.ts';
import { TotalTime } from './total-time.ts';
import { UpstreamCall, type UpstreamCaller } from './upstream/upstream-call.ts';

export class Exchange implements UpstreamCaller, RateOwner, RequestGateOwner, ResponseGateOwner {
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
  #inspection: Inspection | null = null;
  #overRate: OverRate | null = null;
  #requestGate: RequestGate | null = null;
  #responseGate: ResponseGate | null = null;
  #outcome: Outcome = 'forwarded';
  #reason = '';
  #status = 0;
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
    this.#method = methodOf(view);
    this.#host = hostOf(view);
    this.isHead = this.#method === 'HEAD';
    const trusted = this.#snapshot.trustedProxies;
    this.#peerIsTrusted = trusted.size > 0 && trusted.lookup(client.peer) !== undefined;
    this.#requestId = (this.#peerIsTrusted ? handedInId(view) : '') || nextRequestId();
    this.#address = this.#peerIsTrusted
      ? clientAddress(client.peer, view, trusted, this.#entrance.addressRule)
      : client.peer;
    context.load.inFlight++;
  }

  get timeouts(): RouteTimeouts {
    return this.#route?.timeouts ?? this.#snapshot.defaultTimeouts;
  }

  get isTunnel(): boolean {
    return this.#tunnel;
  }

  /** `piece` is what came of the body together with the head; it is valid during the call. */
  start(piece: BodyPiece): void {
    const view = this.#view;
    this.#bytesIn = piece.size;
    if (this.#context.load.refuses(this.#startedAt)) {
      this.#context.metrics.connections.requestsShed.value++;
      this.#answer(503, 'refused', 'overloaded');
      return;
    }
    if (this.#peerIsTrusted && this.#context.blockList.refuses(this.#address)) {
      this.#answer(403, 'blocked', 'client address is on the block list');
      return;
    }
    const { isTls } = this.#client;
    const own = ownPathAnswer(this.#context, this.#snapshot, view, this.#address, isTls);
    if (own !== null) {
      this.#local(own, own.status < 400 ? 'forwarded' : 'refused');
      return;
    }
    const { limits, router } = this.#snapshot;
    const route = router.match(router.hostEntries(this.#host), view);
    this.#route = route ?? null;
    const { facts } = this.#client;
    const asked = { view, facts, address: this.#address, method: this.#method, route, path: null };
    const beyond = this.#context.rates.check(this.#snapshot, asked, this);
    if (beyond !== null) {
      this.stop(beyond);
      return;
    }
    if (route === undefined) {
      this.#answer(404, 'refused', 'no route');
      return;
    }
    const refusal = refusalBeforeRules(view, piece.size, limits, route.limits);
    if (refusal !== null) {
      this.#answer(refusal.status, 'refused', refusal.reason);
      return;
    }
    const isListed = this.#context.blockList.challenges(this.#address);
    if (route.entries.length > 0 || isListed) {
      if (!piece.last) this.#client.pauseBody();
      this.#requestGate = this.#makeGate(route);
      if (isListed && !this.isAdmitted) this.#challenge('address is on a challenging list');
      else this.#requestGate.start(piece);
    } else if (this.mayForward()) this.forward(piece);
  }

  #makeGate(route: CompiledRoute): RequestGate {
    const { facts } = this.#client;
    const { deadlines } = this.#context;
    this.#inspection = new Inspection(
      route,
      this.#view,
      factsForRules(facts, this.#address),
      this.#requestId,
      this,
      deadlines,
    );
    return new RequestGate(this, this.#inspection, route.bodyWindowBytes, route.beyondWindow);
  }

  // ── from the rules ────────────────────────────────────────────────────────────────────────────────

  onInspected(stop: Stop | null): void {
    if (this.#finished) return;
    if (this.#responseGate !== null) this.#responseGate.onInspected(stop);
    else this.#requestGate?.onInspected(stop);
  }

  /** What is refused only after its rules saw it. */
  mayForward(): boolean {
    const route = this.#route as CompiledRoute;
    const refusal = refusalAfterRules(this.#view, this.#method, route, this.#entrance);
    if (refusal === null) return true;
    this.#answer(refusal.status, 'refused', refusal.reason);
    return false;
  }

  forward(piece: BodyPiece): void {
    const view = this.#edits?.request ?? this.#view;
    const route = this.#route as CompiledRoute;
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
        tunnel: askedTunnel(view, this.#method, route, upstream),
        drops,
        added: fieldsForUpstream(view, route, this.#snapshot, this.#edits),
        rewrite: route.rewrite,
      },
      piece,
    );
    this.#call = call;
    if (!piece.last) this.#client.pauseBody();
    call.start();
  }

  forwardBody(piece: BodyPiece): void {
    if (this.#call?.sendBody(piece) === false && !piece.last) this.#client.pauseBody();
  }

  /** Null where nothing of what modules change is carried out. */
  get #edits(): Transaction | null {
    const transaction = this.#inspection?.transaction ?? null;
    return transaction === null || transaction.isMonitored ? null : transaction;
  }

  wantBody(): void {
    if (this.#view.expectContinue && this.#bytesIn === 0) this.#client.sendContinue();
    this.#client.resumeBody();
  }

  pauseRequest(): void {
    this.#client.pauseBody();
  }

  stop(stop: Stop): void {
    this.#call?.abort();
    if (stop.kind === 'limited') this.#retryAfterSeconds = stop.retryAfterSeconds;
    if (this.#responded) this.#cut(stop.reason);
    else if (stop.kind === 'challenge') this.#challenge(stop.reason);
    else if (stop.kind === 'answer') this.#local({ ...stop, ...fieldsOfAnswer(stop) }, 'answered');
    else if (stop.kind === 'block') this.#answer(stop.status, 'blocked', stop.reason, stop.allow);
    else this.#answer(statusOfStop(stop), 'blocked', stop.reason);
  }

  /** The client has shown before what a module's challenge is to make it show. */
  get isAdmitted(): boolean {
    return this.#context.clientChallenges.admits(this.#challenged, this.#snapshot.challenge);
  }

  overRate(over: OverRate): void {
    this.#overRate ??= over;
  }

  get #challenged(): ChallengedRequest {
    if (this.#inspection !== null) return this.#inspection.transaction;
    const facts = factsForRules(this.#client.facts, this.#address);
    return { request: this.#view, requestId: this.#requestId, facts };
  }

  #challenge(reason: string): void {
    const { clientChallenges } = this.#context;
    const { challenge } = this.#snapshot;
    const showsPages = this.#route?.showsChallenge ?? true;
    this.#local(clientChallenges.issue(this.#challenged, challenge, showsPages, reason), 'blocked');
  }

  refuseRequest(status: number, reason: string): void {
    this.#answer(status, 'refused', reason);
  }

  // ── towards the upstream ──────────────────────────────────────────────────────────────────────────

  onUpstreamReady(): void {
    if (!this.#finished) this.wantBody();
  }

  /** A further piece of the request body. */
  onRequestBody(piece: BodyPiece): void {
    this.#bytesIn += piece.size;
    if (this.#bytesIn > (this.#route?.limits.bodyBytesMax ?? 0))
      this.onRequestFault(413, 'request body too large');
    else if (this.#requestGate !== null) this.#requestGate.offer(piece);
    else this.forwardBody(piece);
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
    const inspection = this.#inspection;
    if (inspection?.wants(phase.responseHead | phase.responseBody | phase.buffersResponse)) {
      this.#responseGate = new ResponseGate(this, inspection, route.bodyWindowBytes);
      this.#responseGate.start(view, bodyFraming, piece);
    } else this.respond(view, bodyFraming, piece);
  }

  respond(view: ResponseView, bodyFraming: Framing, piece: BodyPiece): void {
    const route = this.#route as CompiledRoute;
    this.#responded = true;
    this.#status = view.status;
    const rules = this.#client.isTls ? route.responseEditsTls : route.responseEdits;
    const added = rules === null ? noFields : rules.apply(view);
    const edits = this.#edits?.responseEdits;
    const writable = this.#client.sendResponse(
      view,
      bodyFraming,
      piece,
      this.#requestId,
      this.isHead,
      edits === undefined ? added : applyEdits(view, edits, added),
    );
    if (piece.last) this.#finish();
    else if (!writable) this.#call?.pause();
  }

  pauseResponse(): void {
    this.#call?.pause();
  }

  onResponseBody(piece: BodyPiece): void {
    this.#bytesOut += piece.size;
    if (this.#bytesOut > (this.#route as CompiledRoute).limits.responseBytesMax) {
      this.#call?.abort();
      this.#context.metrics.limitReached('response body too large');
      this.#cut('response body too large');
      return;
    }
    if (this.#responseGate !== null) this.#responseGate.offer(piece);
    else this.respondBody(piece);
  }

  respondBody(piece: BodyPiece): void {
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
    this.#status = view.status;
    this.#context.metrics.tunnelsOpen.value++;
    this.#totalTime?.end();
    const { tunnelTotalMs } = this.timeouts;
    this.#totalTime =
      tunnelTotalMs === Number.POSITIVE_INFINITY
        ? null
        : new TotalTime(this, this.#context.deadlines, monotonicMs() + tunnelTotalMs);
    this.#context.load.inFlight--;
    const writable = this.#client.startTunnel(view, this.#requestId);
    if (first.length > 0) this.onTunnelData(first);
    else if (!writable) this.#call?.pause();
  }

  onTunnelData(bytes: Buffer): void {
    this.#bytesOut += bytes.length;
    if (!this.#client.sendTunnel(bytes)) this.#call?.pause();
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

  #answer(status: number, outcome: Outcome, reason: string, allow = ''): void {
    if (outcome === 'refused') this.#context.metrics.limitReached(reason);
    const answer = errorAnswer(status, this.#requestId, wantsHtml(this.#view));
    const fields = fieldsOf(status, this.#retryAfterSeconds, allow) + fieldLines(this.#edits);
    this.#local({ status, fields, ...answer, reason }, outcome);
  }

  #local(answer: OwnAnswer, outcome: Outcome): void {
    const { status, fields, contentType, body, reason } = answer;
    this.#outcome = outcome;
    this.#reason = reason;
    this.#responded = true;
    const id = this.#requestId;
    const isSaid = this.#client.sendLocal(status, fields, contentType, body, id, this.isHead);
    // nginx's code for a connection that is closed without an answer.
    this.#status = isSaid ? status : 444;
    this.#bytesOut = this.isHead || !isSaid ? 0 : Buffer.byteLength(body);
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
    if (!this.#tunnel) this.#context.load.inFlight--;
    endRequest(this.#context, this.#client, this.#inspection, {
      id: this.#requestId,
      view: this.#view,
      listener: this.#client.listener,
      peer: this.#client.peer,
      client: this.#address,
      facts: this.#client.facts,
      method: this.#method,
      host: this.#host,
      route: this.#route,
      upstream: this.#call?.url ?? '',
      status: this.#status,
      outcome: this.#outcome,
      reason: this.#reason,
      isTunnel: this.#tunnel,
      bytesIn: this.#bytesIn,
      bytesOut: this.#bytesOut,
      durationMs: monotonicMs() - this.#startedAt,
      found: this.#inspection?.found ?? null,
      overRate: this.#overRate,
      isEnforced: this.#inspection?.isEnforced ?? false,
      wafMs: this.#inspection?.spentMs ?? 0,
      transaction: this.#inspection?.transaction ?? null,
    });
    this.#client.exchangeDone();
  }
}
