/**
 * Members learn from each other who the members are: a trust file that the fleet's owner has signed goes round by
 * itself, and whoever has a newer one is asked for it.
 *
 * ```
 * connected, each minute, after a change ─► weir.F.n.NODE.roster: version, hash
 * somebody has a newer one ─► ask it on weir.F.s.MEMBER ─► owner's signature, same owner, higher version
 *                          ─► trust.json in the state directory, synced ─► believed
 * somebody has an older one ─► our version is said again, after a while
 * ```
 *
 * A member that was just added is known to nobody, and brings the file that names it: so everybody may be asked,
 * and nobody is believed but the owner. Its key is the one of the trust file in the configuration; without one there
 * nothing is taken. A version never goes back, so a member that was taken out stays out.
 */
import { createHash, randomInt } from 'node:crypto';
import { join } from 'node:path';
import { monotonicMs } from '#core/clock.ts';
import { describeError, WeirError } from '#core/errors.ts';
import { parseTrust, readTrust, type Trust } from '#decisions/trust.ts';
import { writePrivateFile } from '#state/private-file.ts';
import type { Logger } from '#telemetry/log.ts';
import type { Bus } from './bus.ts';
import type { BusMessage } from './bus-queue.ts';
import { readIfThere } from './folder-files.ts';
import { encodeMessage, parseMessage, type RosterMessage } from './messages.ts';
import { batchesSubject, everyMember, memberOf, nodeSubject } from './subjects.ts';

const learnedFile = 'trust.json';
const sayMs = 60_000;
/** Many hear of one that is behind: one of them says what it has. */
const sayJitterMs = 500;
const askTimeoutMs = 3_000;
/** Somebody whose answer was none is asked again after this. */
const fruitlessMs = 30_000;
/** Members whose version is remembered, and askers that are waited for. */
const heardMax = 2_000;
const answersPerSecondMax = 50;

export type RosterSyncOptions = {
  readonly fleet: string;
  readonly self: string;
  /** Replaced in place. */
  readonly trust: Trust;
  /** State directory. */
  readonly directory: string;
  readonly bus: Pick<Bus, 'state' | 'publish' | 'subscribe' | 'onEvent' | 'request' | 'respond'>;
  /** Before it is believed: whose key is not any more is still there. */
  readonly before?: (newer: Trust) => void;
  /** After: what these members signed does not count. */
  readonly adopted: (issuers: ReadonlySet<string>) => Promise<void>;
  readonly setDegraded: (part: string, reason: string | null) => void;
  readonly logger: Logger;
};

/** The trust file of the configuration, or a newer one that was learned. Throws FLEET_TRUST_INVALID. */
export function believedTrust(file: string, directory: string): Trust {
  const configured = readTrust(file);
  const text = readIfThere(join(directory, learnedFile));
  if (text === null) return configured;
  try {
    const learned = parseTrust(text, learnedFile);
    return refusalOf(configured, learned) === null ? learned : configured;
  } catch {
    // It is learned again.
    return configured;
  }
}

export class RosterSync {
  /** By why it was not taken. */
  readonly refused = new Map<string, number>();
  readonly #options: RosterSyncOptions;
  readonly #heard = new Map<string, number>();
  readonly #fruitless = new Map<string, number>();
  #asking = false;
  #say: NodeJS.Timeout | null = null;
  #every: NodeJS.Timeout | null = null;
  #taking: Promise<unknown> = Promise.resolve();
  #isClosed = false;
  #second = 0;
  #answers = 0;

  constructor(options: RosterSyncOptions) {
    this.#options = options;
  }

  start(): void {
    const { bus, fleet, self } = this.#options;
    bus.subscribe(nodeSubject(fleet, everyMember, 'roster'), ({ subject, bytes }) => {
      const from = memberOf(subject);
      if (from === null || from === self) return;
      const said = parseMessage('roster', bytes, from);
      if (said.ok) this.#hear(said.message);
      else this.#refuse(`roster-${said.reason}`);
    });
    bus.subscribe(batchesSubject(fleet, self), (message) => this.#answer(message));
    bus.onEvent((event) => {
      if (event === 'connected') this.#announce();
    });
    this.#every = setInterval(() => this.#announce(), sayMs);
    this.#every.unref();
    this.#watchMembership();
  }

  get version(): number | null {
    return this.#options.trust.roster?.version ?? null;
  }

  /** Versions that members have said they believe. */
  get heard(): ReadonlyMap<string, number> {
    return this.#heard;
  }

  /** Of an operator. Throws FLEET_TRUST_INVALID, FLEET_ROSTER_REFUSED, STATE_UNUSABLE. False: it is believed already. */
  offer(text: string): Promise<boolean> {
    const taken = this.#taking.then(() => this.#take(text));
    this.#taking = taken.catch(() => {});
    return taken;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    if (this.#say !== null) clearTimeout(this.#say);
    if (this.#every !== null) clearInterval(this.#every);
    await this.#taking;
  }

  async #take(text: string): Promise<boolean> {
    const { trust, directory, before, adopted, logger } = this.#options;
    const newer = parseTrust(text, 'what was offered');
    const { roster } = trust;
    if (roster !== null && newer.roster?.version === roster.version && text === roster.text)
      return false;
    const refusal = refusalOf(trust, newer);
    if (refusal !== null)
      throw new WeirError('FLEET_ROSTER_REFUSED', refusal.why, { details: [refusal.fix] });
    if (this.#isClosed) return false;
    await writePrivateFile(join(directory, learnedFile), text);
    before?.(newer);
    const gone = trust.replace(newer);
    await adopted(gone);
    const { version } = this;
    logger.info({ version, gone: [...gone] }, 'fleet roster');
    this.#watchMembership();
    this.#announce();
    return true;
  }

  #hear(said: RosterMessage): void {
    const { roster } = this.#options.trust;
    if (this.#heard.has(said.node) || this.#heard.size < heardMax)
      this.#heard.set(said.node, said.version);
    if (roster === null) {
      this.#options.setDegraded(
        'fleet roster',
        `${said.node} has a signed list of members (version ${said.version}), and the trust file of this one is not signed; give it that of the fleet's folder, and "weir upgrade"`,
      );
      return;
    }
    if (said.version > roster.version) void this.#ask(said);
    else if (said.version < roster.version) this.#announceLater();
    else if (said.sha256 !== hashOf(roster.text))
      this.#options.setDegraded(
        'fleet roster',
        `${said.node} believes another list of members of the same version ${roster.version}: two folders of this fleet were changed; let "weir fleet update" of one make the next version`,
      );
  }

  /** One at a time: who has the newest says it again. */
  async #ask({ node, version }: RosterMessage): Promise<void> {
    const { bus, fleet, self, logger } = this.#options;
    const triedAtMs = this.#fruitless.get(node) ?? Number.NEGATIVE_INFINITY;
    if (this.#asking || this.#isClosed || monotonicMs() - triedAtMs < fruitlessMs) return;
    this.#asking = true;
    try {
      const ask = encodeMessage('askRoster', { v: 1, node: self, asks: 'roster' });
      const { bytes } = await bus.request(batchesSubject(fleet, node), ask, askTimeoutMs);
      await this.offer(Buffer.from(bytes).toString('utf8'));
      this.#fruitless.delete(node);
    } catch (error) {
      if (this.#fruitless.size >= heardMax) this.#fruitless.clear();
      this.#fruitless.set(node, monotonicMs());
      this.#refuse('roster-refused');
      logger.warn({ peer: node, version, reason: describeError(error) }, 'no fleet roster');
    } finally {
      this.#asking = false;
    }
  }

  #answer({ bytes, reply }: BusMessage): void {
    const { bus, trust } = this.#options;
    const { roster } = trust;
    if (reply === null || roster === null || bytes.length > 200) return;
    if (!isAskForRoster(bytes)) return;
    const second = Math.floor(monotonicMs() / 1_000);
    if (second !== this.#second) {
      this.#second = second;
      this.#answers = 0;
    }
    if (++this.#answers > answersPerSecondMax) this.#refuse('roster-unanswered');
    else bus.respond(reply, Buffer.from(roster.text));
  }

  #announce(): void {
    if (this.#say !== null) clearTimeout(this.#say);
    this.#say = null;
    const { bus, fleet, self, trust } = this.#options;
    const { roster } = trust;
    if (this.#isClosed || roster === null || bus.state !== 'connected') return;
    const said = {
      ...{ v: 1 as const, node: self, version: roster.version },
      sha256: hashOf(roster.text),
    };
    bus.publish(nodeSubject(fleet, self, 'roster'), encodeMessage('roster', said));
  }

  #announceLater(): void {
    this.#say ??= setTimeout(() => this.#announce(), randomInt(sayJitterMs)).unref();
  }

  #watchMembership(): void {
    const { trust, self, setDegraded } = this.#options;
    const member = trust.member(self);
    const since = trust.roster === null ? '' : ` (version ${trust.roster.version})`;
    setDegraded(
      'fleet membership',
      member === null
        ? `this node was taken out of the fleet${since}: nobody believes what it decides; take the fleet section out of its configuration, or give it the files of a new member`
        : member.retiredAtMs < Number.POSITIVE_INFINITY
          ? `this node has left the fleet${since}: what it decides from now on counts nowhere else; take the fleet section out of its configuration`
          : null,
    );
    setDegraded('fleet roster', null);
  }

  #refuse(reason: string): void {
    this.refused.set(reason, (this.refused.get(reason) ?? 0) + 1);
  }
}

/** Null: the newer one is to be believed in place of this. */
function refusalOf(
  trust: Trust,
  newer: Trust,
): { readonly why: string; readonly fix: string } | null {
  const own = trust.roster;
  const other = newer.roster;
  if (newer.fleet !== trust.fleet)
    return {
      why: `it is of the fleet ${newer.fleet}, and this is ${trust.fleet}`,
      fix: 'name the folder of this fleet',
    };
  if (other === null)
    return { why: 'nobody has signed it', fix: 'weir fleet update makes one that is' };
  if (own === null)
    return {
      why: 'the trust file of this member names no owner, so it cannot tell who may change it',
      fix: 'put the one of the fleet’s folder in its place, and start it anew ("weir upgrade")',
    };
  if (own.owner !== other.owner)
    return {
      why: 'another owner has signed it than the one this member believes',
      fix: 'use the folder, with the owner.key, that the trust file of this member came from',
    };
  if (other.version <= own.version)
    return {
      why: `it is version ${other.version}, and version ${own.version} is believed here`,
      fix: 'a list of members never goes back: weir fleet update in the newest folder makes a newer one',
    };
  return null;
}

const hashOf = (text: string): string =>
  createHash('sha256').update(text).digest('hex').slice(0, 16);

function isAskForRoster(bytes: Uint8Array): boolean {
  try {
    const { node } = JSON.parse(Buffer.from(bytes).toString('utf8')) as { readonly node?: unknown };
    return typeof node === 'string' && parseMessage('askRoster', bytes, node).ok;
  } catch {
    return false;
  }
}
