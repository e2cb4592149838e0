/**
 * What the shield process makes of sampled packets: findings, which go to the supervisor, and who sends most,
 * for whoever asks.
 *
 * Packets are sampled while something is looked for in them, and for a while after somebody has asked who
 * sends most.
 */
import type { TopAnswer } from '#admin/shield-schema.ts';
import type { DetectSettings } from '#config/kernel-schema.ts';
import { readCounters, readLost, type VerdictCount } from '#synproxy/counters.ts';
import { Detector, type Finding } from '#synproxy/detector.ts';
import { PacketSampler } from '#synproxy/packet-sampler.ts';
import type { LoadedShield } from '#synproxy/shield-object.ts';
import { type TalkerOrder, TopTalkers } from '#synproxy/top-talkers.ts';

const tickMs = 1_000;
/** For so long after a question there is an answer to the next one. */
const askedMs = 10_000;

export type ShieldTop = NonNullable<TopAnswer['top']>;
type VerdictRate = ShieldTop['verdicts'][number];

export class ShieldWatch {
  readonly #shield: LoadedShield;
  readonly #sampler: PacketSampler;
  readonly #talkers = new TopTalkers();
  readonly #onFinding: (finding: Finding) => void;
  #settings: DetectSettings;
  #detector: Detector | null;
  readonly #timer: NodeJS.Timeout;
  #askedAt = Number.NEGATIVE_INFINITY;
  #tickedAt = performance.now();
  #rates: { readonly seconds: number; readonly verdicts: VerdictRate[] } | null = null;
  #counted: { readonly at: number; readonly verdicts: readonly VerdictCount[] } | null = null;

  constructor(
    shield: LoadedShield,
    settings: DetectSettings,
    onFinding: (finding: Finding) => void,
  ) {
    this.#shield = shield;
    this.#onFinding = onFinding;
    this.#settings = settings;
    this.#detector = detectorOf(settings);
    this.#sampler = new PacketSampler(shield, (event) => {
      this.#talkers.observe(event);
      const finding = this.#detector?.observe(event) ?? null;
      if (finding !== null) this.#onFinding(finding);
    });
    shield.config.flag('sample', false);
    if (this.#detector !== null) this.#sampler.start();
    this.#timer = setInterval(() => this.#tick(), tickMs);
    this.#timer.unref();
  }

  /** What was seen of each source so far counts on where nothing changes. */
  change(settings: DetectSettings): void {
    if (JSON.stringify(settings) === JSON.stringify(this.#settings)) return;
    this.#settings = settings;
    this.#detector = detectorOf(settings);
    if (this.#detector !== null) this.#sampler.start();
  }

  top(order: TalkerOrder, count: number): ShieldTop {
    this.#askedAt = performance.now();
    this.#sampler.start();
    if (this.#counted === null) this.#count();
    return {
      seconds: this.#rates?.seconds ?? null,
      sampleOf: this.#sampler.sampleOf,
      total: this.#talkers.total,
      talkers: this.#talkers.top(order, count),
      verdicts: this.#rates?.verdicts ?? [],
      lost: { ...readLost(this.#shield.maps.lost, this.#shield.layout) },
    };
  }

  close(): void {
    clearInterval(this.#timer);
    this.#sampler.stop();
  }

  #tick(): void {
    const now = performance.now();
    this.#sampler.look();
    this.#talkers.tick((now - this.#tickedAt) / 1_000);
    this.#tickedAt = now;
    if (now - this.#askedAt < askedMs) {
      this.#count();
      return;
    }
    this.#counted = null;
    this.#rates = null;
    if (this.#detector === null) this.#sampler.stop();
  }

  /** Counters as they stand, and how fast they grew since the last time. */
  #count(): void {
    const before = this.#counted;
    const at = performance.now();
    const verdicts = readCounters(this.#shield.maps.stats, this.#shield.layout);
    this.#counted = { at, verdicts };
    if (before === null) return;
    const seconds = (at - before.at) / 1_000;
    this.#rates = {
      seconds,
      verdicts: verdicts.map((one) => {
        const old = before.verdicts.find(
          ({ verdict, protocol }) => verdict === one.verdict && protocol === one.protocol,
        );
        return {
          ...one,
          packetsPerSecond: (one.packets - (old?.packets ?? 0)) / seconds,
          bytesPerSecond: (one.bytes - (old?.bytes ?? 0)) / seconds,
        };
      }),
    };
  }
}

const detectorOf = (settings: DetectSettings): Detector | null =>
  settings.mode === 'off' ? null : new Detector(settings);
