/**
 * The kernel shield on step nftables, as the supervisor holds it: the channel to the agent, and what the table
 * is to hold.
 *
 * An agent that is killed is started again by its keeper, and is told everything anew. When both are gone, nobody has
 * the right to start them: the table stays as it was, status says so with what mends it, and workers enforce
 * the list at accept, as always. What nft refuses leaves the table in doubt, so the whole list is said again until it has been taken.
 */
import { closeSync } from 'node:fs';
import { Socket } from 'node:net';
import { wallMs } from '#core/clock.ts';
import { describeError } from '#core/errors.ts';
import { NftClient } from '#synproxy/nft/nft-client.ts';
import { type NftCounter, type NftEntry, ttlMsMax } from '#synproxy/nft/nft-message.ts';
import type { Logger } from '#telemetry/log.ts';
import type { KernelItem } from './ipc.ts';
import type { KernelHandover } from './kernel-ladder.ts';
import type { ListSizes } from './list-room.ts';
import type { NftHandover } from './nft-launch.ts';
import { duplicate } from './privileges.ts';
import type { EntryHits, RuleSet, RulesCounted, ShieldCounters } from './shield-ipc.ts';

const part = 'kernel shield';
/**
 * Entries of the longest list whose packets nft itself reads back, for an agent that cannot ask the kernel for single
 * ones (one from before an upgrade, or without koffi). nft 1.0 prints a set whole, 8.8 s at 200,000.
 */
const listedEntriesMax = 20_000;
/** After a refusal. */
const againMs = 1_000;

export type NftShieldOptions = {
  readonly nft: NftHandover;
  readonly handover: KernelHandover;
  readonly log: Logger;
  readonly allowed: readonly string[];
  readonly blocks: () => readonly KernelItem[];
  readonly rules: () => RuleSet;
  readonly counts: () => ListSizes | null;
  readonly setDegraded: (part: string, reason: string | null) => void;
};

export class NftShield {
  readonly #options: NftShieldOptions;
  #allowed: readonly string[];
  /** As the table has them; null where it has none of ours, or that is not known. */
  #rules: RuleSet | null = null;
  /** Null when the agent has ended, or belongs to another process now. */
  #client: NftClient | null = null;
  /** Whether the table holds what it should. */
  #isTrue = false;
  #isOpen = false;
  /** Whether the agent counts single elements; null before it was asked. */
  #readsEach: boolean | null = null;
  #isGone = false;
  #timer: NodeJS.Timeout | null = null;

  private constructor(options: NftShieldOptions) {
    this.#options = options;
    this.#allowed = options.allowed;
  }

  /** Resolves when the table holds the list, or status says why it does not. */
  static async start(options: NftShieldOptions): Promise<NftShield> {
    const shield = new NftShield(options);
    const channel = shield.#connect();
    // Before the first worker there is nothing else that would keep this process waiting for the agent.
    channel.ref();
    const { nft, setDegraded } = options;
    try {
      if (nft.allowed === null) await shield.#sayAll();
      else {
        shield.#isOpen = true;
        // The blocks are those of the process before: they travel with the table.
        shield.#isTrue = true;
        shield.#allowed = nft.allowed;
        await shield.changeAllowed(options.allowed);
        const rules = options.rules();
        if (nft.rulesVersion === rules.version) shield.#rules = rules;
        else await shield.changeRules(rules);
      }
    } catch (error) {
      if (!shield.#isGone) setDegraded(part, describeError(error));
      shield.#sayAgain();
    } finally {
      channel.unref();
    }
    return shield;
  }

  get pid(): number | null {
    return this.#isGone ? null : this.#options.nft.pid;
  }

  get handover(): NftHandover | null {
    if (this.#isGone) return null;
    return {
      ...this.#options.nft,
      allowed: this.#isTrue ? this.#allowed : null,
      rulesVersion: this.#rules?.version ?? null,
    };
  }

  async changeBlocks(add: readonly KernelItem[], remove: readonly string[]): Promise<boolean> {
    const client = this.#client;
    if (client === null) return false;
    await this.#attempt(client.change({ add: add.map(entryOf), remove }));
    return true;
  }

  async changeAllowed(allowed: readonly string[]): Promise<void> {
    const before = this.#allowed;
    this.#allowed = allowed;
    const client = this.#client;
    if (client === null) return;
    const add = allowed.filter((target) => !before.includes(target)).map(allowEntry);
    const removeAllowed = before.filter((target) => !allowed.includes(target));
    if (add.length + removeAllowed.length > 0)
      await this.#attempt(client.change({ add, removeAllowed }));
  }

  async changeRules(rules: RuleSet): Promise<boolean> {
    const client = this.#client;
    if (client === null) return false;
    await this.#attempt(client.rules(rules.rules));
    this.#rules = rules;
    return true;
  }

  async counters(): Promise<ShieldCounters | null> {
    const client = this.#client;
    if (client === null) return null;
    const counts = await client.count([]);
    const listed = this.#options.counts();
    return {
      exact: (listed?.ipv4Addresses ?? 0) + (listed?.ipv6Addresses ?? 0),
      prefixes: (listed?.ipv4Ranges ?? 0) + (listed?.ipv6Ranges ?? 0),
      allowed: this.#allowed.length,
      cookies: null,
      rules: this.#rules === null ? null : rulesCounted(this.#rules, counts?.rules ?? {}),
      inspection: null,
      samples: new Map(),
      lost: {},
      verdicts: Object.entries(counts?.verdicts ?? {}).flatMap(([verdict, { packets, bytes }]) =>
        packets === 0 ? [] : [{ verdict, protocol: 'any', packets, bytes }],
      ),
    };
  }

  /** Null for a list so long that nft would take seconds to print it, where the agent has nothing better. */
  async hits(
    targets: readonly string[],
    count: number,
  ): Promise<ReadonlyMap<string, EntryHits> | null> {
    const client = this.#client;
    if (client === null) return null;
    if (count > listedEntriesMax) {
      this.#readsEach ??= (await client.count([]))?.each === true;
      if (!this.#readsEach) return null;
    }
    const { hits = {} } = (await client.count(targets)) ?? {};
    return new Map(
      targets.map((target) => [target, { target, packets: hits[target] ?? 0, lastSeenMs: null }]),
    );
  }

  async release(): Promise<void> {
    const client = this.#client;
    if (client === null) return;
    this.#stopTimer();
    await client.settled();
    this.#client = null;
    client.close();
  }

  async takeBack(): Promise<void> {
    if (this.#isGone) return;
    this.#connect();
    await this.#sayAll().catch(() => this.#sayAgain());
  }

  /** The agent takes its table away, unless another process has the channel too. */
  close(): void {
    this.#stopTimer();
    this.#client?.close();
    this.#client = null;
    closeSync(this.#options.nft.channel);
  }

  /** Over a descriptor of its own, so that putting it down leaves the channel open. */
  #connect(): Socket {
    const fd = duplicate(this.#options.nft.channel);
    const channel = new Socket({ fd, readable: true, writable: true });
    // What ends the node ends it, agent or not.
    channel.unref();
    this.#client = new NftClient(
      channel,
      () => this.#onEnd(),
      () => this.#onAgain(),
    );
    return channel;
  }

  /** Another agent has come, and fills the table anew from what the node says. */
  #onAgain(): void {
    const { table } = this.#options.nft;
    this.#isOpen = false;
    this.#isTrue = false;
    this.#rules = null;
    this.#options.log.warn({ table }, 'nftables agent was killed and started again');
    this.#options.setDegraded(
      part,
      `the nftables agent was killed and started again: table inet ${table} is being filled anew`,
    );
    // At once: what is said from now on comes behind the word that opens the table.
    this.#sayAll().catch(() => this.#sayAgain());
  }

  #onEnd(): void {
    this.#client = null;
    this.#isGone = true;
    this.#stopTimer();
    const { table, pid } = this.#options.nft;
    const reason = `the nftables agent and its keeper (pid ${pid}) have ended and cannot be started again without rights: new blocks hold at accept only, and what was in the table stays there; restart the node as root (or run nft delete table inet ${table})`;
    this.#options.log.error({ pid, table }, 'nftables agent ended');
    this.#options.setDegraded(part, reason);
  }

  async #sayAll(): Promise<void> {
    const { nft, handover } = this.#options;
    if (!this.#isOpen) {
      const names = handover.interfaces.map(({ name }) => name);
      await this.#client?.open(nft.table, names);
      this.#isOpen = true;
    }
    const add = [...this.#allowed.map(allowEntry), ...this.#options.blocks().map(entryOf)];
    await this.#client?.change({ replaces: true, add });
    const rules = this.#options.rules();
    await this.#client?.rules(rules.rules);
    this.#rules = rules;
    this.#isTrue = true;
    this.#options.setDegraded(part, null);
  }

  async #attempt(change: Promise<void>): Promise<void> {
    try {
      await change;
    } catch (error) {
      this.#isTrue = false;
      this.#rules = null;
      if (!this.#isGone) {
        this.#options.setDegraded(part, describeError(error));
        this.#sayAgain();
      }
      throw error;
    }
  }

  #sayAgain(): void {
    if (this.#isGone || this.#client === null) return;
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      this.#sayAll().catch((error: unknown) => {
        if (this.#isGone) return;
        this.#options.setDegraded(part, describeError(error));
        this.#sayAgain();
      });
    }, againMs).unref();
  }

  #stopTimer(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }
}

/** A rule that the table has no counter of is not measured, and left out. */
function rulesCounted(
  { version, rules }: RuleSet,
  counted: Readonly<Record<string, NftCounter>>,
): RulesCounted {
  const hits = rules.flatMap(({ id }) => {
    const found = counted[id];
    return found === undefined ? [] : [{ id, ...found }];
  });
  return { version, hits };
}

const allowEntry = (target: string): NftEntry => ({ target, action: 'allow', ttlMs: null });

/** The end of a block is the node's affair (`NodeBlocks.expire`); the kernel's own timer is for when it hangs. */
function entryOf({ target, expiresAtMs, action = 'drop' }: KernelItem): NftEntry {
  const left =
    expiresAtMs === null ? Number.POSITIVE_INFINITY : Math.max(1, expiresAtMs - wallMs());
  return {
    target,
    action,
    ttlMs: left > ttlMsMax ? null : Math.ceil(left),
  };
}
