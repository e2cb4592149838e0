/**
 * A request that came by no connection of ours, through the rules of the route it would take: the same modules, the
 * same gate and the same bounds as a client's, and nothing is forwarded.
 *
 * ```
 * head, body ─► parse ─► route ─► gate ─► allow | block | challenge
 *                 │ not one that would be forwarded: block     │ no route, or no rules: allow, and says so
 * ```
 */
import { monotonicMs } from '#core/clock.ts';
import type { RequestView } from '#waf/request-view.ts';
import { type Stop, statusOfStop } from '#waf/verdict.ts';
import type { ConnectionFacts } from './connection-facts.ts';
import type { ProxyContext } from './context.ts';
import { hostOf } from './forward-request.ts';
import { ForwardedFields } from './forwarded-fields.ts';
import { BodyPiece } from './http1/body-piece.ts';
import { complete } from './http1/parse-problem.ts';
import { parseRequest } from './http1/parse-request.ts';
import { factsForRules, type Inspected, Inspection } from './inspection.ts';
import { RequestGate, type RequestGateOwner } from './request-gate.ts';
import { nextRequestId } from './request-id.ts';
import type { RequestRecord } from './request-record.ts';
import type { CompiledRoute } from './snapshot.ts';

export type CheckedRequest = {
  readonly clientAddress: string;
  readonly head: Uint8Array;
  readonly body: Uint8Array;
};

export type CheckAnswer = {
  readonly verdict: 'allow' | 'block' | 'challenge';
  /** Empty where rules said nothing. */
  readonly rule: string;
  readonly reason: string;
};

export function checkRequest(context: ProxyContext, given: CheckedRequest): Promise<CheckAnswer> {
  return new Promise((resolve) => new RequestCheck(context, given, resolve).run());
}

class RequestCheck implements Inspected, RequestGateOwner {
  readonly #context: ProxyContext;
  readonly #given: CheckedRequest;
  readonly #resolve: (answer: CheckAnswer) => void;
  readonly #startedAt = monotonicMs();
  readonly #id = nextRequestId();
  readonly #view: RequestView;
  #route: CompiledRoute | null = null;
  #inspection: Inspection | null = null;
  #gate: RequestGate | null = null;
  #isDone = false;

  constructor(
    context: ProxyContext,
    given: CheckedRequest,
    resolve: (answer: CheckAnswer) => void,
  ) {
    this.#context = context;
    this.#given = given;
    this.#resolve = resolve;
    this.#view = context.views.take();
  }

  run(): void {
    const { snapshot, deadlines } = this.#context;
    const { router, limits } = snapshot;
    const head = Buffer.from(this.#given.head);
    const view = this.#view;
    const result = parseRequest(view, head, 0, head.length, limits);
    if (result !== complete || view.refusal !== 0) {
      this.#end('block', null, 'is no request that would be forwarded');
      return;
    }
    const route = router.match(router.hostEntries(hostOf(view)), view);
    if (route === undefined) {
      this.#end('allow', null, 'no route');
      return;
    }
    this.#route = route;
    if (route.entries.length === 0) {
      this.#end('allow', null, 'no rules');
      return;
    }
    const facts = factsForRules(factsOf(this.#given), this.#given.clientAddress);
    this.#inspection = new Inspection(route, view, facts, this.#id, this, deadlines);
    this.#gate = new RequestGate(this, this.#inspection, route.bodyWindowBytes, route.beyondWindow);
    this.#gate.start(pieceOf(this.#given.body));
  }

  // ── what the gate asks of whoever it works for ────────────────────────────────────────────────────

  onInspected(stop: Stop | null): void {
    if (!this.#isDone) this.#gate?.onInspected(stop);
  }

  /** A pass is a cookie of this node, and whoever asks cannot have given it. */
  get isAdmitted(): boolean {
    return false;
  }

  mayForward(): boolean {
    return true;
  }

  forward(): void {
    this.#end('allow', null, '');
  }

  forwardBody(): void {}

  stop(stop: Stop): void {
    this.#end(stop.kind === 'challenge' ? 'challenge' : 'block', stop, stop.reason);
  }

  refuseRequest(_status: number, reason: string): void {
    this.#end('block', null, reason);
  }

  wantBody(): void {}

  pauseRequest(): void {}

  #end(verdict: CheckAnswer['verdict'], stop: Stop | null, reason: string): void {
    if (this.#isDone) return;
    this.#isDone = true;
    const { metrics, observers, views } = this.#context;
    const record = this.#record(verdict, stop, reason);
    const { status, outcome, bytesIn, bytesOut, durationMs, wafMs } = record;
    const rule = record.found?.rule ?? '';
    this.#inspection?.finish(metrics, {
      ...{ status, outcome, bytesIn, bytesOut, durationMs, wafMs, rule },
    });
    for (const observer of observers) observer.onRequest(record);
    views.give(this.#view);
    this.#resolve({ verdict, rule: stop?.rule ?? '', reason });
  }

  #record(verdict: CheckAnswer['verdict'], stop: Stop | null, reason: string): RequestRecord {
    const view = this.#view;
    const inspection = this.#inspection;
    const { clientAddress, body } = this.#given;
    return {
      id: this.#id,
      view,
      listener: 0,
      peer: clientAddress,
      client: clientAddress,
      facts: factsOf(this.#given),
      method: view.bytes.toString('latin1', view.start, view.methodEnd),
      host: hostOf(view),
      route: this.#route,
      upstream: '',
      status: verdict === 'allow' ? 200 : stop === null ? 403 : statusOfStop(stop),
      outcome: verdict === 'allow' ? 'forwarded' : 'blocked',
      reason,
      isTunnel: false,
      bytesIn: body.length,
      bytesOut: 0,
      durationMs: monotonicMs() - this.#startedAt,
      found: inspection?.found ?? null,
      isEnforced: inspection?.isEnforced ?? false,
      wafMs: inspection?.spentMs ?? 0,
      transaction: inspection?.transaction ?? null,
      overRate: null,
    };
  }
}

/** Nothing is known of the connection but who is at its other end. */
const factsOf = ({ clientAddress }: CheckedRequest): ConnectionFacts => ({
  listener: 0,
  peer: clientAddress,
  isTls: false,
  ja4: '',
  certificate: null,
  forwarded: new ForwardedFields(clientAddress, false),
});

/** All of it is there. */
function pieceOf(body: Uint8Array): BodyPiece {
  const piece = new BodyPiece();
  piece.reset(Buffer.from(body), false);
  if (body.length > 0) piece.add(0, body.length);
  piece.last = true;
  return piece;
}
