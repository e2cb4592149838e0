/**
 * What a finding of the packet detector becomes: a line in the log and a count, and an entry of the block
 * list where it is certain that the address it names is to blame.
 *
 * ```
 * finding ─► protected? ─► mode ─► has it shown that it is there? ─► block list, origin "detector"
 *             nothing     monitor    asked after 3 s, then again for 30 s
 * ```
 *
 * Packets do not prove who sent them: anybody can write the address of somebody else into a SYN, and twenty
 * of these must not lock out a customer. So an address is blocked only if it has completed handshakes, which
 * needs answers that only it receives, and left them silent (`blames`). Who uses the site is never blocked on
 * this evidence. Blocks are short, of one address (IPv6: one /64), and never shorten another's.
 * `docs/decisions/who-a-packet-comes-from.md` has the whole argument.
 */
import { lookup } from 'node:dns/promises';
import type { BlockEntry, BlockRequest } from '#admin/control.ts';
import type { Config } from '#config/schema.ts';
import { monotonicMs, wallMs } from '#core/clock.ts';
import { describeError } from '#core/errors.ts';
import { type Cidr, cidrContains, parseCidr } from '#core/ip.ts';
import { freshMs, type Handshakes } from '#proxy/listener/handshake-log.ts';
import type { Finding } from '#synproxy/detector.ts';
import type { Logger } from '#telemetry/log.ts';
import type { DetectorFindings } from './detector-metrics.ts';
import { protectedRanges, upstreamNames } from './protected-addresses.ts';
import { standingEntry } from './standing-entry.ts';

export type DetectorNode = {
  readonly config: Config;
  findBlock(target: string): BlockEntry | null;
  addBlock(request: BlockRequest): Promise<unknown>;
};

export type DetectorBlocksOptions = {
  readonly node: () => DetectorNode | null;
  /** In the order of the targets. */
  readonly handshakes: (targets: readonly string[]) => Promise<readonly Handshakes[]>;
  readonly findings: DetectorFindings;
  readonly log: Logger;
};

/** Findings that wait for a sign of their address. */
export const waitingMax = 256;
/** By then whoever had something to say on a connection of that time has said it, and our workers have read it. */
export const settleMs = freshMs;
export const waitMs = 30_000;
const askMs = 1_000;
const resolveMs = 2_000;

export class DetectorBlocks {
  readonly #options: DetectorBlocksOptions;
  readonly #waiting = new Map<
    string,
    { readonly finding: Finding; readonly fromMs: number; readonly untilMs: number }
  >();
  /** By host name of an upstream, as it was resolved last. */
  readonly #resolved = new Map<string, readonly Cidr[]>();
  #timer: NodeJS.Timeout | null = null;

  constructor(options: DetectorBlocksOptions) {
    this.#options = options;
  }

  async found(finding: Finding): Promise<void> {
    const { node, log, findings } = this.#options;
    const live = node();
    // While it starts or ends there is nobody to keep it; who goes on is found again.
    if (live === null) return;
    const { kind, target, evidence } = finding;
    const { mode } = live.config.kernel.detect;
    if (await this.#isProtected(live.config, target)) {
      findings.count(kind, 'protected');
      return;
    }
    log.info({ kind, target, evidence, mode }, 'packets of a source stand out');
    if (mode !== 'block') {
      findings.count(kind, 'monitored');
      return;
    }
    if (this.#waiting.size >= waitingMax && !this.#waiting.has(target)) {
      findings.count(kind, 'unproven');
      return;
    }
    const now = monotonicMs();
    this.#waiting.set(target, { finding, fromMs: now + settleMs, untilMs: now + waitMs });
    this.#askLater();
  }

  close(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#waiting.clear();
  }

  /** All that wait, in one question to the workers. */
  async #askForSigns(): Promise<void> {
    this.#timer = null;
    const now = monotonicMs();
    const targets = [...this.#waiting].flatMap(([target, { fromMs }]) =>
      now >= fromMs ? [target] : [],
    );
    const signs =
      targets.length === 0 ? [] : await this.#options.handshakes(targets).catch(() => []);
    for (const [index, target] of targets.entries()) {
      const one = this.#waiting.get(target);
      if (one === undefined) continue;
      const sign = signs[index];
      if (sign !== undefined && blames(one.finding, sign)) {
        this.#waiting.delete(target);
        await this.#block(one.finding);
      } else if (now >= one.untilMs) {
        this.#waiting.delete(target);
        this.#options.findings.count(one.finding.kind, 'unproven');
      }
    }
    this.#askLater();
  }

  #askLater(): void {
    if (this.#waiting.size === 0 || this.#timer !== null) return;
    this.#timer = setTimeout(() => void this.#askForSigns(), askMs);
    this.#timer.unref();
  }

  async #block({ kind, target, evidence }: Finding): Promise<void> {
    const { node, log, findings } = this.#options;
    const live = node();
    if (live === null) return;
    const { blockSeconds: ttlSeconds } = live.config.kernel.detect;
    const known = live.findBlock(target);
    const standing = standingEntry(known, wallMs() + ttlSeconds * 1_000);
    if (standing === 'watched') {
      findings.count(kind, 'monitored');
      log.info({ kind, target, evidence }, 'watched, so not blocked by the packet detector');
    }
    if (standing !== null) return;
    try {
      await live.addBlock({
        target,
        ttlSeconds,
        reason: `${kind}: ${evidence}`,
        origin: 'detector',
      });
      findings.count(kind, 'blocked');
      log.info({ kind, target, ttlSeconds }, 'blocked by the packet detector');
    } catch (error) {
      findings.count(kind, 'failed');
      log.error({ target, reason: describeError(error) }, 'packet detector cannot block');
    }
  }

  async #isProtected(config: Config, target: string): Promise<boolean> {
    const range = parseCidr(target);
    if (range === null) return true;
    if (protectedRanges(config).some((one) => overlaps(one, range))) return true;
    const names = upstreamNames(config);
    await Promise.all(names.map((name) => this.#resolve(name)));
    return names.some((name) => this.#resolved.get(name)?.some((one) => overlaps(one, range)));
  }

  /** What a name said before holds while it says nothing. */
  async #resolve(name: string): Promise<void> {
    try {
      const late = new Promise<never>((_, reject) =>
        setTimeout(() => reject(new Error('late')), resolveMs).unref(),
      );
      const found = await Promise.race([lookup(name, { all: true }), late]);
      this.#resolved.set(
        name,
        found.flatMap(({ address }) => parseCidr(address) ?? []),
      );
    } catch {
      // Kept as it was.
    }
  }
}

/**
 * Whether an address with such connections of late is who sent the packets. Who said anything on any of them is a
 * client, and never blamed on packets.
 *
 * Connection attempts in numbers are its own as far as it completed them: half must be. A scan mostly meets
 * closed ports, which prove nothing; so it is blamed on who opened a connection meanwhile and said nothing, which
 * no client does and a scanner does at the one port that is open. One that was refused does not count there: its
 * client may have had something to say.
 */
export function blames({ kind, syns }: Finding, { opened, refused, spoke }: Handshakes): boolean {
  if (spoke > 0) return false;
  return kind === 'port-scan' ? opened > 0 : (opened + refused) * 2 >= syns;
}

const overlaps = (a: Cidr, b: Cidr): boolean => cidrContains(a, b) || cidrContains(b, a);
