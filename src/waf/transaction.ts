/**
 * One request as its modules see and change it: the parsed heads, what is known of the client, and what
 * modules leave for each other and for the forwarder.
 *
 * Made once a request whose route has modules. What is rarely used is made when it is first used, so a
 * request that every module lets pass costs one object.
 */
import type { RequestView } from './request-view.ts';
import type { ResponseView } from './response-view.ts';
import { type RuleMatch, ruleMatchesMax } from './rule-match.ts';
import type { Stop } from './verdict.ts';

/** What the host knows of a request beside its head. */
export type RequestFacts = {
  /** IPv4 or IPv6 text, behind trusted proxies already. */
  readonly clientAddress: string;
  readonly tls: boolean;
  /** JA4 of the client hello, ASCII; empty or absent without TLS. */
  readonly ja4?: string;
  /** What the client showed of itself in the handshake; the subject is ASCII. */
  readonly certificate?: {
    readonly subject: string;
    readonly sha256: string;
    readonly verified: boolean;
  } | null;
};

/** A change to a message's fields. The name is a token in lower case; the value has no CR, LF or NUL. */
export type FieldEdit = {
  readonly kind: 'set' | 'add' | 'remove';
  readonly name: string;
  /** latin1; empty for `remove`. */
  readonly value: string;
};

export const tagsMax = 64;
export const fieldEditsMax = 64;
/** Names and values that modules make of a message's trailers, as many as may come with one. */
export const trailerBytesMax = 8_192;
export const notesMax = 64;
/** Names and values of all notes together, in bytes. */
export const noteBytesMax = 16_384;

export class Transaction {
  /** As it came, or with another request line. */
  request: RequestView;
  readonly facts: RequestFacts;
  readonly requestId: string;
  /** The route's name. */
  readonly route: string;
  /** Name of the upstream, as the configuration has it. */
  readonly upstream: string;
  /** Everything is worked out and nothing is enforced. */
  readonly isMonitored: boolean;
  /** From the response head on. Valid while the phase runs. */
  #response: ResponseView | null = null;
  score = 0;
  /** What the upstream gets instead of the body that came; only where the window held all of it. */
  replacedRequestBody: Buffer | null = null;
  /** What the client gets instead of the body that came; only from a filter that held it back. */
  replacedResponseBody: Buffer | null = null;
  /** Names and values in turn, where a module has changed what came. A request's go no further. */
  changedRequestTrailers: readonly string[] | null = null;
  changedResponseTrailers: readonly string[] | null = null;
  /** While a module is shown the end of a body: what came behind it, names and values in turn. */
  trailers: { readonly of: 'request' | 'response'; readonly fields: readonly string[] } | null =
    null;
  #unlisted = 0;
  #matches: RuleMatch[] | null = null;
  #tags: Set<string> | null = null;
  #notes: Map<string, Buffer> | null = null;
  #noteBytes = 0;
  #requestEdits: FieldEdit[] | null = null;
  #responseEdits: FieldEdit[] | null = null;
  /** The first stop of a rule that only watches. */
  watched: Stop | null = null;
  /** How often such rules have found something. */
  monitoredCount = 0;
  /** The request that this is a shadow of. */
  #watches: Transaction | null = null;

  constructor(
    request: RequestView,
    facts: RequestFacts,
    requestId: string,
    route: string,
    upstream: string,
    isMonitored: boolean,
  ) {
    this.request = request;
    this.facts = facts;
    this.requestId = requestId;
    this.route = route;
    this.upstream = upstream;
    this.isMonitored = isMonitored;
  }

  /** A shadow sees that of its request: it may be put on other bytes while a module waits. */
  get response(): ResponseView | null {
    return this.#root.#response;
  }

  set response(view: ResponseView | null) {
    this.#root.#response = view;
  }

  get clientAddress(): string {
    return this.facts.clientAddress;
  }

  /** In the order they were found. */
  get matches(): readonly RuleMatch[] {
    return this.#matches ?? noMatches;
  }

  addMatch(match: RuleMatch): void {
    const root = this.#root;
    if (match.mode === 'monitor') root.monitoredCount++;
    root.#matches ??= [];
    if (root.#matches.length < ruleMatchesMax) root.#matches.push(match);
    else root.#unlisted++;
  }

  /** Rules that matched beyond `ruleMatchesMax`. */
  get matchesUnlisted(): number {
    return this.#unlisted;
  }

  /** Of a rule set that had no room for them itself. */
  addUnlisted(count: number): void {
    this.#root.#unlisted += count;
  }

  get tags(): ReadonlySet<string> {
    return this.#tags ?? noTags;
  }

  /** False where there are `tagsMax` already. */
  addTag(tag: string): boolean {
    this.#tags ??= new Set();
    if (this.#tags.size >= tagsMax && !this.#tags.has(tag)) return false;
    this.#tags.add(tag);
    return true;
  }

  get requestEdits(): readonly FieldEdit[] {
    return this.#requestEdits ?? noEdits;
  }

  get responseEdits(): readonly FieldEdit[] {
    return this.#responseEdits ?? noEdits;
  }

  /** False where there are `fieldEditsMax` already. */
  editRequest(edit: FieldEdit): boolean {
    this.#requestEdits ??= [];
    return this.#requestEdits.length < fieldEditsMax && this.#requestEdits.push(edit) > 0;
  }

  editResponse(edit: FieldEdit): boolean {
    this.#responseEdits ??= [];
    return this.#responseEdits.length < fieldEditsMax && this.#responseEdits.push(edit) > 0;
  }

  /** Request-scope key-value, shared by the phases of one module: the host puts its name into the key. */
  note(key: string): Buffer | undefined {
    return this.#notes?.get(key);
  }

  /** False where the bounds are reached; the value is kept, not copied. */
  setNote(key: string, value: Buffer): boolean {
    this.#notes ??= new Map();
    const before = this.#notes.get(key);
    const bytes =
      this.#noteBytes + value.length + (before === undefined ? key.length : -before.length);
    if (bytes > noteBytesMax || (before === undefined && this.#notes.size >= notesMax))
      return false;
    this.#notes.set(key, value);
    this.#noteBytes = bytes;
    return true;
  }

  /** What a module says of a request; a rule set has said what matched, rule by rule. */
  noteStop(stop: Stop, mode: RuleMatch['mode']): void {
    if (mode === 'monitor') this.#root.watched ??= stop;
    if (stop.matches !== undefined) return;
    const { rule, reason, target, matched } = stop;
    this.addMatch({ rule, message: reason, severity: null, tags: [], target, matched, mode });
  }

  /** Names of the rules that have found something and only watch. */
  get monitoredRules(): readonly string[] {
    if (this.monitoredCount === 0) return noRules;
    const watching = this.matches.filter(({ mode }) => mode === 'monitor');
    return [...new Set(watching.map(({ rule }) => rule))];
  }

  get #root(): Transaction {
    return this.#watches ?? this;
  }

  /** For a module whose changes may not hold: what it leaves is in its own copy until `adopt`. */
  shadow(isMonitored: boolean): Transaction {
    const { request, facts, requestId, route, upstream } = this;
    const copy = new Transaction(request, facts, requestId, route, upstream, isMonitored);
    copy.#watches = this;
    return copy;
  }

  /** Before each call of its module a shadow is as the request is. Notes stay: they are the module's own. */
  follow(other: Transaction): void {
    this.request = other.request;
    this.score = other.score;
    this.replacedRequestBody = other.replacedRequestBody;
    this.replacedResponseBody = other.replacedResponseBody;
    this.changedRequestTrailers = other.changedRequestTrailers;
    this.changedResponseTrailers = other.changedResponseTrailers;
    this.#tags = other.#tags === null ? null : new Set(other.#tags);
    this.#requestEdits = other.#requestEdits?.slice() ?? null;
    this.#responseEdits = other.#responseEdits?.slice() ?? null;
  }

  /** What the shadow's module has left holds. */
  adopt(shadow: Transaction): void {
    this.follow(shadow);
  }

  deleteNote(key: string): boolean {
    const before = this.#notes?.get(key);
    if (before === undefined) return false;
    this.#notes?.delete(key);
    this.#noteBytes -= key.length + before.length;
    return true;
  }
}

const noRules: readonly string[] = [];
const noMatches: readonly RuleMatch[] = [];
const noTags: ReadonlySet<string> = new Set();
const noEdits: readonly FieldEdit[] = [];
