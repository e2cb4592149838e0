/**
 * Who floods and who scans, from sampled packets.
 *
 * ```
 * event ─► seen before? ─no─► newcomers (one event each, the oldest forgotten)
 *              └─yes─► suspects: packets and SYNs of 10 s, ports of a minute ─► finding, within a budget
 * ```
 *
 * A flood with random sources is a million newcomers: they push out each other, never a suspect, and none of
 * them is seen often enough to be one. An event stands for `weight` packets, so shares and rates are of all
 * traffic; what was really seen has a least number of its own, since one event of weight 128 proves nothing.
 *
 * A finding says what was seen, not who did it: SYNs carry whatever source their sender writes. Whether it
 * becomes a block is decided where more is known (`src/roles/detector-blocks.ts`).
 * IPv6 is watched by /64, as its users choose the rest.
 */
import { type Cidr, cidrOf } from '#core/ip.ts';
import { RecentMap } from '#core/recent-map.ts';
import type { PacketEvent } from './event-record.ts';

/** A limit of 0 looks for nothing of that kind. */
export type DetectorTerms = {
  /** SYNs a second. */
  readonly synRate: number;
  /** SYNs among TCP packets, in percent, above which a source only opens connections. */
  readonly synSharePercent: number;
  /** Different ports within so many seconds. */
  readonly portScan: { readonly ports: number; readonly seconds: number };
};

export const findingKinds = ['syn-rate', 'syn-share', 'port-scan'] as const;
export type FindingKind = (typeof findingKinds)[number];

export type Finding = {
  /** Canonical: an IPv4 address or an IPv6 /64. */
  readonly target: string;
  readonly kind: FindingKind;
  /** In words, with the numbers. */
  readonly evidence: string;
  /** SYNs of the last 10 s at most, by estimate. */
  readonly syns: number;
};

export type DetectorCounts = {
  readonly newcomers: number;
  readonly suspects: number;
  /** Forgotten for want of room. */
  readonly forgotten: number;
  /** Found, but over the budget of the minute. */
  readonly overBudget: number;
};

export const newcomersMax = 32_768;
export const suspectsMax = 16_384;
export const findingsPerMinuteMax = 60;
/** Told once, then left alone so long: the block takes a moment, and a refused one must not be asked for again. */
export const quietMs = 60_000;
const toldMax = 4_096;
/** Events really seen before numbers that were extrapolated from them count. */
export const eventsMin = 8;
/** Packets in a window below which a share means nothing. */
export const sharePacketsMin = 100;
const rateWindowMs = 10_000;

type Suspect = {
  readonly target: Cidr;
  windowFrom: number;
  events: number;
  packets: number;
  syns: number;
  /** When each port was asked for last, the longest ago first. */
  readonly ports: Map<number, number>;
};

/** Its packets are dropped or let in already, or say nothing of their sender. */
const passedOver: ReadonlySet<string> = new Set([
  'allowed',
  'drop_exact',
  'drop_prefix',
  'drop_malformed',
  'drop_flow',
]);

const tcp = 6;
const flagSyn = 0x02;
const flagAck = 0x10;
const portsOfNumber = 65_536;

export class Detector {
  readonly #terms: DetectorTerms;
  readonly #scanMs: number;
  /** When it was seen, in ms, times 65,536, and the port it opened a connection to. */
  readonly #newcomers = new RecentMap<number | string, number>(newcomersMax);
  readonly #suspects = new RecentMap<number | string, Suspect>(suspectsMax);
  readonly #told = new RecentMap<number | string, number>(toldMax);
  #budgetFrom = Number.NEGATIVE_INFINITY;
  #budgetLeft = 0;
  #overBudget = 0;

  constructor(terms: DetectorTerms) {
    this.#terms = terms;
    this.#scanMs = terms.portScan.seconds * 1_000;
  }

  get counts(): DetectorCounts {
    return {
      newcomers: this.#newcomers.size,
      suspects: this.#suspects.size,
      forgotten: this.#newcomers.forgotten + this.#suspects.forgotten,
      overBudget: this.#overBudget,
    };
  }

  /** Time is the event's: replayed or late events mean what they meant. */
  observe(event: PacketEvent): Finding | null {
    if (event.protocol !== tcp || passedOver.has(event.verdict)) return null;
    const key = keyOf(event);
    const suspect = this.#suspects.get(key) ?? this.#suspectOf(key, event);
    if (suspect === null) return null;
    this.#count(suspect, event);
    const toldAt = this.#told.get(key);
    if (toldAt !== undefined && event.timeMs - toldAt < quietMs) return null;
    const found = this.#judge(suspect);
    return found === null ? null : this.#tell(key, suspect, found, event.timeMs);
  }

  /** Who is seen for the first time waits among the newcomers. */
  #suspectOf(key: number | string, event: PacketEvent): Suspect | null {
    const { family, source, timeMs } = event;
    const port = isSyn(event) ? event.destinationPort : 0;
    const seen = this.#newcomers.get(key);
    const seenAt = seen === undefined ? 0 : Math.floor(seen / portsOfNumber);
    if (seen === undefined || timeMs - seenAt > this.#scanMs) {
      this.#newcomers.set(key, Math.floor(timeMs) * portsOfNumber + port);
      return null;
    }
    this.#newcomers.delete(key);
    const firstPort = seen % portsOfNumber;
    const suspect: Suspect = {
      target: cidrOf(family, source, family === 4 ? 32 : 64),
      windowFrom: timeMs,
      events: 0,
      packets: 0,
      syns: 0,
      ports: new Map(firstPort === 0 ? [] : [[firstPort, seenAt]]),
    };
    this.#suspects.set(key, suspect);
    return suspect;
  }

  #count(suspect: Suspect, event: PacketEvent): void {
    const { timeMs, weight, destinationPort } = event;
    if (timeMs - suspect.windowFrom >= rateWindowMs) {
      suspect.windowFrom = timeMs;
      suspect.events = 0;
      suspect.packets = 0;
      suspect.syns = 0;
    }
    suspect.events++;
    suspect.packets += weight;
    if (!isSyn(event)) return;
    suspect.syns += weight;
    const { ports } = suspect;
    ports.delete(destinationPort);
    ports.set(destinationPort, timeMs);
    for (const [port, at] of ports) {
      // More than what makes a scan need not be known.
      if (timeMs - at < this.#scanMs && ports.size <= this.#terms.portScan.ports) break;
      ports.delete(port);
    }
  }

  #judge(suspect: Suspect): Pick<Finding, 'kind' | 'evidence'> | null {
    const { synRate, synSharePercent, portScan } = this.#terms;
    const { events, packets, syns, ports } = suspect;
    if (portScan.ports > 0 && ports.size >= portScan.ports) {
      const evidence = `connection attempts to ${ports.size} ports within ${portScan.seconds} s`;
      return { kind: 'port-scan', evidence };
    }
    if (events < eventsMin) return null;
    if (synRate > 0 && syns > synRate * (rateWindowMs / 1_000))
      return { kind: 'syn-rate', evidence: `about ${syns} connection attempts within 10 s` };
    const percent = (syns / packets) * 100;
    if (synSharePercent > 0 && packets >= sharePacketsMin && percent > synSharePercent) {
      const evidence = `${Math.round(percent)} % of about ${packets} TCP packets within 10 s are connection attempts`;
      return { kind: 'syn-share', evidence };
    }
    return null;
  }

  #tell(
    key: number | string,
    { target, syns }: Suspect,
    found: Pick<Finding, 'kind' | 'evidence'>,
    nowMs: number,
  ): Finding | null {
    this.#told.set(key, nowMs);
    if (nowMs - this.#budgetFrom >= 60_000) {
      this.#budgetFrom = nowMs;
      this.#budgetLeft = findingsPerMinuteMax;
    }
    if (this.#budgetLeft === 0) {
      this.#overBudget++;
      return null;
    }
    this.#budgetLeft--;
    return { ...found, target: target.text, syns };
  }
}

const isSyn = ({ tcpFlags }: PacketEvent): boolean => (tcpFlags & (flagSyn | flagAck)) === flagSyn;

function keyOf({ family, source }: PacketEvent): number | string {
  return family === 4 ? (source[0] as number) : `${source[0]}:${source[1]}`;
}
