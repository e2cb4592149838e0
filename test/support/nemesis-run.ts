/**
 * Faults, callers and the model put together: rounds of faults under load, and after each one a wait until all members
 * hold the same, and what the model allows.
 */
import { NemesisFaults, pass } from './nemesis-faults.ts';
import { NemesisLoad } from './nemesis-load.ts';
import type { NemesisMember, View } from './nemesis-member.ts';
import { NemesisModel } from './nemesis-model.ts';
import { describeFault, type Fault, planFaults } from './nemesis-plan.ts';
import { NemesisWorld } from './nemesis-world.ts';
import { randomOf } from './random.ts';

export type NemesisOptions = {
  readonly seed: number;
  readonly nodes: number;
  readonly faults: number;
  readonly callEveryMs: number;
  /** All faults are planned; those of rounds that begin later are left out. */
  readonly endsAfterMs?: number;
  readonly convergeMaxMs: number;
  readonly say: (line: string) => void;
};

export type NemesisReport = {
  readonly seed: number;
  readonly faults: Readonly<Record<string, { readonly done: number; readonly hit: number }>>;
  readonly rounds: number;
  readonly operations: ReturnType<NemesisModel['counts']>;
  /** From the end of the last fault of a round until all members held the same. */
  readonly convergedMs: readonly number[];
  readonly restartsChecked: number;
  readonly clientsChecked: number;
  readonly problems: readonly string[];
};

const clientsARound = 24;
const lookEveryMs = 100;
const problemsMax = 20;

export async function runNemesis(options: NemesisOptions): Promise<NemesisReport> {
  const names = Array.from({ length: options.nodes }, (_, at) => `n${at + 1}`);
  options.say(`seed ${options.seed}: ${options.faults} faults, ${names.length} nodes`);
  await using world = await NemesisWorld.start(names);
  return await new NemesisRun(world, options).run(planFaults(options.seed, options.faults, names));
}

class NemesisRun {
  readonly #world: NemesisWorld;
  readonly #options: NemesisOptions;
  readonly #model = new NemesisModel();
  readonly #random: () => number;
  readonly #load: NemesisLoad;
  readonly #faults: NemesisFaults;
  readonly #problems: string[] = [];
  readonly #counts: Record<string, { done: number; hit: number }> = {};
  readonly #convergedMs: number[] = [];
  /** What all held at the last check. */
  #agreed: View = new Map();
  #restarts = 0;
  #clients = 0;

  constructor(world: NemesisWorld, options: NemesisOptions) {
    this.#world = world;
    this.#options = options;
    this.#random = randomOf(options.seed ^ 0x5eed);
    this.#load = new NemesisLoad(world.members, this.#model, this.#random, options.callEveryMs);
    this.#faults = new NemesisFaults(world, (member) => this.#checkRestarted(member));
  }

  async run(rounds: readonly (readonly Fault[])[]): Promise<NemesisReport> {
    const { say, endsAfterMs = Number.POSITIVE_INFINITY, seed } = this.#options;
    const startedAt = performance.now();
    await this.#converge(startedAt, Promise.resolve());
    this.#convergedMs.length = 0;
    let done = 0;
    for (const round of rounds) {
      if (performance.now() - startedAt > endsAfterMs || this.#problems.length > 0) break;
      await this.#round(round);
      done++;
      const { acked, unknown, refused } = this.#model.counts();
      say(
        `round ${done}: ${acked} acked, ${unknown} unknown, ${refused} refused; ${this.#agreed.size} held; equal after ${Math.round(this.#convergedMs.at(-1) ?? -1)} ms`,
      );
    }
    if (this.#problems.length > 0) this.#tellAll(say);
    return {
      ...{ seed, rounds: done, faults: this.#counts, operations: this.#model.counts() },
      convergedMs: this.#convergedMs.map(Math.round),
      restartsChecked: this.#restarts,
      clientsChecked: this.#clients,
      problems: this.#problems,
    };
  }

  async #round(round: readonly Fault[]): Promise<void> {
    const { say } = this.#options;
    const beganAt = performance.now();
    if (this.#random() < 0.5) this.#faults.copyStore();
    this.#load.start();
    await Promise.all(
      round.map(async (fault) => {
        await pass(beganAt + fault.atMs - performance.now());
        const { hit, detail } = await this.#faults.do(fault);
        say(`  ${describeFault(fault)}: ${detail}`);
        const count = (this.#counts[`${fault.kind} of ${kindOf(fault.victim)}`] ??= {
          ...{ done: 0, hit: 0 },
        });
        count.done++;
        if (hit) count.hit++;
      }),
    );
    const overAt = performance.now();
    await this.#converge(overAt, this.#load.stop());
    await this.#checkClients();
    this.#load.touched.clear();
  }

  /**
   * Until all members hold the same and it is what may be; else it says what is wrong. Calls that are under way may
   * wait for members that are away longer than these take to be equal, so both are waited for at once; what counts
   * is since when they have been equal without a break.
   */
  async #converge(overAt: number, stopping: Promise<void>): Promise<void> {
    let startedAt = performance.now();
    let isStopped = false;
    void stopping.then(() => {
      isStopped = true;
      startedAt = performance.now();
    });
    for (let equalAt: number | null = null; ; ) {
      // Before they are asked: a call that ends meanwhile may have changed what they hold.
      const isLast = isStopped;
      const views = await this.#views();
      const wrong = typeof views === 'string' ? [views] : this.#wrongWith(views);
      equalAt = wrong.length === 0 ? (equalAt ?? performance.now()) : null;
      if (isLast && equalAt !== null && typeof views !== 'string') {
        this.#convergedMs.push(equalAt - overAt);
        this.#agreed = views.values().next().value ?? new Map();
        return;
      }
      if (isLast && performance.now() - startedAt > this.#options.convergeMaxMs) {
        this.#problem(...wrong);
        return;
      }
      await pass(lookEveryMs);
    }
  }

  /** Or who does not answer. */
  async #views(): Promise<Map<string, View> | string> {
    try {
      return new Map(
        await Promise.all(
          this.#world.members.map(async (member) => [member.name, await member.view()] as const),
        ),
      );
    } catch (error) {
      return String(error);
    }
  }

  #wrongWith(views: ReadonlyMap<string, View>): string[] {
    const wrong = [...views].flatMap(([name, view]) => this.#model.faultsOf(name, view));
    const [[firstName, first] = ['', new Map()], ...others] = views;
    for (const [name, view] of others)
      for (const target of new Set([...first.keys(), ...view.keys()]))
        if (first.get(target) !== view.get(target))
          wrong.push(
            `UNEQUAL: ${target} is ${first.get(target)} at ${firstName} and ${view.get(target)} at ${name}: ${this.#model.history(target)}`,
          );
    return wrong;
  }

  /** What all held before the round, and nobody has touched since, holds in a member that has just come back. */
  async #checkRestarted(member: NemesisMember): Promise<void> {
    const view = await member.view().catch(() => null);
    if (view === null) return;
    this.#restarts++;
    for (const target of new Set([...this.#agreed.keys(), ...view.keys()])) {
      if (this.#load.touched.has(target) || this.#agreed.get(target) === view.get(target)) continue;
      this.#problem(
        `FORGOTTEN: ${member.name} came back with ${view.get(target)} for ${target}, which is ${this.#agreed.get(target)}: ${this.#model.history(target)}`,
      );
    }
  }

  /** At accept, of some of them: who is blocked is cut off, who is not gets an answer. */
  async #checkClients(): Promise<void> {
    const { targets } = this.#model;
    for (let at = 0; at < Math.min(clientsARound, targets.length); at++) {
      const target = targets[Math.floor(this.#random() * targets.length)] as string;
      const expected = !this.#agreed.has(target);
      for (const node of this.#world.nodes) {
        this.#clients++;
        if ((await node.letsIn(target)) !== expected)
          this.#problem(`${node.name} ${expected ? 'refuses' : 'lets in'} ${target}`);
      }
    }
  }

  #problem(...texts: string[]): void {
    this.#problems.push(...texts.slice(0, problemsMax - this.#problems.length));
  }

  #tellAll(say: (line: string) => void): void {
    for (const problem of this.#problems) say(problem);
    for (const { name, lines } of [
      ...this.#world.members.map(({ process }) => process),
      this.#world.bus,
    ]) {
      say(`log of ${name}:`);
      for (const line of lines.slice(-60)) say(`  ${line.slice(0, 400)}`);
    }
  }
}

const kindOf = (victim: string): string => (/^n\d+$/.test(victim) ? 'a node' : `the ${victim}`);
