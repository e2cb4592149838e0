/**
 * A module of packets as the shield meets it: always there, whatever the guest does.
 *
 * ```
 * packet ─► guest (fuel, memory, put back after each) ─► pass │ drop │ alert │ undecided: the next one too
 *             └─ failure ─► counted, reported ─► the module's policy: closed drops the flow, open lets it pass
 *                 └─ too many (failure-window.ts) ─► off: the policy, and the guest is not run any more
 * ```
 *
 * Nothing in it is about how packets come: `inspect` is called with one, and answers with a value.
 */
import { FailureWindow } from './failure-window.ts';
import { phase } from './filter.ts';
import type { OnGuardedFailure } from './guarded-filter.ts';
import { type GuestFailure, traceOffsets } from './guest-failure.ts';
import type { HostServices } from './host-services.ts';
import {
  type CompileSource,
  compileModule,
  invalidModule,
  type LiveModule,
} from './live-module.ts';
import { PacketFlows } from './packet-flows.ts';
import { type PacketVerdict, packetPolicy } from './packet-verdict.ts';
import type { PacketView } from './packet-view.ts';

export class PacketFilter {
  readonly name: string;
  readonly sha256: string;
  readonly #module: LiveModule;
  readonly #flows: PacketFlows;
  readonly #window = new FailureWindow();
  #failures = 0;
  /** What every packet gets once the module is off. */
  #off: PacketVerdict | null = null;

  private constructor(module: LiveModule, flows: PacketFlows) {
    this.name = module.name;
    this.sha256 = module.sha256;
    this.#module = module;
    this.#flows = flows;
  }

  /**
   * Meters, checks and compiles the bytes and makes the first instance. Throws `MODULE_INVALID` with every
   * fault in `details`. `onFlowForgotten`: what the module kept of a flow was pushed out by another one.
   */
  static load(
    source: CompileSource,
    services: HostServices,
    onFailure: OnGuardedFailure,
    onFlowForgotten: () => void = () => {},
  ): PacketFilter {
    let filter: PacketFilter | null = null;
    const module = compileModule(source, noHeads, services, (message, failure) => {
      if (filter === null) onFailure(message, failure.kind, false, traceOffsets(failure));
      else filter.#onFailure(message, failure, onFailure);
    });
    if ((module.phases & phase.packet) === 0)
      throw invalidModule(source.name, [
        'exports no weir_packet: it looks at requests, and packets are what is asked for here',
      ]);
    filter = new PacketFilter(module, new PacketFlows(onFlowForgotten));
    return filter;
  }

  /** Never throws for what the guest does. */
  inspect(packet: PacketView): PacketVerdict {
    if (this.#off !== null) return this.#off;
    const verdict = this.#module.packet(packet, this.#flows.subject(packet));
    if (verdict.kind !== 'undecided') this.#flows.end(packet.flow);
    return verdict;
  }

  /** The flow is over, or nobody asks about it any more. */
  forget(flow: bigint): void {
    this.#flows.end(flow);
  }

  /** It failed too often and is not run any more. */
  get isOff(): boolean {
    return this.#off !== null;
  }

  get failures(): number {
    return this.#failures;
  }

  get lastFailure(): string | null {
    return this.#module.lastFailure;
  }

  /** Instructions of all its calls. */
  get fuelUsed(): number {
    return this.#module.fuelUsed;
  }

  get memoryBytes(): number {
    return this.#module.memoryBytes;
  }

  /** Flows that it keeps something of. */
  get flows(): number {
    return this.#flows.size;
  }

  #onFailure(message: string, failure: GuestFailure, report: OnGuardedFailure): void {
    this.#failures++;
    const isQuarantine = this.#off === null && this.#window.note(performance.now());
    if (isQuarantine) this.#off = packetPolicy(this.name, this.#module.failure, message);
    report(message, failure.kind, isQuarantine, traceOffsets(failure));
  }
}

/** A module of packets never sees a message. */
const noHeads = {
  headBytesMax: 0,
  headersMax: 0,
  responseHeadBytesMax: 0,
  responseHeadersMax: 0,
  bodyWindowBytes: 0,
} as const;
