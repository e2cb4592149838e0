/**
 * Who sends most, from sampled packets: packets, bytes, SYNs and drops a second, as a moving average.
 *
 * Once a second what came since the last time goes into the averages, and if the table is more than half
 * full those that send least make room. Between two times newcomers to a full table are only counted as
 * others, so a flood with random sources costs a lookup an event and pushes nobody out who sends much.
 */
import { formatWords } from '#core/ip.ts';
import type { PacketEvent } from './event-record.ts';

export const talkersMax = 4_096;
/** What the last second counts in the average. */
const weightOfSecond = 0.5;

/** Estimates, a second. */
export type Talker = {
  /** An IPv4 address, or the first one of an IPv6 /64 and `/64`. */
  readonly source: string;
  readonly packets: number;
  readonly bytes: number;
  readonly syns: number;
  readonly dropped: number;
};
export const talkerOrders = ['packets', 'bytes', 'syns'] as const;
export type TalkerOrder = (typeof talkerOrders)[number];

type Amounts = { packets: number; bytes: number; syns: number; dropped: number };
type Row = {
  readonly family: 4 | 6;
  readonly words: Uint32Array;
  readonly fresh: Amounts;
  readonly average: Amounts;
  isNew: boolean;
};

const nothing = (): Amounts => ({ packets: 0, bytes: 0, syns: 0, dropped: 0 });
const tcp = 6;
const flagSyn = 0x02;
const flagAck = 0x10;

export class TopTalkers {
  readonly #rows = new Map<number | string, Row>();
  readonly #all: Row = {
    family: 4,
    words: new Uint32Array(4),
    fresh: nothing(),
    average: nothing(),
    isNew: true,
  };

  get size(): number {
    return this.#rows.size;
  }

  observe(event: PacketEvent): void {
    add(this.#all.fresh, event);
    const { family, source } = event;
    const key = family === 4 ? (source[0] as number) : `${source[0]}:${source[1]}`;
    let row = this.#rows.get(key);
    if (row === undefined) {
      if (this.#rows.size >= talkersMax) return;
      const words = source.slice();
      if (family === 6) words.fill(0, 2);
      row = { family, words, fresh: nothing(), average: nothing(), isNew: true };
      this.#rows.set(key, row);
    }
    add(row.fresh, event);
  }

  /** After so many seconds, usually one. */
  tick(seconds: number): void {
    advance(this.#all, seconds);
    for (const [key, row] of this.#rows) {
      advance(row, seconds);
      if (row.average.packets < 0.05) this.#rows.delete(key);
    }
    if (this.#rows.size <= talkersMax / 2) return;
    const byPackets = [...this.#rows].sort((a, b) => b[1].average.packets - a[1].average.packets);
    for (const [key] of byPackets.slice(talkersMax / 2)) this.#rows.delete(key);
  }

  /** Of all sources, those that found no room included. */
  get total(): Omit<Talker, 'source'> {
    return { ...this.#all.average };
  }

  top(order: TalkerOrder, count: number): Talker[] {
    return [...this.#rows.values()]
      .sort((a, b) => b.average[order] - a.average[order])
      .slice(0, count)
      .filter(({ average }) => average[order] > 0)
      .map(({ family, words, average }) => ({
        source: `${formatWords(family, words)}${family === 4 ? '' : '/64'}`,
        ...average,
      }));
  }
}

function add(to: Amounts, { weight, length, protocol, tcpFlags, verdict }: PacketEvent): void {
  to.packets += weight;
  to.bytes += weight * length;
  if (protocol === tcp && (tcpFlags & (flagSyn | flagAck)) === flagSyn) to.syns += weight;
  if (verdict.startsWith('drop_')) to.dropped += weight;
}

function advance(row: Row, seconds: number): void {
  const { fresh, average } = row;
  const share = row.isNew ? 1 : weightOfSecond;
  row.isNew = false;
  for (const name of ['packets', 'bytes', 'syns', 'dropped'] as const) {
    average[name] += (fresh[name] / seconds - average[name]) * share;
    fresh[name] = 0;
  }
}
