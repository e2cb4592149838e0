/**
 * The agent that keeps our nftables table as the node says.
 *
 * ```
 * orders ─► waiting ─► every 150 ms, one transaction: nft -j -f - ─► applied, or failed with nft's own words
 * channel closed ─► table deleted ─► end
 * ```
 *
 * One start of `nft` costs milliseconds, whatever it does, so orders wait for each other. The table goes with
 * the channel: a node that dies leaves no drops behind that nobody would ever take out.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { assert } from '#core/assert.ts';
import { describeError, WeirError } from '#core/errors.ts';
import { parseCidr } from '#core/ip.ts';
import type { L4Rule } from '#core/l4-rule.ts';
import type { ListAction } from '../list-entry.ts';
import { PrefixList } from '../prefix-list.ts';
import { nftArguments, nftProblem } from './nft-command.ts';
import { readCounts } from './nft-counts.ts';
import type { ElementReader } from './nft-elements.ts';
import { lineBytesMax, type NftOrder, type NftReport, parseNftOrder } from './nft-message.ts';
import {
  closeTable,
  flushLists,
  listings,
  type NftCommand,
  openTable,
  programText,
  putElements,
  removeElements,
  replaceRules,
  type SetElement,
  type SetName,
  setOf,
} from './nft-program.ts';

export const batchMs = 150;
/** Of what nft has to say about a failure. */
const saidCharactersMax = 2_000;
/** Of what it lists: who asks does so only of lists that stay below. */
const listedCharactersMax = 16_777_216;

export type NftAgentOptions = {
  /** The program and what goes before its own parameters. */
  readonly command: readonly [string, ...string[]];
  readonly batchMs?: number;
  /** The table of an agent before this one, which was killed; null for the first. */
  readonly left?: string | null;
  /** Where it is missing nft lists whole sets. */
  readonly elements?: ElementReader | null;
};

type Change = Extract<NftOrder, { kind: 'change' }>;
type Commands = { readonly first: NftCommand[]; readonly second: NftCommand[] };
type Named = {
  readonly name: SetName;
  readonly list: PrefixList;
  /** There already, and to stay for another time. */
  readonly renewed: Set<string>;
};

const intervalActions = ['allow', 'monitor', 'drop'] as const;

export class NftAgent {
  readonly #channel: Duplex;
  readonly #options: NftAgentOptions;
  #table: string | null = null;
  #changes: Change[] = [];
  #rules: readonly L4Rule[] | null = null;
  /** Of those that stand in the table. */
  #ruleIds: ReadonlySet<number> = new Set();
  #sequence = 0;
  #timer: NodeJS.Timeout | null = null;
  #running: Promise<void> = Promise.resolve();
  #ranges = rangeLists();
  /** Times of the ranges, by set and target. */
  #ttls = new Map<string, number | null>();

  constructor(channel: Duplex, options: NftAgentOptions) {
    this.#channel = channel;
    this.#options = options;
  }

  /** Resolves when the channel has ended and the table is gone; rejects for a line that is no order. */
  async run(): Promise<void> {
    const { left = null } = this.#options;
    // The line break ends what the one before may have left half said.
    if (left !== null) this.#channel.write(`\n${JSON.stringify({ kind: 'again' })}\n`);
    try {
      await this.#readOrders();
    } finally {
      if (this.#timer !== null) clearTimeout(this.#timer);
      await this.#running;
      const table = this.#table ?? left;
      if (table !== null) await this.#nft(closeTable(table));
    }
  }

  async #readOrders(): Promise<void> {
    const decoder = new TextDecoder();
    let text = '';
    for await (const chunk of this.#channel) {
      text += decoder.decode(chunk as Uint8Array, { stream: true });
      const lines = text.split('\n');
      text = lines.pop() ?? '';
      if (text.length > lineBytesMax) throw badOrder();
      for (const line of lines) await this.#take(line);
    }
  }

  async #take(line: string): Promise<void> {
    const order = line.length > lineBytesMax ? null : parseNftOrder(line);
    // Orders for the one before, the first of them cut; the node begins anew once it has heard of us.
    const isFirst = this.#table === null && (this.#options.left ?? null) !== null;
    if (isFirst && order?.kind !== 'open') return;
    if (order === null || (order.kind === 'open') !== (this.#table === null)) throw badOrder();
    if (order.kind === 'open') {
      const failure = await this.#nft(openTable(order.table, order.interfaces));
      if (failure !== null) this.#report({ kind: 'failed', sequence: 0, reason: failure });
      else {
        this.#table = order.table;
        this.#report({ kind: 'ready' });
      }
      return;
    }
    if (order.kind === 'count') {
      this.#running = this.#running.then(() => this.#count(order));
      return;
    }
    if (order.kind === 'rules') this.#rules = order.rules;
    else this.#changes.push(order);
    this.#sequence = order.sequence;
    this.#timer ??= setTimeout(() => {
      this.#running = this.#running.then(() => this.#flush());
    }, this.#options.batchMs ?? batchMs);
  }

  async #flush(): Promise<void> {
    this.#timer = null;
    const table = this.#table;
    if (table === null) return;
    const sequence = this.#sequence;
    const rules = this.#rules;
    const { first, second } = this.#listCommands(table, this.#changes);
    if (rules !== null) first.push(...replaceRules(table, rules, this.#ruleIds));
    this.#changes = [];
    this.#rules = null;
    let failure = first.length > 0 ? await this.#nft(first) : null;
    if (failure === null && rules !== null) this.#ruleIds = new Set(rules.map(({ id }) => id));
    if (second.length > 0) failure ??= await this.#nft(second);
    this.#report(
      failure === null
        ? { kind: 'applied', sequence }
        : { kind: 'failed', sequence, reason: failure },
    );
  }

  async #count({ sequence, targets }: Extract<NftOrder, { kind: 'count' }>): Promise<void> {
    const table = this.#table;
    assert(table !== null, 'orders come after the table');
    const { elements = null } = this.#options;
    const lines: string[] = [];
    for (const listing of listings(table, elements === null ? targets : [])) {
      const { problem, listed } = await this.#run([listing]);
      if (problem !== null) {
        this.#report({ kind: 'uncounted', sequence, reason: problem });
        return;
      }
      lines.push(listed);
    }
    const counts = readCounts(lines, new Set(targets));
    if (elements !== null) {
      const hits = elements.hits(table, targets);
      this.#report({ kind: 'counts', sequence, ...counts, hits, each: true });
      return;
    }
    this.#report({ kind: 'counts', sequence, ...counts });
  }

  /**
   * Two transactions: nft takes no range that overlaps one it deletes in the same. So what was left out for a
   * wider range is missing for the milliseconds after that has gone. One list in the place of another is one
   * transaction, since the sets are emptied whole.
   */
  #listCommands(table: string, changes: readonly Change[]): Commands {
    const last = changes.findLastIndex(({ replaces }) => replaces);
    const replaces = last !== -1;
    if (replaces) {
      this.#ranges = rangeLists();
      this.#ttls.clear();
    }
    /** The last word on each single address. */
    const exact = new Map<SetName, Map<string, SetElement | null>>();
    for (const change of changes.slice(Math.max(0, last))) {
      for (const target of change.removeAllowed) this.#remove(exact, target, ['allow']);
      for (const target of change.remove) this.#remove(exact, target, ['drop', 'monitor']);
      for (const { target, action, ttlMs } of change.add) {
        if (action !== 'allow')
          this.#remove(exact, target, [action === 'drop' ? 'monitor' : 'drop']);
        this.#put(exact, target, action, ttlMs);
      }
    }
    const commands = replaces ? flushLists(table) : [];
    for (const [name, elements] of exact) {
      const puts: SetElement[] = [];
      const removed: string[] = [];
      for (const [target, element] of elements) {
        if (element !== null) puts.push(element);
        else if (!replaces) removed.push(target);
      }
      commands.push(...putElements(table, name, puts, replaces));
      commands.push(...removeElements(table, name, removed));
    }
    const second: NftCommand[] = [];
    for (const named of this.#ranges) {
      const ranges = this.#rangeCommands(table, named);
      commands.push(...ranges.first);
      (replaces ? commands : second).push(...ranges.second);
    }
    return { first: commands, second };
  }

  #rangeCommands(table: string, { name, list, renewed }: Named): Commands {
    const { puts, deletes } = list.changes();
    const gone = deletes.map(({ cidr }) => cidr.text);
    const element = (target: string): SetElement => ({
      target,
      ttlMs: this.#ttls.get(`${name} ${target}`) ?? null,
    });
    for (const target of gone) renewed.delete(target);
    const again = [...renewed];
    renewed.clear();
    for (const item of deletes) list.noteDeleted(item);
    for (const item of puts) list.notePut(item);
    const fresh = puts.map(({ cidr }) => element(cidr.text));
    return {
      first: [
        ...removeElements(table, name, gone),
        ...putElements(table, name, again.map(element), false),
      ],
      second: putElements(table, name, fresh, true),
    };
  }

  #put(
    exact: Map<SetName, Map<string, SetElement | null>>,
    target: string,
    action: ListAction,
    ttlMs: number | null,
  ): void {
    const name = setOf(target, action);
    const range = this.#ranges.find((one) => one.name === name);
    const cidr = parseCidr(target);
    if (range === undefined || cidr === null) {
      elementsOf(exact, name).set(target, { target, ttlMs });
      return;
    }
    this.#ttls.set(`${name} ${target}`, ttlMs);
    const item = range.list.get(cidr);
    if (item !== undefined && item.installed !== null) range.renewed.add(target);
    range.list.set(cidr, 0);
  }

  #remove(
    exact: Map<SetName, Map<string, SetElement | null>>,
    target: string,
    actions: readonly ListAction[],
  ): void {
    const cidr = parseCidr(target);
    for (const action of actions) {
      const name = setOf(target, action);
      const range = this.#ranges.find((one) => one.name === name);
      if (range === undefined || cidr === null) {
        elementsOf(exact, name).set(target, null);
        continue;
      }
      range.renewed.delete(target);
      this.#ttls.delete(`${name} ${target}`);
      range.list.delete(cidr);
    }
  }

  /** Null, or why it did not work; then nothing of these commands was done. */
  async #nft(commands: readonly NftCommand[]): Promise<string | null> {
    return (await this.#run(commands)).problem;
  }

  async #run(
    commands: readonly NftCommand[],
  ): Promise<{ readonly problem: string | null; readonly listed: string }> {
    try {
      const [program, ...words] = nftArguments(this.#options.command);
      const child = spawn(program, words, { stdio: ['pipe', 'pipe', 'pipe'] });
      let said = '';
      let listed = '';
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        if (said.length < saidCharactersMax) said += text;
      });
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        if (listed.length < listedCharactersMax) listed += text;
      });
      child.stdin.on('error', () => {});
      child.stdin.end(programText(commands));
      const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
      return { problem: code === 0 ? null : nftProblem(signal ?? code, said), listed };
    } catch (error) {
      return { problem: `nft cannot be started: ${describeError(error)}`, listed: '' };
    }
  }

  #report(report: NftReport): void {
    if (this.#channel.writable) this.#channel.write(`${JSON.stringify(report)}\n`);
  }
}

function rangeLists(): Named[] {
  return intervalActions.flatMap((action) =>
    ([4, 6] as const).map((family) => ({
      name: (action === 'allow' ? `allow${family}` : `${action}-prefix${family}`) as SetName,
      list: new PrefixList(0),
      renewed: new Set(),
    })),
  );
}

function elementsOf(
  all: Map<SetName, Map<string, SetElement | null>>,
  name: SetName,
): Map<string, SetElement | null> {
  const found = all.get(name) ?? new Map<string, SetElement | null>();
  all.set(name, found);
  return found;
}

function badOrder(): WeirError {
  return new WeirError(
    'KERNEL_CALL_FAILED',
    'the nftables agent was given a line that is no order',
  );
}
