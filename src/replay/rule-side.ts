/**
 * One of the two rule sets that recorded requests run through: routes, modes and thresholds of a configuration with
 * the modules that belong to it, on the very path of a live request (`#proxy/request-gate.ts`, `response-gate.ts`, `inspection.ts`).
 *
 * ```
 * recorded ─► parse ─► route ─► gate: head, body window ─► response head ─► as much of its body as there is ─► what was
 *                                                                                              decided, µs, fuel
 * ```
 *
 * What is not there: upstreams, and what modules keep or ask outside of this thread. Values, counts and token buckets
 * begin empty, fetches bring nothing, blocks go nowhere. A challenge is one, whatever pass the client had.
 */
import type { Config } from '#config/schema.ts';
import { monotonicMs } from '#core/clock.ts';
import { DeadlineTable } from '#core/deadline-table.ts';
import { leadingMatch } from '#core/leading-match.ts';
import { hostOf } from '#proxy/forward-request.ts';
import { type Framing, framing } from '#proxy/http1/body-decoder.ts';
import { BodyPiece } from '#proxy/http1/body-piece.ts';
import { complete, parseProblem } from '#proxy/http1/parse-problem.ts';
import { parseRequest } from '#proxy/http1/parse-request.ts';
import { parseResponse } from '#proxy/http1/parse-response.ts';
import { type Inspected, Inspection } from '#proxy/inspection.ts';
import { ProxyMetrics } from '#proxy/proxy-metrics.ts';
import { RequestGate, type RequestGateOwner } from '#proxy/request-gate.ts';
import { ResponseGate, type ResponseGateOwner } from '#proxy/response-gate.ts';
import { type CompiledRoute, compileSnapshot, type Snapshot } from '#proxy/snapshot.ts';
import { UpstreamRegistry } from '#proxy/upstream/upstream-registry.ts';
import { MetricRegistry } from '#telemetry/metrics.ts';
import { RequestView } from '#waf/request-view.ts';
import { responseHeadBytesMax, responseHeadersMax } from '#waf/response-bounds.ts';
import { ResponseView } from '#waf/response-view.ts';
import type { RuleMatch } from '#waf/rule-match.ts';
import type { Stop } from '#waf/verdict.ts';
import { compileFilter } from '#wasm/compile-filter.ts';
import { type Filter, phase } from '#wasm/filter.ts';
import { guardFilter } from '#wasm/guarded-filter.ts';
import { guestLimits } from '#wasm/guest-limits.ts';
import type { CompileSource } from '#wasm/live-module.ts';
import { readModule } from '#wasm/seclang/module-file.ts';
import { DatabaseFiles } from '#wasm/services/database-files.ts';
import { trialServices } from '#wasm/services/trial-services.ts';
import type { RecordedRequest } from './recorded-request.ts';

export type SideSource = {
  readonly config: Config;
  readonly modules: readonly SideModule[];
};
export type SideModule = CompileSource & { readonly off: string | null };

/** What a rule set says of a request. `noted`: it would be stopped, and its route or rule only watches. */
export type SideVerdict = {
  readonly verdict: 'passed' | 'noted' | 'stopped';
  readonly kind: Stop['kind'] | null;
  /** Which decided, or what it added up most of; empty for none. */
  readonly rule: string;
  readonly reason: string;
  readonly target: string;
  readonly matched: string;
  /** All that matched, sorted. */
  readonly rules: readonly string[];
  readonly score: number;
};

export type SideRun = SideVerdict & {
  /** What became of the answer's body, where rules look at it; null where none does. */
  readonly answer: 'shown' | 'cut' | 'missing' | null;
  readonly microseconds: number;
  readonly fuel: number;
};

/** The same with each match: what somebody asks who wants to know why. */
export type SideExplanation = {
  /** Null where no route takes it. */
  readonly route: string | null;
  /** Points at which it is blocked; null where no route takes it. */
  readonly blockAtScore: number | null;
  readonly run: SideRun;
  /** In the order they were found. */
  readonly matches: readonly RuleMatch[];
  readonly matchesUnlisted: number;
};

export type SideOptions = {
  /** A failure of a module, one line. */
  readonly onFailure: (module: string, message: string, isQuarantine: boolean) => void;
};

/** Of a rule set those of phase 4; any other module counts as one. */
const rulesOnAnswersOf = (bytes: Uint8Array): number =>
  readModule(bytes)?.facts.rules.filter((rule) => rule.phase === 4).length ?? 1;

export class RuleSide {
  readonly #snapshot: Snapshot;
  readonly #filters: readonly Filter[];
  readonly #metrics: ProxyMetrics;
  readonly #deadlines = new DeadlineTable();
  readonly #view: RequestView;
  readonly #response = new ResponseView(responseHeadersMax);

  /** Rules and modules for bodies of answers, of which there may be no copy. */
  readonly rulesOnAnswers: number;

  private constructor(
    snapshot: Snapshot,
    filters: readonly Filter[],
    metrics: ProxyMetrics,
    rulesOnAnswers: number,
  ) {
    this.rulesOnAnswers = rulesOnAnswers;
    this.#snapshot = snapshot;
    this.#filters = filters;
    this.#metrics = metrics;
    this.#view = new RequestView(snapshot.limits.headersMax);
  }

  /** Throws MODULE_INVALID, CONFIG_INVALID. */
  static async create({ config, modules }: SideSource, options: SideOptions): Promise<RuleSide> {
    const registry = new MetricRegistry();
    const metrics = new ProxyMetrics(registry);
    const deadlines = new DeadlineTable();
    const upstreams = new UpstreamRegistry(deadlines, registry, () => {});
    deadlines.close();
    const databases = new DatabaseFiles();
    await databases.load(modules.flatMap((module) => Object.values(module.databases)));
    const services = trialServices(() => {}, { database: (file) => databases.get(file) });
    const limits = guestLimits(config);
    const filters = new Map<string, Filter>();
    for (const source of modules)
      filters.set(
        source.name,
        guardFilter(
          source,
          (report) => compileFilter(source, limits, services, report),
          (message, _kind, isQuarantine) => options.onFailure(source.name, message, isQuarantine),
        ),
      );
    const groups = upstreams.prepare(config, []);
    const snapshot = compileSnapshot(1, config, groups, filters, metrics.modules);
    const rulesOnAnswers = modules
      .filter(({ name }) => (filters.get(name)?.phases ?? 0) & phase.responseBody)
      .reduce((sum, { bytes }) => sum + rulesOnAnswersOf(bytes), 0);
    return new RuleSide(snapshot, [...filters.values()], metrics, rulesOnAnswers);
  }

  /** Null where the request cannot be read by this configuration: it is longer than its limits. */
  async run(request: RecordedRequest): Promise<SideRun | null> {
    const explained = await this.explain(request);
    return typeof explained === 'number' ? null : explained.run;
  }

  /** A `parseProblem` where the request cannot be read by this configuration. */
  async explain(request: RecordedRequest): Promise<SideExplanation | number> {
    const view = this.#view;
    const { limits, router } = this.#snapshot;
    const parsed = parseRequest(view, request.head, 0, request.head.length, {
      ...limits,
      dropsLengthBesideChunked: true,
      readsWithoutVersion: true,
    });
    if (parsed !== complete) return parsed;
    if (request.major === 2) {
      // Its head was written down in the form of HTTP/1.1, with its own version.
      view.major = 2;
      view.chunked = request.chunked;
      if (view.refusal === parseProblem.version) view.refusal = 0;
    }
    const route = router.match(router.hostEntries(hostOf(view)), view);
    if (route === undefined || route.entries.length === 0)
      return {
        ...{ route: route?.name ?? null, blockAtScore: route?.blockAtScore ?? null },
        ...{ run: nothingRan, matches: [], matchesUnlisted: 0 },
      };
    const fuelBefore = this.#fuel();
    const startedAt = monotonicMs();
    const walk = new Walk(route, view, request, this.#deadlines);
    const waits = walk.start(this.#responseOf(request));
    if (waits !== null) await waits;
    const { inspection, refusal, answer } = walk;
    inspection.finish(this.#metrics, {
      ...{ status: request.status, outcome: 'forwarded', bytesIn: request.bytes.length },
      ...{ bytesOut: 0, durationMs: 0, wafMs: inspection.spentMs, rule: '' },
    });
    const microseconds = (monotonicMs() - startedAt) * 1_000;
    const fuel = this.#fuel() - fuelBefore;
    const { matches, matchesUnlisted } = inspection.transaction;
    return {
      ...{ route: route.name, blockAtScore: route.blockAtScore, matches, matchesUnlisted },
      run: { ...verdictOf(inspection, refusal), answer, microseconds, fuel },
    };
  }

  close(): void {
    this.#deadlines.close();
    for (const filter of this.#filters) filter.close();
  }

  #fuel(): number {
    let sum = 0;
    for (const filter of this.#filters) sum += filter.fuelUsed;
    return sum;
  }

  #responseOf({ responseHead }: RecordedRequest): ResponseView | null {
    if (responseHead === null) return null;
    const { length } = responseHead;
    return parseResponse(this.#response, responseHead, 0, length, responseHeadBytesMax) === complete
      ? this.#response
      : null;
  }
}

const nothingRan: SideRun = {
  ...{ verdict: 'passed', kind: null, rule: '', reason: '', target: '', matched: '' },
  ...{ rules: [], score: 0, answer: null, microseconds: 0, fuel: 0 },
};

function verdictOf(inspection: Inspection, refusal: string | null): SideVerdict {
  const { found, transaction } = inspection;
  const rules = [...new Set(transaction.matches.map(({ rule }) => rule))].sort();
  const common = { rules, score: transaction.score };
  if (!inspection.isEnforced && refusal !== null)
    return {
      ...{ verdict: 'stopped', kind: 'block', rule: 'weir/body', reason: refusal },
      ...{ target: 'body', matched: '', ...common },
    };
  if (found === null)
    return {
      verdict: 'passed',
      kind: null,
      rule: '',
      reason: '',
      target: '',
      matched: '',
      ...common,
    };
  const { kind, rule, reason, target, matched } = found;
  const verdict = inspection.isEnforced ? 'stopped' : 'noted';
  const leading = leadingMatch(transaction.matches, rule);
  const why =
    leading === null
      ? { rule, reason, target, matched }
      : {
          ...{ rule: leading.rule, reason: leading.message },
          ...{ target: leading.target, matched: leading.matched },
        };
  return { verdict, kind, ...why, ...common };
}

/** One request between its gate and its response. */
class Walk implements RequestGateOwner, ResponseGateOwner, Inspected {
  readonly isAdmitted = false;
  readonly inspection: Inspection;
  /** Why it is answered without a word of its rules. */
  refusal: string | null = null;
  readonly isHead: boolean;
  readonly #gate: RequestGate;
  readonly #windowBytes: number;
  readonly #request: RecordedRequest;
  #response: ResponseView | null = null;
  #responseGate: ResponseGate | null = null;
  #isOver = false;
  #ended: (() => void) | null = null;

  constructor(
    route: CompiledRoute,
    view: RequestView,
    request: RecordedRequest,
    deadlines: DeadlineTable,
  ) {
    const { client, tls, ja4, certificate, id } = request;
    const { bodyWindowBytes, beyondWindow } = route;
    const facts = { clientAddress: client, tls, ja4, certificate };
    this.#request = request;
    this.#windowBytes = bodyWindowBytes;
    this.isHead = request.head.toString('latin1', 0, 5) === 'HEAD ';
    this.inspection = new Inspection(route, view, facts, id, this, deadlines);
    this.#gate = new RequestGate(this, this.inspection, bodyWindowBytes, beyondWindow);
  }

  /** Null where it is over at once. */
  start(response: ResponseView | null): Promise<void> | null {
    const { bytes, body } = this.#request;
    this.#response = response;
    const piece = pieceOf(bytes);
    piece.last = body === 'whole';
    this.#gate.start(piece);
    if (this.#isOver) return null;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#ended = resolve;
    return promise;
  }

  onInspected(stop: Stop | null): void {
    (this.#responseGate ?? this.#gate).onInspected(stop);
  }

  mayForward(): boolean {
    return true;
  }

  forward(): void {
    const { inspection } = this;
    const wanted = phase.responseHead | phase.responseBody | phase.buffersResponse;
    if (this.#response === null || !inspection.wants(wanted)) {
      this.#end();
      return;
    }
    const { answer, answerBytes } = this.#request;
    const piece = pieceOf(answerBytes ?? noBytes);
    piece.last = this.isHead || (answer === 'whole' && piece.size === 0);
    const gate = new ResponseGate(this, inspection, this.#windowBytes);
    this.#responseGate = gate;
    gate.start(this.#response, framing.chunked, piece);
    if (this.#isOver || piece.last) return;
    // Nothing more comes, of an answer that went on either.
    const end = new BodyPiece();
    end.last = true;
    gate.offer(end);
  }

  respond(_view: ResponseView, _framing: Framing, piece: BodyPiece): void {
    if (piece.last) this.#end();
  }

  respondBody(piece: BodyPiece): void {
    if (piece.last) this.#end();
  }

  pauseResponse(): void {}

  onClientDrain(): void {}

  forwardBody(): void {}

  stop(): void {
    this.#end();
  }

  refuseRequest(_status: number, reason: string): void {
    this.refusal = reason;
    this.#end();
  }

  /** All that was kept of the body is there already: it ends here. */
  wantBody(): void {
    const end = new BodyPiece();
    end.last = true;
    this.#gate.offer(end);
  }

  pauseRequest(): void {}

  /** What became of the answer's body, once it is over. */
  get answer(): SideRun['answer'] {
    if (this.#responseGate === null || !this.inspection.wants(phase.responseBody)) return null;
    const { answer } = this.#request;
    if (answer === 'whole') return 'shown';
    return answer === 'cut' ? 'cut' : 'missing';
  }

  #end(): void {
    this.#isOver = true;
    this.#ended?.();
  }
}

const noBytes = Buffer.alloc(0);

function pieceOf(bytes: Buffer): BodyPiece {
  const piece = new BodyPiece();
  piece.reset(bytes, false);
  if (bytes.length > 0) piece.add(0, bytes.length);
  return piece;
}
