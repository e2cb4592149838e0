/**
 * The node's side of the channel to its nftables agent: orders go out in lines the agent takes, and each call
 * resolves when the kernel has what it said.
 *
 * The agent speaks only when spoken to, so a client with nothing pending may be put down and another one taken
 * up on the same channel, in another process: that is an upgrade.
 */
import type { Duplex } from 'node:stream';
import { WeirError } from '#core/errors.ts';
import type { L4Rule } from '#core/l4-rule.ts';
import {
  entriesMax,
  lineBytesMax,
  type NftCounts,
  type NftEntry,
  type NftOrder,
  type NftReport,
  parseNftReport,
} from './nft-message.ts';

export type NftChange = {
  readonly replaces?: boolean;
  readonly add: readonly NftEntry[];
  readonly remove?: readonly string[];
  readonly removeAllowed?: readonly string[];
};

type Waiting = {
  /** A question; or a change, which is answered with all before it. */
  readonly isCount: boolean;
  readonly sequence: number;
  readonly resolve: (counts: NftCounts | null) => void;
  readonly reject: (error: WeirError) => void;
};

/** Of a report: it names the entries of one question. */
const reportBytesMax = 4 * lineBytesMax;

export class NftClient {
  readonly #channel: Duplex;
  readonly #onEnd: () => void;
  readonly #onAgain: () => void;
  #waiting: Waiting[] = [];
  #sequence = 0;
  #text = '';
  #isEnded = false;

  /**
   * `onEnd` is called once, when the agent is gone; not after `close`. `onAgain` when another one has taken its place,
   * which knows nothing of what was said.
   */
  constructor(channel: Duplex, onEnd: () => void, onAgain: () => void) {
    this.#channel = channel;
    this.#onEnd = onEnd;
    this.#onAgain = onAgain;
    channel.setEncoding('utf8').on('data', (text: string) => this.#take(text));
    for (const event of ['error', 'close'] as const) channel.on(event, () => this.#end());
    channel.on('end', () => this.#end());
  }

  open(table: string, interfaces: readonly string[]): Promise<unknown> {
    return this.#say({ kind: 'open', table, interfaces }, 0);
  }

  /** Rejects where nft refused it; then what stands in the kernel is not known. */
  async change({
    replaces = false,
    add,
    remove = [],
    removeAllowed = [],
  }: NftChange): Promise<void> {
    const said: Promise<unknown>[] = [];
    const most = Math.max(add.length, remove.length, removeAllowed.length, 1);
    for (let at = 0; at < most; at += entriesMax) {
      const part = <T>(all: readonly T[]) => all.slice(at, at + entriesMax);
      const sequence = ++this.#sequence;
      const order: NftOrder = {
        kind: 'change',
        sequence,
        replaces: replaces && at === 0,
        add: part(add),
        remove: part(remove),
        removeAllowed: part(removeAllowed),
      };
      said.push(this.#say(order, sequence));
    }
    const failed = (await Promise.allSettled(said)).find(({ status }) => status === 'rejected');
    if (failed?.status === 'rejected') throw failed.reason;
  }

  /** All of them, in the place of those that are there. Rejects as `change` does. */
  async rules(rules: readonly L4Rule[]): Promise<void> {
    const sequence = ++this.#sequence;
    const plain = rules.map(({ id, source, destination, port, protocol, action }) => {
      return { id, source, destination, port, protocol, action };
    });
    await this.#say({ kind: 'rules', sequence, rules: plain }, sequence);
  }

  async count(targets: readonly string[]): Promise<NftCounts | null> {
    const sequence = ++this.#sequence;
    return this.#say({ kind: 'count', sequence, targets }, sequence);
  }

  /** Resolves when nothing is on its way any more. */
  async settled(): Promise<void> {
    while (this.#waiting.length > 0)
      await new Promise<void>((resolve) => {
        const last = this.#waiting.at(-1);
        if (last === undefined) resolve();
        else
          this.#waiting.push({
            isCount: last.isCount,
            sequence: last.sequence,
            resolve: () => resolve(),
            reject: () => resolve(),
          });
      });
  }

  close(): void {
    this.#isEnded = true;
    this.#channel.destroy();
    this.#rejectAll();
  }

  #say(order: NftOrder, sequence: number): Promise<NftCounts | null> {
    return new Promise((resolve, reject) => {
      if (this.#isEnded) {
        reject(gone());
        return;
      }
      this.#waiting.push({ isCount: order.kind === 'count', sequence, resolve, reject });
      this.#channel.write(`${JSON.stringify(order)}\n`);
    });
  }

  #take(text: string): void {
    this.#text += text;
    const lines = this.#text.split('\n');
    this.#text = lines.pop() ?? '';
    for (const line of lines) {
      const report = parseNftReport(line);
      if (report !== null) this.#heard(report);
    }
    if (this.#text.length > reportBytesMax) this.#channel.destroy();
  }

  #heard(report: NftReport): void {
    if (report.kind === 'again') {
      for (const { reject } of this.#waiting.splice(0)) reject(killed());
      this.#onAgain();
      return;
    }
    const upTo = report.kind === 'ready' ? 0 : report.sequence;
    const isAnswer = report.kind === 'counts' || report.kind === 'uncounted';
    const isMeant = ({ isCount, sequence }: Waiting) =>
      isCount === isAnswer && (isAnswer ? sequence === upTo : sequence <= upTo);
    const meant = this.#waiting.filter(isMeant);
    this.#waiting = this.#waiting.filter((one) => !isMeant(one));
    for (const { resolve, reject } of meant) {
      if (report.kind === 'failed' || report.kind === 'uncounted')
        reject(new WeirError('SHIELD_FAILED', `nftables: ${report.reason}`));
      else resolve(report.kind === 'counts' ? report : null);
    }
  }

  #end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#rejectAll();
    this.#onEnd();
  }

  #rejectAll(): void {
    for (const { reject } of this.#waiting.splice(0)) reject(gone());
  }
}

const gone = (): WeirError =>
  new WeirError('SHIELD_FAILED', 'the nftables agent of this node has ended');

const killed = (): WeirError =>
  new WeirError(
    'SHIELD_FAILED',
    'the nftables agent was killed, and another one is taking its place',
  );
