/**
 * Runs a module's cases through the very code that runs it in the edge: metered, reset after each call,
 * phase after phase, without a proxy or a port.
 *
 * ```
 * bytes ─► LiveModule (one for each config) ─► request by request, as `#proxy/inspection.ts` does ─► differences
 * ```
 *
 * Pure: bytes and cases in, results out. The registry runs what comes with a module before it goes live.
 */
import { WeirError } from '#core/errors.ts';
import type { GuestLimits } from '#wasm/abi.ts';
import { compileFilter } from '#wasm/compile-filter.ts';
import { type Filter, phase } from '#wasm/filter.ts';
import { GuestFailure } from '#wasm/guest-failure.ts';
import { type CompileSource, LiveModule } from '#wasm/live-module.ts';
import { PacketFlows } from '#wasm/packet-flows.ts';
import type { PacketView } from '#wasm/packet-view.ts';
import { type CaseDifference, differencesOf, outcomeOf, type StepOutcome } from './case-outcome.ts';
import type { CaseStep } from './case-schema.ts';
import { CaseServices } from './case-services.ts';
import type { PacketStep } from './packet-schema.ts';
import {
  type PacketOutcome,
  packetDifferences,
  packetNotMade,
  packetViewsOf,
} from './packet-steps.ts';
import type { RunnableCase } from './read-cases.ts';
import { prepareRequest, runPhases, transactionOf } from './run-phases.ts';

/** What a module is run with; the config comes from the cases. */
export type CaseModule = Omit<CompileSource, 'config' | 'failure'>;

export type CaseResult = {
  readonly name: string;
  readonly why: string | null;
  /** Empty when the case holds. */
  readonly differences: readonly CaseDifference[];
  readonly failures: readonly string[];
  /** The first failure of the guest itself; null where there is none, or the module could not be made. */
  readonly failure: GuestFailure | null;
  /** Rules that the case names, and rules that decided, tagged or scored in it. */
  readonly rulesNamed: readonly string[];
  readonly rulesSeen: readonly string[];
  /** Instructions of all its calls. */
  readonly fuel: number;
};

export function runCases(
  module: CaseModule,
  cases: readonly RunnableCase[],
  limits: GuestLimits,
): readonly CaseResult[] {
  const runner = new CaseRunner(module, limits);
  return cases.map((item) => runner.run(item));
}

/** A module that could not be made with a config. */
type NotMade = { readonly why: string; readonly failure: GuestFailure | null };

class CaseRunner {
  readonly #module: CaseModule;
  readonly #limits: GuestLimits;
  /** By config: a case leaves nothing behind in a module. */
  readonly #live = new Map<string, Filter | NotMade>();
  readonly #services = new CaseServices();
  #flows = new PacketFlows();
  #failures: string[] = [];
  #failure: GuestFailure | null = null;

  constructor(module: CaseModule, limits: GuestLimits) {
    this.#module = module;
    this.#limits = limits;
  }

  run(item: RunnableCase): CaseResult {
    const differences: CaseDifference[] = [];
    const failures: string[] = [];
    const seen = new Set<string>();
    this.#failure = null;
    this.#flows = new PacketFlows();
    this.#services.begin(this.#module.name, item);
    const module = this.#moduleFor(item);
    const usedBefore = fuelUsedBy(module);
    for (const { at, step, view } of stepsOf(item)) {
      this.#failures = [];
      this.#services.next(step.afterMs);
      if (view !== null) {
        const outcome = 'why' in module ? packetNotMade(module.why) : this.#runPacket(module, view);
        failures.push(...outcome.failures);
        if ('rule' in outcome.verdict) seen.add(outcome.verdict.rule);
        differences.push(...packetDifferences(step, outcome, at));
      } else {
        const outcome = 'why' in module ? notMade(step, module) : this.#runStep(module, step);
        failures.push(...outcome.failures);
        for (const rule of rulesOf(outcome)) seen.add(rule);
        differences.push(...differencesOf(step, outcome, at));
      }
      // What cannot be made fails once, not once a request.
      if ('why' in module) break;
    }
    return {
      name: item.name,
      why: item.why,
      differences,
      failures,
      failure: 'why' in module ? module.failure : this.#failure,
      rulesNamed: rulesNamedIn(item),
      rulesSeen: [...seen],
      fuel: fuelUsedBy(module) - usedBefore,
    };
  }

  #moduleFor(item: RunnableCase): Filter | NotMade {
    const databases = Object.keys(item.databases);
    const key = [item.config, ...databases].join('\0');
    const known = this.#live.get(key);
    if (known instanceof LiveModule) {
      // What was fetched, counted or stored while it was configured belongs to the case before.
      known.renew();
      return known;
    }
    if (known !== undefined && 'why' in known) return known;
    // A guest of another ABI keeps what it likes, so it is made anew for each case.
    known?.close();
    const made = this.#make(item.config, databases);
    this.#live.set(key, made);
    return made;
  }

  #make(config: string, databases: readonly string[]): Filter | NotMade {
    const source = {
      ...this.#module,
      config,
      failure: 'closed',
      databases: {
        ...this.#module.databases,
        ...Object.fromEntries(databases.map((name) => [name, name])),
      },
    } as const;
    try {
      return compileFilter(source, this.#limits, this.#services, (_message, failure) => {
        this.#failures.push(failure.describe());
        this.#failure ??= failure;
      });
    } catch (error) {
      if (!(error instanceof WeirError)) throw error;
      const failure = error.cause instanceof GuestFailure ? error.cause : null;
      return { why: error.details.join('; '), failure };
    }
  }

  #runPacket(module: Filter, packet: PacketView): PacketOutcome {
    if (!(module instanceof LiveModule) || (module.phases & phase.packet) === 0)
      return packetNotMade('it exports no weir_packet, and this is a packet');
    const verdict = module.packet(packet, this.#flows.subject(packet));
    if (verdict.kind !== 'undecided') this.#flows.end(packet.flow);
    const { lines: log, blocks } = this.#services;
    return { verdict, failures: this.#failures, log, blocks };
  }

  #runStep(module: Filter, step: CaseStep): StepOutcome {
    if ((module.phases & phase.packet) !== 0)
      return notMade(step, { why: 'it exports weir_packet alone, and this is a request' });
    const prepared = prepareRequest(step, this.#limits.bodyWindowBytes);
    const transaction = transactionOf(prepared);
    const stop = runPhases(module, prepared, transaction);
    if (stop === 'wait')
      this.#failures.push('timeout: it wants to wait, and in a case nothing ever comes');
    const held = stop === 'wait' || this.#failures.length > 0 ? null : stop;
    return outcomeOf(transaction, held, this.#failures, this.#services);
  }
}

type RunnableStep = { readonly at: string } & (
  | { readonly step: CaseStep; readonly view: null }
  | { readonly step: PacketStep; readonly view: PacketView }
);

function stepsOf({ steps, packets }: RunnableCase): readonly RunnableStep[] {
  const views = packetViewsOf(packets);
  return [
    ...steps.map((step, index) => ({
      ...{ at: steps.length === 1 ? '' : `requests[${index}].`, step },
      view: null,
    })),
    ...packets.map((step, index) => ({
      ...{ at: `packets[${index}].`, step },
      view: views[index] as PacketView,
    })),
  ];
}

const fuelUsedBy = (module: Filter | NotMade): number =>
  module instanceof LiveModule ? module.fuelUsed : 0;

const notMade = (step: CaseStep, { why }: Pick<NotMade, 'why'>): StepOutcome =>
  outcomeOf(transactionOf(prepareRequest(step, 1)), null, [why], { lines: [], blocks: [] });

const rulesNamedIn = ({ steps, packets }: RunnableCase): string[] => [
  ...packets.flatMap(({ verdict }) => verdict?.rule ?? []),
  ...steps.flatMap(({ verdict, tags }) => [
    ...(verdict?.rule === undefined ? [] : [verdict.rule]),
    ...(tags ?? []),
  ]),
];

function rulesOf({ stop, tags }: StepOutcome): string[] {
  return stop === null ? [...tags] : [stop.rule, ...tags];
}
