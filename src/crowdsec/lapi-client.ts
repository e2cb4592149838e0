/**
 * Decisions of a CrowdSec agent, followed as its bouncers do: all of them once, then what has changed.
 *
 * ```
 * /v1/decisions/stream?startup=true ──► all        list replaced
 * /v1/decisions/stream?startup=false ─► new, deleted ─► first what was deleted goes, then what is new comes
 *            └ cannot be asked: what there is stays until each decision ends; status says why; asked again,
 *              and after a failure for all of them anew, as nobody knows what was missed
 * ```
 *
 * A ban becomes an entry of the block list that ends when the decision does; a captcha becomes a challenge. What
 * status says it holds is in force.
 */
import { readFile } from 'node:fs/promises';
import tls from 'node:tls';
import { Agent, request } from 'undici';
import type { LapiSettings } from '#config/crowdsec-schema.ts';
import { wallMs } from '#core/clock.ts';
import { describeError } from '#core/errors.ts';
import type { LeftOut, ListGuard } from '#feeds/list-guard.ts';
import type { ListFacts, ListTerm } from '#feeds/listed-blocks.ts';
import { readBounded } from '#feeds/read-bounded.ts';
import type { Logger } from '#telemetry/log.ts';
import { type DecisionStream, type ReadDecision, readDecisionStream } from './decision.ts';
import { readKeyFile } from './key-file.ts';

/** What the client needs of the node. */
export interface DecisionLists {
  replace(
    origin: string,
    entries: ReadonlyMap<string, ListTerm>,
    facts: ListFacts,
  ): Promise<{ readonly added: number; readonly removed: number }>;
  /** Kept on disk where `facts` are given. */
  change(
    origin: string,
    put: ReadonlyMap<string, ListTerm>,
    remove: readonly string[],
    facts: ListFacts | null,
  ): Promise<{ readonly added: number; readonly removed: number }>;
  listOf(origin: string): ReadonlyMap<string, ListTerm>;
  setDegraded(part: string, reason: string | null): void;
}

export type LapiStatus = {
  readonly url: string;
  readonly entries: number;
  readonly leftOut: Readonly<Record<LeftOut, number>>;
  /** Decisions of other scopes and types, since the start. */
  readonly ignored: number;
  readonly askedAt: string | null;
  readonly problem: string | null;
};

export type LapiOptions = {
  readonly settings: LapiSettings;
  readonly guard: ListGuard;
  readonly lists: DecisionLists;
  readonly log: Logger;
  /** After each question. */
  readonly onAsked: (result: 'answered' | 'failed', status: LapiStatus) => void;
  readonly nowMs?: () => number;
};

export const lapiOrigin = 'crowdsec:lapi';
const part = 'crowdsec lapi';
export const answerMsMax = 30_000;
/** Changes come each few seconds; the file is for a start while the agent is away. */
const keepEveryMs = 30_000;
const sameEndMs = 2_000;

export class LapiClient {
  readonly #options: LapiOptions;
  readonly #nowMs: () => number;
  readonly #ending = new AbortController();
  readonly #leftOut: Record<LeftOut, number> = { private: 0, protected: 0, wide: 0 };
  #guard: ListGuard;
  #agent: Agent | null = null;
  #isStarted = false;
  #ignored = 0;
  #askedAtMs: number | null = null;
  #keptAtMs = 0;
  #isUnkept = false;
  #problem: string | null = null;
  #timer: NodeJS.Timeout | null = null;
  #work: Promise<unknown> = Promise.resolve();

  constructor(options: LapiOptions) {
    this.#options = options;
    this.#guard = options.guard;
    this.#nowMs = options.nowMs ?? wallMs;
  }

  /** One question, after those before it; the status then. */
  ask(): Promise<LapiStatus> {
    const done = this.#work.then(() => this.#ask());
    this.#work = done.catch(() => {});
    return done.then(() => this.status());
  }

  /** Other ranges are protected: all decisions are asked for anew. */
  guardBy(guard: ListGuard): Promise<LapiStatus> {
    this.#guard = guard;
    this.#isStarted = false;
    return this.ask();
  }

  status(): LapiStatus {
    const { settings, lists } = this.#options;
    return {
      url: settings.url,
      entries: lists.listOf(lapiOrigin).size,
      leftOut: { ...this.#leftOut },
      ignored: this.#ignored,
      askedAt: this.#askedAtMs === null ? null : new Date(this.#askedAtMs).toISOString(),
      problem: this.#problem,
    };
  }

  /** What it says stays in force until each decision ends. */
  async close(): Promise<void> {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#ending.abort();
    await this.#work;
    if (this.#isUnkept) await this.#options.lists.change(lapiOrigin, new Map(), [], this.#facts());
    await this.#agent?.destroy();
    this.#options.lists.setDegraded(part, null);
  }

  async #ask(): Promise<void> {
    if (this.#ending.signal.aborted) return;
    const { lists, log, settings, onAsked } = this.#options;
    try {
      const stream = await this.#fetch(!this.#isStarted);
      if (this.#isStarted) await this.#change(stream);
      else await this.#replace(stream);
      this.#isStarted = true;
      this.#ignored += stream.ignored;
      this.#askedAtMs = this.#nowMs();
      if (this.#problem !== null) log.info('crowdsec agent answers again');
      this.#problem = null;
    } catch (error) {
      if (this.#ending.signal.aborted) return;
      const reason = describeError(error);
      if (reason !== this.#problem)
        log.warn({ url: settings.url, reason }, 'crowdsec agent cannot be asked');
      this.#problem = reason;
      this.#isStarted = false;
    }
    lists.setDegraded(
      part,
      this.#problem === null
        ? null
        : `${settings.url}: ${this.#problem}; what it decided before holds until it ends`,
    );
    onAsked(this.#problem === null ? 'answered' : 'failed', this.status());
    this.#later();
  }

  async #replace({ added }: DecisionStream): Promise<void> {
    const { log, lists } = this.#options;
    for (const why of ['private', 'protected', 'wide'] as const) this.#leftOut[why] = 0;
    const entries = this.#terms(added);
    const { settings } = this.#options;
    if (entries.size > settings.entriesMax)
      throw new Error(`${entries.size} decisions, more than ${settings.entriesMax} (entriesMax)`);
    const change = await lists.replace(lapiOrigin, entries, this.#facts());
    this.#noteKept();
    log.info({ entries: entries.size, ...change }, 'crowdsec decisions loaded');
  }

  async #change({ added, deleted }: DecisionStream): Promise<void> {
    const { lists, settings } = this.#options;
    const list = lists.listOf(lapiOrigin);
    const put = this.#terms(added);
    // The agent says "deleted" of one decision; another kind on the same target may go on.
    const remove = deleted.flatMap(({ cidr, type }) => {
      const known = list.get(cidr.text);
      return known !== undefined && known.action === this.#actionOf(type) ? [cidr.text] : [];
    });
    if (put.size + remove.length === 0) {
      if (this.#isUnkept && this.#nowMs() - this.#keptAtMs >= keepEveryMs) await this.#keep();
      return;
    }
    if (list.size + put.size > settings.entriesMax)
      throw new Error(`more than ${settings.entriesMax} decisions (entriesMax)`);
    await lists.change(lapiOrigin, put, remove, null);
    this.#isUnkept = true;
    if (this.#nowMs() - this.#keptAtMs >= keepEveryMs) await this.#keep();
  }

  async #keep(): Promise<void> {
    await this.#options.lists.change(lapiOrigin, new Map(), [], this.#facts());
    this.#noteKept();
  }

  #noteKept(): void {
    this.#keptAtMs = this.#nowMs();
    this.#isUnkept = false;
  }

  /** Of several on one target the one that is enforced: a ban before a captcha, then the one that ends last. */
  #terms(decisions: readonly ReadDecision[]): Map<string, ListTerm> {
    const list = this.#options.lists.listOf(lapiOrigin);
    const now = this.#nowMs();
    const terms = new Map<string, ListTerm>();
    for (const { cidr, type, origin, scenario, lastsMs } of decisions) {
      const action = this.#actionOf(type);
      if (action === null || lastsMs <= 0) continue;
      const why = this.#guard.whyNot(cidr);
      if (why !== null) {
        this.#leftOut[why]++;
        continue;
      }
      const expiresAtMs = Math.ceil(now + lastsMs);
      const chosen = terms.get(cidr.text);
      if (chosen !== undefined && !comesBefore({ action, expiresAtMs }, chosen)) continue;
      const known = list.get(cidr.text);
      // What is left of a duration is said anew with each answer, and is off by the time of its way.
      const isSame =
        known?.action === action && Math.abs((known.expiresAtMs ?? 0) - expiresAtMs) < sameEndMs;
      const reason = `${origin}: ${scenario}`;
      terms.set(cidr.text, isSame ? known : { action, reason, atMs: now, expiresAtMs });
    }
    return terms;
  }

  #actionOf(type: ReadDecision['type']): 'drop' | 'challenge' | null {
    const { captcha } = this.#options.settings;
    if (type === 'ban') return 'drop';
    return captcha === 'ignore' ? null : captcha;
  }

  #facts(): ListFacts {
    const none = { etag: null, lastModified: null, contentSha256: null };
    return { loadedAtMs: this.#nowMs(), ...none, terms: this.#options.settings.url };
  }

  async #fetch(isStart: boolean): Promise<DecisionStream> {
    const { url, keyFile, ca, scopes, origins, bytesMax } = this.#options.settings;
    const key = await readKeyFile(keyFile);
    const pem = ca === undefined ? null : await readFile(ca, 'utf8');
    this.#agent ??= new Agent({
      connections: 1,
      connect: {
        timeout: answerMsMax,
        ...(pem === null ? {} : { ca: [...tls.getCACertificates('default'), pem] }),
      },
    });
    const query = new URLSearchParams({ startup: String(isStart), scopes: scopes.join(',') });
    if (origins.length > 0) query.set('origins', origins.join(','));
    const { statusCode, body } = await request(
      `${url.replace(/\/$/, '')}/v1/decisions/stream?${query}`,
      {
        dispatcher: this.#agent,
        headers: { 'x-api-key': key, 'user-agent': 'weir/1.0', 'accept-encoding': 'identity' },
        signal: AbortSignal.any([AbortSignal.timeout(answerMsMax), this.#ending.signal]),
      },
    );
    const text = (await readBounded(body, bytesMax)).toString('utf8');
    if (statusCode === 403 || statusCode === 401)
      throw new Error(`it answered with ${statusCode}: the key in ${keyFile} is not one it knows`);
    if (statusCode !== 200) throw new Error(`it answered with ${statusCode}`);
    return readDecisionStream(text);
  }

  #later(): void {
    if (this.#ending.signal.aborted) return;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.ask(), this.#options.settings.intervalSeconds * 1_000);
    this.#timer.unref();
  }
}

const comesBefore = (
  one: Pick<ListTerm, 'action' | 'expiresAtMs'>,
  other: Pick<ListTerm, 'action' | 'expiresAtMs'>,
): boolean =>
  one.action === other.action
    ? (one.expiresAtMs ?? 0) > (other.expiresAtMs ?? 0)
    : one.action === 'drop';
