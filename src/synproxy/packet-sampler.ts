/**
 * Which packets user space is told of: every one while there are few, one of 2^n above a rate.
 *
 * ```
 * ring `events` ─► decode ─► each(event)          every 100 ms: more events than wanted ─► mask × 2^n
 *                                                               a quarter and less      ─► mask / 2
 * ```
 *
 * The program thins (`config.sample_mask`) and says in each event how many packets it stands for. What the
 * ring had no room for counts as seen here, so a flood that overflows it is thinned at the next look.
 */
import { readLost } from './counters.ts';
import { EventDecoder, type PacketEvent } from './event-record.ts';
import { mapRing, RingReader } from './ring-reader.ts';
import type { LoadedShield } from './shield-object.ts';

/** What reading them costs stays small beside what a worker does. */
export const eventsPerSecondMax = 10_000;
/** One of 65,536 packets: 650 million a second are told of at the rate above. */
const maskMax = 0xffff;
const lookMs = 100;
/** More than the ring holds, so that a look ends. */
const recordsMax = 16_384;

export class PacketSampler {
  readonly #shield: LoadedShield;
  readonly #decoder: EventDecoder;
  readonly #reader: RingReader;
  readonly #each: (event: PacketEvent) => void;
  #timer: NodeJS.Timeout | null = null;
  #lostBefore = 0;
  #lookedAt = 0;
  #mask = 0;

  constructor(shield: LoadedShield, each: (event: PacketEvent) => void) {
    this.#shield = shield;
    this.#decoder = new EventDecoder(shield.layout);
    const { events } = shield.maps;
    this.#reader = new RingReader(mapRing(events.fd, events.entriesMax));
    this.#each = each;
  }

  /** One event stands for so many packets. */
  get sampleOf(): number {
    return this.#mask + 1;
  }

  get isOn(): boolean {
    return this.#timer !== null;
  }

  start(): void {
    if (this.#timer !== null) return;
    this.#lostBefore = this.#lost();
    this.#lookedAt = performance.now();
    this.#thin(0);
    this.#shield.config.flag('sample', true);
    this.#timer = setInterval(() => this.look(), lookMs);
    this.#timer.unref();
  }

  stop(): void {
    if (this.#timer === null) return;
    clearInterval(this.#timer);
    this.#timer = null;
    this.#shield.config.flag('sample', false);
    this.#read();
  }

  look(): void {
    const seen = this.#read();
    const lost = this.#lost();
    const now = performance.now();
    const seconds = Math.max(0.001, (now - this.#lookedAt) / 1_000);
    const next = nextMask(this.#mask, (seen + lost - this.#lostBefore) / seconds);
    this.#lostBefore = lost;
    this.#lookedAt = now;
    if (next !== this.#mask) this.#thin(next);
  }

  #read(): number {
    let seen = 0;
    this.#reader.read((data, offset, length) => {
      seen++;
      const event = this.#decoder.decode(data, offset, length);
      if (event !== null) this.#each(event);
    }, recordsMax);
    return seen;
  }

  #lost(): number {
    return readLost(this.#shield.maps.lost, this.#shield.layout)['event'] ?? 0;
  }

  #thin(mask: number): void {
    this.#mask = mask;
    this.#shield.config.change({ sample_mask: mask });
  }
}

/** `perSecond` events came, or would have with more room, while one of `mask + 1` packets made one. */
export function nextMask(mask: number, perSecond: number): number {
  let next = mask;
  for (let rate = perSecond; rate > eventsPerSecondMax && next < maskMax; rate /= 2)
    next = next * 2 + 1;
  return next === mask && perSecond < eventsPerSecondMax / 4 ? mask >>> 1 : next;
}
