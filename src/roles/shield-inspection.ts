/**
 * Rules that say `inspect`: the first packets of a flow come from the kernel, a module looks at them, what it
 * says goes back, and from then on the kernel decides alone.
 *
 * ```
 * ring ─► heads and payload ─► module ─► drop │ pass, alert ─► flow table of the kernel
 *                                └─ undecided: the next packet, and with the last of them a pass
 * ```
 *
 * Packets are not held: those before the verdict have passed. Lives in the shield process, which also runs
 * the module; what that keeps under `kv:worker` and `kv:node` is its own here, apart from the workers'.
 */

import type { InspectionStatus } from '#admin/control.ts';
import type { Config } from '#config/schema.ts';
import { FlowVerdicts } from '#synproxy/flow-verdicts.ts';
import { type InspectedPacket, InspectedPackets } from '#synproxy/inspected-packet.ts';
import { mapRing, RingReader, watchRing } from '#synproxy/ring-reader.ts';
import type { LoadedShield } from '#synproxy/shield-object.ts';
import { MetricRegistry, type MetricSamples } from '#telemetry/metrics.ts';
import { PacketFilter } from '#wasm/packet-filter.ts';
import { type PacketVerdict, packetPolicy } from '#wasm/packet-verdict.ts';
import { addressText } from '#wasm/packet-view.ts';
import { InspectionCounts } from './inspection-counts.ts';
import type { ModuleSource } from './ipc.ts';
import type { ModuleFailure } from './module-trial.ts';
import type { FromShield, InspectedFlow } from './shield-ipc.ts';
import { WorkerServices } from './worker-services.ts';

/** Before the event loop gets its turn. */
const packetsAtOnce = 256;
/** Lines a second about flows that were dropped or that a module has something to say of. */
const linesPerSecond = 10;
/** At most one word a second that a module fails; the counter has them all. */
const failureReportMs = 1_000;
/** Workers count from 0; what a module shares carries who wrote it. */
const slot = 65_535;

export type InspectionTerms = {
  readonly module: ModuleSource;
  /** How many of a flow are shown. */
  readonly packetsMax: number;
  /** For what the host gives to modules. */
  readonly config: Config;
};

type Running = { readonly terms: InspectionTerms; readonly inspect: PacketFilter | PacketVerdict };

export class ShieldInspection {
  readonly #shield: LoadedShield;
  readonly #send: (message: FromShield) => void;
  readonly #ruleId: (number: number) => number | null;
  readonly #packets: InspectedPackets;
  readonly #verdicts: FlowVerdicts;
  readonly #registry = new MetricRegistry();
  readonly #counts = new InspectionCounts(this.#registry);
  #services: WorkerServices | null = null;
  #reader: RingReader | null = null;
  #running: Running | null = null;
  #stopWatching: (() => void) | null = null;
  #second = 0;
  #lines = 0;
  #lastFailureAt = 0;

  constructor(
    shield: LoadedShield,
    send: (message: FromShield) => void,
    ruleId: (number: number) => number | null,
  ) {
    this.#shield = shield;
    this.#send = send;
    this.#ruleId = ruleId;
    this.#packets = new InspectedPackets(shield.layout);
    this.#verdicts = new FlowVerdicts(shield.maps, shield.layout);
  }

  /** Null: nothing is inspected. Throws MODULE_INVALID, and then what was there goes on. */
  async change(terms: InspectionTerms | null): Promise<void> {
    if (terms === null) {
      this.#running = null;
      this.#reader = null;
      this.#stopWatching?.();
      this.#stopWatching = null;
      this.#shield.config.flag('inspect', false);
      return;
    }
    const inspect = await this.#load(terms);
    this.#services?.follow(terms.config);
    this.#running = { terms, inspect };
    const { maps, config } = this.#shield;
    this.#reader ??= new RingReader(mapRing(maps.packets.fd, maps.packets.entriesMax));
    this.#stopWatching ??= watchRing(maps.packets.fd, () => this.#read());
    config.change({ inspect_packets: terms.packetsMax }, { inspect: true });
  }

  get state(): InspectionStatus | null {
    if (this.#running === null) return null;
    const { terms, inspect } = this.#running;
    const isFilter = inspect instanceof PacketFilter;
    return {
      module: terms.module.name,
      sha256: terms.module.sha256,
      isOff: !isFilter || inspect.isOff,
      lastFailure: isFilter ? inspect.lastFailure : terms.module.off,
      ...this.#counts.values,
    };
  }

  get samples(): MetricSamples {
    return this.#registry.samples();
  }

  async #load(terms: InspectionTerms): Promise<PacketFilter | PacketVerdict> {
    const { module, config } = terms;
    this.#services ??= new WorkerServices({
      registry: this.#registry,
      slot,
      logLevel: config.log.level,
      hashKey: [0, 0],
      sendBlock: (order) => {
        this.#send({ kind: 'block', order });
        return true;
      },
      postShared: (_batch, done) => done(),
    });
    await this.#services.prepare(config);
    if (module.off !== null) return packetPolicy(module.name, module.failure, module.off);
    return PacketFilter.load(
      module,
      this.#services.host,
      (reason, _kind, isQuarantine, offsets) =>
        this.#onFailure(module, { reason, isQuarantine, offsets }),
      () => this.#counts.forgotten.value++,
    );
  }

  #read(): void {
    // What is left makes the ring readable still, so this is called again.
    this.#reader?.read(
      (data, offset, length) => this.#inspect(data, offset, length),
      packetsAtOnce,
    );
  }

  #inspect(data: Uint8Array, offset: number, length: number): void {
    const running = this.#running;
    if (running === null) return;
    this.#counts.packets.value++;
    const packet = this.#packets.read(data, offset, length);
    if (packet === null) {
      this.#counts.unreadable.value++;
      return;
    }
    // Those that came between the one that decided and its verdict.
    if (!this.#verdicts.isOpen(packet)) {
      this.#counts.late.value++;
      return;
    }
    const { inspect, terms } = running;
    const said = inspect instanceof PacketFilter ? inspect.inspect(packet) : inspect;
    if (said.kind === 'undecided') {
      if (packet.number < terms.packetsMax) return;
      if (inspect instanceof PacketFilter) inspect.forget(packet.flow);
    }
    this.#counts.flows[said.kind].value++;
    this.#verdicts.decide(packet, said.kind === 'drop' ? 'drop' : 'pass');
    if (said.kind === 'drop' || said.kind === 'alert') this.#tell(packet, terms.module.name, said);
  }

  #tell(
    packet: InspectedPacket,
    module: string,
    said: Extract<PacketVerdict, { readonly kind: 'drop' | 'alert' }>,
  ): void {
    const second = Math.floor(performance.now() / 1_000);
    if (second !== this.#second) {
      this.#second = second;
      this.#lines = 0;
    }
    if (++this.#lines > linesPerSecond) {
      this.#counts.unlogged.value++;
      return;
    }
    const { family, source, destination, sourcePort, destinationPort, protocol, number } = packet;
    const flow: InspectedFlow = {
      verdict: said.kind,
      module,
      kernelRule: this.#ruleId(packet.rule),
      source: addressText(family, source),
      sourcePort,
      destination: addressText(family, destination),
      destinationPort,
      protocol,
      packet: number,
      rule: said.rule,
      reason: said.reason,
      matched: said.matched,
    };
    this.#send({ kind: 'flow', flow });
  }

  #onFailure(
    { name, sha256 }: ModuleSource,
    said: Pick<ModuleFailure, 'reason' | 'isQuarantine' | 'offsets'>,
  ): void {
    this.#counts.failures.value++;
    const now = performance.now();
    if (!said.isQuarantine && now - this.#lastFailureAt < failureReportMs) return;
    this.#lastFailureAt = now;
    // There is one process for packets: what it has counted is all there is.
    const failure = { name, sha256, ...said, isItsDoing: false };
    this.#send({ kind: 'module-failure', failure });
  }
}
