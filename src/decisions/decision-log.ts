/**
 * The replicated block list of a fleet at one member: what it has answered is on disk, and what it holds is the same
 * as at any other member that has got the same batches, in whatever order.
 *
 * ```
 * bytes ─► admit (signature, rights, times, budget) ─► DecisionMap ─► Change ─► `write`: decisions.db, with fsync
 * issue ─► clock, budget, sign ─► decisions.db, one commit with fsync ─► DecisionMap ─► Change
 * ```
 *
 * What others decided holds before it is on disk, so that nobody who attacks gains the time of a sync, and is
 * acknowledged after; what this member decides is on disk before anybody hears of it. Every commit writes all that
 * waits: nothing that came later is ever on disk without what came before.
 *
 * Nothing here knows how batches travel. Who carries them calls `accept` and `issue`, `expire` each second and
 * `compact` each minute, and compares `digest` with others; who enforces them does what each `Change` says, and
 * begins with `enforced`.
 */
import { createPublicKey, hash, type KeyObject } from 'node:crypto';
import { WeirError } from '#core/errors.ts';
import { admitBatch, type Refusal } from './admit-batch.ts';
import { encodeBatch, readBatchHead, readDecisions } from './batch.ts';
import { batchMarks, batchPiece, idOf, type Piece, type PieceQuery } from './batch-pieces.ts';
import { allot, type Issued, isWithinTwice, minuteOf } from './budget.ts';
import type { Decision, DecisionRequest } from './decision.ts';
import { clockSkewMaxMs } from './decision.ts';
import { type BatchKey, DecisionDatabase } from './decision-database.ts';
import { type DecisionDigest, differingBuckets } from './decision-digest.ts';
import { type BatchRef, DecisionMap, decisionEntriesMax } from './decision-map.ts';
import { checkRequests, decisionOf, inChunks } from './decision-requests.ts';
import { type Change, EnforcedDecisions } from './enforced-decisions.ts';
import { HybridClock } from './hybrid-clock.ts';
import { type Member, publicKeyText, type Trust } from './trust.ts';
import { UnwrittenBatches } from './unwritten-batches.ts';

export type AcceptResult =
  | {
      readonly kind: 'applied';
      readonly issuer: string;
      readonly sequence: number;
      readonly change: Change;
    }
  /** Known, or all it says is outdone by what is known. */
  | { readonly kind: 'duplicate'; readonly issuer: string; readonly sequence: number }
  /** `issuer` is null where nobody is to blame but whoever sent it. */
  | { readonly kind: 'refused'; readonly reason: Refusal; readonly issuer: string | null };

export type IssuedBatch = { readonly sequence: number; readonly bytes: Uint8Array };

export type IssueResult = {
  /** To be handed on: they are on disk already, and hold here. */
  readonly batches: readonly IssuedBatch[];
  readonly change: Change;
};

export type DecisionLogOptions = {
  readonly directory: string;
  readonly trust: Trust;
  readonly self: { readonly id: string; readonly privateKey: KeyObject };
  /** Ranges that no decision keeps out at this member. */
  readonly protected: readonly string[];
  readonly entriesMax?: number;
  readonly unwrittenBytesMax?: number;
};

/** Own batches with fewer entries left than this are put together in new ones. */
export const smallBatchEntries = 250;

export class DecisionLog {
  readonly #options: DecisionLogOptions;
  readonly #entriesMax: number;
  readonly #database: DecisionDatabase;
  readonly #clock: HybridClock;
  readonly #map: DecisionMap;
  readonly #enforced: EnforcedDecisions;
  readonly #seen: Map<string, number>;
  readonly #batches = new Map<string, BatchRef>();
  /** Of which nothing counts any more; they are on disk until the next write. */
  #spent = new Set<BatchRef>();
  readonly #unwritten: UnwrittenBatches;
  readonly #doubled = new Map<string, number>();
  #issued: Issued;
  /** Batches of issuers no longer believed, left out at the start. */
  #distrusted = 0;

  private constructor(options: DecisionLogOptions, database: DecisionDatabase, nowMs: number) {
    this.#options = options;
    this.#entriesMax = options.entriesMax ?? decisionEntriesMax;
    this.#unwritten = new UnwrittenBatches(options.unwrittenBytesMax);
    this.#database = database;
    const { next, issuedAtMs, clock } = database.own();
    this.#issued = { next, issuedAtMs };
    this.#clock = new HybridClock(clock);
    this.#seen = database.seen();
    this.#map = new DecisionMap((batch) => this.#spent.add(batch));
    this.#enforced = new EnforcedDecisions(this.#map, options.protected);
    database.attempt(() => this.#load(nowMs));
  }

  /** Throws STATE_UNUSABLE. */
  static open(options: DecisionLogOptions, nowMs: number): DecisionLog {
    const database = DecisionDatabase.open(options.directory);
    try {
      return new DecisionLog(options, database, nowMs);
    } catch (error) {
      database.close();
      throw error;
    }
  }

  get self(): string {
    return this.#options.self.id;
  }

  /** With tombstones, and what stands in the way. */
  get entries(): number {
    return this.#map.size;
  }

  get batches(): number {
    return this.#batches.size;
  }

  /** By issuer, batches that have places of another: it lost its disk in that minute, or its key is used twice. */
  get doubled(): ReadonlyMap<string, number> {
    return this.#doubled;
  }

  get distrusted(): number {
    return this.#distrusted;
  }

  /** What is in force: its count, its pages, what is protected. */
  get enforced(): EnforcedDecisions {
    return this.#enforced;
  }

  /** The newest sequence number of each issuer that was ever taken here. */
  get seen(): ReadonlyMap<string, number> {
    return this.#seen;
  }

  digest(): DecisionDigest {
    return this.#map.digest();
  }

  /** One batch of anybody, on disk when it returns. Throws STATE_UNUSABLE, and then it holds and waits for `write`. */
  accept(bytes: Uint8Array, nowMs: number): AcceptResult {
    return this.acceptAll([bytes], nowMs)[0] as AcceptResult;
  }

  /** In one commit. */
  acceptAll(list: readonly Uint8Array[], nowMs: number): AcceptResult[] {
    const results = list.map((bytes) => this.take(bytes, nowMs));
    this.write();
    return results;
  }

  /** All that waits, in one commit with one sync of the disk. Throws STATE_UNUSABLE, and then all of it still waits. */
  write(): void {
    if (this.#unwritten.count === 0) return;
    this.#commit(() => {});
  }

  /** Batches that hold and are not on disk. */
  get unwritten(): number {
    return this.#unwritten.count;
  }

  /**
   * Holds when this returns, and is on disk after `write`: only then may it be acknowledged. Throws STATE_UNUSABLE
   * where the disk cannot be read.
   */
  take(bytes: Uint8Array, nowMs: number): AcceptResult {
    const digest = digestOf(bytes);
    const known = readBatchHead(bytes);
    // The same bytes were checked when they were kept: what is repeated costs no signature.
    if (known !== null && this.#batches.has(idOf({ ...known, digest })))
      return { kind: 'duplicate', issuer: known.issuer, sequence: known.sequence };
    const admission = admitBatch(bytes, this.#options.trust, nowMs);
    if (!admission.ok)
      return { kind: 'refused', reason: admission.reason, issuer: admission.issuer };
    const { head, member } = admission;
    const { issuer, sequence, count, expiresAtMs } = head;
    const refuse = (reason: Refusal): AcceptResult => ({ kind: 'refused', reason, issuer });
    if (this.#find({ issuer, sequence, digest }) !== null)
      return { kind: 'duplicate', issuer, sequence };
    const lastSequence = sequence + count - 1;
    const clash = this.#clashOf(member, sequence, lastSequence);
    if (clash === 'beyond') return refuse('conflict');
    const decisions = readDecisions(bytes, head);
    if (decisions === null) return refuse('malformed');
    if (decisions.some(({ at }) => at.ms > nowMs + clockSkewMaxMs)) return refuse('future');
    const fresh = decisions.filter(
      (decision) => decision.shadowUntilMs > nowMs && this.#map.takes(decision, issuer, sequence),
    );
    if (fresh.length === 0) return { kind: 'duplicate', issuer, sequence };
    if (fresh.length > this.#entriesMax - this.#map.size || !this.#unwritten.hasRoom(bytes.length))
      return refuse('full');
    const { keyId } = member;
    const key = { issuer, sequence, digest };
    this.#unwritten.put({ ...key, lastSequence, expiresAtMs, keyId, bytes });
    if (clash === 'doubled') this.#doubled.set(issuer, (this.#doubled.get(issuer) ?? 0) + 1);
    for (const { at } of fresh) this.#clock.observe(at);
    // Own ones, from before this member lost its disk: their places are given out.
    if (issuer === this.self) this.#goOnAfter(lastSequence, head.issuedAtMs);
    const change = this.#merge({ ...key, count, live: 0 }, fresh, nowMs);
    return { kind: 'applied', issuer, sequence, change };
  }

  /**
   * Decides: signed, on disk and in the map when it returns. All of it or nothing. Throws BLOCK_TARGET_INVALID,
   * FLEET_DECISION_INVALID, FLEET_NOT_ALLOWED, FLEET_TARGET_PROTECTED, FLEET_BUDGET_SPENT, FLEET_CLOCK_BEHIND,
   * FLEET_LIST_FULL, STATE_UNUSABLE.
   */
  issue(requests: readonly DecisionRequest[], nowMs: number): IssueResult {
    const member = this.#mayIssue(nowMs);
    const checked = checkRequests(requests, nowMs);
    for (const { target, action } of checked)
      if (action === 'drop' && this.#enforced.isProtected(target))
        throw new WeirError(
          'FLEET_TARGET_PROTECTED',
          `${target} holds an address this member lives by (its own, the management's, an upstream's, a proxy's or one that is always allowed); block a range without it`,
        );
    const clockBefore = this.#clock.last;
    try {
      const decisions = checked.map((request) =>
        decisionOf(request, this.#clock.next(nowMs), this.#map.shadowOf(request.target)),
      );
      return this.#sign(member, decisions, nowMs);
    } catch (error) {
      this.#clock.reset(clockBefore);
      throw error;
    }
  }

  /**
   * Says again what is left of own small batches, in few: a joiner checks a signature for each batch. What is said
   * keeps its time, so nothing changes for anybody. Null where it is not worth it, or not the time.
   */
  reissue(nowMs: number): IssueResult | null {
    const small = [...this.#batches.values()].filter(
      ({ issuer, live }) => issuer === this.self && live > 0 && live < smallBatchEntries,
    );
    const left = small.reduce((sum, { live }) => sum + live, 0);
    if (small.length < 2 || left < smallBatchEntries) return null;
    const wanted = new Set(small);
    const decisions: Decision[] = [];
    try {
      const member = this.#mayIssue(nowMs);
      // Half of the budget is for what is new.
      const most = Math.floor(member.budget / 2);
      for (const { batch, decision } of this.#map.entries())
        if (decisions.length < most && wanted.has(batch)) decisions.push(decision);
      return this.#sign(member, decisions, nowMs);
    } catch (error) {
      if (error instanceof WeirError && notNow.has(error.code)) return null;
      throw error;
    }
  }

  /** What has ended by now. */
  expire(nowMs: number): Change {
    return this.#enforced.expire(nowMs);
  }

  /** Batches of which nothing counts any more leave the disk. */
  compact(): void {
    if (this.#spent.size > 0 || this.#unwritten.count > 0) this.#commit(() => {});
  }

  /** For repair and for joiners: batches in pieces of bounded size. */
  piece(query: PieceQuery): Piece {
    return batchPiece(query, this.#map, this.#batches, (key) => this.#find(key));
  }

  /** The buckets in which another member differs, by its digest. */
  differing(buckets: string): number[] {
    return differingBuckets(this.digest().buckets, buckets);
  }

  /** Marks of batches with something in these buckets, for a query: what need not be sent. */
  known(buckets: readonly number[] | null, most = Number.POSITIVE_INFINITY): string[] {
    return batchMarks(this.#map, this.#batches, buckets, most);
  }

  /** Other protected ranges from now on. */
  protect(ranges: readonly string[], nowMs: number): Change {
    return this.#enforced.protect(ranges, nowMs);
  }

  /**
   * The trust file has changed: what these issuers signed, and what one that has left issued after that, is gone.
   * It leaves the disk with the next commit; a start before that leaves it out as well.
   */
  distrust(issuers: ReadonlySet<string>, nowMs: number): Change {
    const { trust } = this.#options;
    return this.#enforced.drop(
      ({ issuer, decision }) =>
        issuers.has(issuer) ||
        decision.at.ms > (trust.member(issuer)?.retiredAtMs ?? Number.POSITIVE_INFINITY),
      nowMs,
    );
  }

  /** What this issuer says of targets nobody has said anything newer of. */
  *saidBy(issuer: string): Generator<Decision> {
    for (const entry of this.#map.heads()) if (entry.issuer === issuer) yield entry.decision;
  }

  /** How commits reach the disk. */
  get synchronous(): 'full' | 'less' {
    return this.#database.synchronous;
  }

  /** What waits is written first. Throws STATE_UNUSABLE where it cannot be; it is closed then as well. */
  close(): void {
    try {
      if (this.#database.isOpen) this.write();
    } finally {
      this.#database.close();
    }
  }

  #load(nowMs: number): void {
    const { trust } = this.#options;
    for (const { issuer, sequence, digest, keyId, bytes } of this.#database.batches()) {
      const head = readBatchHead(bytes);
      const decisions = head === null ? null : readDecisions(bytes, head);
      if (head === null || decisions === null)
        throw new WeirError(
          'STATE_UNUSABLE',
          `the decisions of ${issuer} in ${this.#database.path} are damaged; move the file away: the other members of the fleet fill it again`,
        );
      const batch = { issuer, sequence, digest, count: head.count, live: 0 };
      if (trust.member(issuer)?.keyId === keyId)
        this.#merge(
          batch,
          decisions.filter(({ shadowUntilMs }) => shadowUntilMs > nowMs),
          nowMs,
        );
      else this.#distrusted++;
      if (batch.live === 0) this.#spent.add(batch);
    }
  }

  #merge(batch: BatchRef, decisions: readonly Decision[], nowMs: number): Change {
    this.#batches.set(idOf(batch), batch);
    this.#seen.set(batch.issuer, Math.max(this.#seen.get(batch.issuer) ?? 0, batch.sequence));
    return this.#enforced.merge(decisions, batch, nowMs);
  }

  #sign(member: Member, decisions: readonly Decision[], nowMs: number): IssueResult {
    if (decisions.length === 0) return { batches: [], change: nothing };
    if (this.#map.size + decisions.length > this.#entriesMax)
      throw new WeirError(
        'FLEET_LIST_FULL',
        `the fleet holds ${this.#map.size} of ${this.#entriesMax} decisions, and ${decisions.length} more do not fit; wait for some to end, or block wider ranges`,
      );
    const { trust, self } = this.#options;
    const issuer = this.self;
    const { sequence: first, issuedAtMs } = allot(
      this.#issued,
      decisions.length,
      member.budget,
      nowMs,
    );
    let sequence = first;
    const made = inChunks(decisions).map((chunk) => {
      const expiresAtMs = Math.max(...chunk.map(({ shadowUntilMs }) => shadowUntilMs));
      const batch = { issuer, sequence, issuedAtMs, expiresAtMs, decisions: chunk };
      sequence += chunk.length;
      const bytes = encodeBatch(batch, trust.fleet, self.privateKey);
      return { ...batch, bytes, digest: digestOf(bytes) };
    });
    const before = this.#issued;
    this.#issued = { next: sequence, issuedAtMs };
    try {
      // Durable first: what others have heard, this member must know after a power cut, or it would say it again
      // in another way.
      this.#commit(() => {
        for (const { sequence, digest, expiresAtMs, decisions, bytes } of made)
          this.#database.put({
            ...{ issuer, sequence, digest, lastSequence: sequence + decisions.length - 1 },
            ...{ expiresAtMs, keyId: member.keyId, bytes },
          });
      });
    } catch (error) {
      this.#issued = before;
      throw error;
    }
    const changes = made.map(({ sequence, digest, decisions }) =>
      this.#merge({ issuer, sequence, digest, count: decisions.length, live: 0 }, decisions, nowMs),
    );
    return {
      batches: made.map(({ sequence, bytes }) => ({ sequence, bytes })),
      change: {
        add: changes.flatMap(({ add }) => add),
        remove: changes.flatMap(({ remove }) => remove),
      },
    };
  }

  /** Throws FLEET_NOT_ALLOWED. */
  #mayIssue(nowMs: number): Member {
    const { trust, self } = this.#options;
    const refused = (why: string) =>
      new WeirError('FLEET_NOT_ALLOWED', `${self.id} may not issue blocks: ${why}`);
    const member = trust.member(self.id);
    if (member === null) throw refused('the trust file does not name it; add it on all members');
    if (!member.may.has('block'))
      throw refused('the trust file does not say so; add "block" to its "may" on all members');
    if (nowMs > member.retiredAtMs) throw refused('the trust file says it is retired');
    const own = publicKeyText(createPublicKey(self.privateKey));
    if (own !== publicKeyText(member.key))
      throw refused('its signing key is not the one the trust file has for it');
    return member;
  }

  #clashOf(member: Member, first: number, last: number): 'none' | 'doubled' | 'beyond' {
    const minute = minuteOf(first);
    const waiting = this.#unwritten.places(member.id, minute.first, minute.last);
    const isDoubled =
      waiting.some((places) => places.first <= last && places.last >= first) ||
      this.#database.clashes(member.id, first, last);
    if (!isDoubled) return 'none';
    const given = [...this.#database.places(member.id, minute.first, minute.last), ...waiting];
    return isWithinTwice(given, last - first + 1, member.budget) ? 'doubled' : 'beyond';
  }

  #goOnAfter(lastSequence: number, issuedAtMs: number): void {
    this.#issued = {
      next: Math.max(this.#issued.next, lastSequence + 1),
      issuedAtMs: Math.max(this.#issued.issuedAtMs, issuedAtMs),
    };
  }

  #find(key: BatchKey): Uint8Array | null {
    return this.#unwritten.find(key) ?? this.#database.find(key);
  }

  /** With all that waits, and without what nothing counts of any more. */
  #commit(work: () => void): void {
    const spent = this.#spent;
    this.#database.transaction(() => {
      for (const row of this.#unwritten.all()) this.#database.put(row);
      work();
      this.#database.saveOwn({ ...this.#issued, clock: this.#clock.last });
      for (const batch of spent) this.#database.remove(batch);
    });
    this.#unwritten.clear();
    for (const batch of spent) this.#batches.delete(idOf(batch));
    this.#spent = new Set();
  }
}

const digestOf = (bytes: Uint8Array): string => hash('sha256', bytes, 'hex').slice(0, 32);
const nothing: Change = { add: [], remove: [] };
const notNow = new Set(['FLEET_NOT_ALLOWED', 'FLEET_BUDGET_SPENT', 'FLEET_LIST_FULL']);
