/**
 * The kernel shield as the supervisor holds it: the step of the ladder it is on, and the process that has
 * the maps.
 *
 * The block list goes to it as it goes to the workers, and an answer waits for both. When the process ends
 * it is started again with the list as it stands; until then the program drops what it knew, workers enforce
 * the rest at accept, and status says so.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { closeSync } from 'node:fs';
import type { KernelSettings } from '#config/kernel-schema.ts';
import { assert, unreachable } from '#core/assert.ts';
import { describeError, WeirError } from '#core/errors.ts';
import type { Finding } from '#synproxy/detector.ts';
import type { TalkerOrder } from '#synproxy/top-talkers.ts';
import { replaceProgram } from '#synproxy/xdp-link.ts';
import type { Logger } from '#telemetry/log.ts';
import type { BlockOrder } from '#wasm/services/block-requests.ts';
import { nothingToGuard } from './guarded-interfaces.ts';
import { inspectionKey } from './inspection-terms.ts';
import type { KernelItem } from './ipc.ts';
import type { KernelHandover } from './kernel-ladder.ts';
import { fitting, type ListSizes, listSizesDefault } from './list-room.ts';
import type { ModuleFailure } from './module-trial.ts';
import { NftShield } from './nft-shield.ts';
import { objectProblem } from './object-problem.ts';
import { packBlocks } from './packed-blocks.ts';
import type { GuardSettings } from './shield-guards.ts';
import type { InspectionTerms } from './shield-inspection.ts';
import type {
  EntryHits,
  FromShield,
  RuleSet,
  ShieldCounters,
  ShieldReply,
  ToShield,
} from './shield-ipc.ts';
import type { ShieldTop } from './shield-watch.ts';
import { unmetGuards } from './unmet-guards.ts';
import { inheritedFrom } from './worker-process.ts';

/** A million entries take some seconds at the start. */
const replyMs = 30_000;
/** Before it is started again. */
const restartMs = 1_000;
/** What `setDegraded` calls it. */
const part = 'kernel shield';

type Asking = ToShield extends infer M ? (M extends ToShield ? Omit<M, 'id'> : never) : never;

export type ShieldOptions = {
  readonly entry: string;
  readonly handover: KernelHandover;
  readonly log: Logger;
  readonly guards: GuardSettings;
  readonly allowed: readonly string[];
  readonly blocks: () => readonly KernelItem[];
  /** Entries of the list, by kind; null while the node starts. */
  readonly counts: () => ListSizes | null;
  readonly rules: () => RuleSet;
  /** Ids of the rules that the process before this one left in the kernel, in order. */
  readonly rulesLeft: readonly number[];
  readonly inspection: InspectionTerms | null;
  readonly onModuleFailure: (failure: ModuleFailure) => void;
  readonly onBlock: (order: BlockOrder) => void;
  readonly setDegraded: (part: string, reason: string | null) => void;
  readonly onFinding: (finding: Finding) => void;
};

export class Shield {
  #handover: KernelHandover;
  readonly #options: ShieldOptions;
  readonly #pending = new Map<number, (reply: ShieldReply | null) => void>();
  #allowed: readonly string[];
  #guards: GuardSettings;
  /** What stands in the kernel, to go on counting where its process is another one; none while it changes. */
  #rulesLeft: readonly number[];
  #inspection: InspectionTerms | null;
  #child: ChildProcess | null = null;
  /** On step nftables, in the place of the process. */
  #nft: NftShield | null = null;
  #nextId = 1;
  #isClosed = false;
  #isReleased = false;
  #timer: NodeJS.Timeout | null = null;
  restarts = 0;

  private constructor(options: ShieldOptions) {
    this.#options = options;
    this.#allowed = options.allowed;
    this.#guards = options.guards;
    this.#handover = options.handover;
    this.#rulesLeft = options.rulesLeft;
    this.#inspection = options.inspection;
  }

  /** Resolves when the maps hold the list, or at once where there are none. */
  static async start(options: ShieldOptions): Promise<Shield> {
    const shield = new Shield(options);
    const { step, refused, interfaces } = options.handover;
    const names = interfaces.map(({ name }) => name);
    options.log[refused.every(({ reason }) => reason === nothingToGuard) ? 'info' : 'warn'](
      { step, refused, interfaces: names, object: options.handover.objectSha256 },
      'kernel shield',
    );
    if (options.handover.nft != null)
      shield.#nft = await NftShield.start({
        ...options,
        nft: options.handover.nft,
        blocks: () => shield.#fitting(),
      });
    else if (step !== 'accept') await shield.#spawn();
    shield.#compareObject();
    shield.#sayUnmet();
    return shield;
  }

  /** Of the block list in the kernel; null where nothing of it is. */
  get sizes(): ListSizes | null {
    const { step, sizes } = this.#handover;
    return step === 'accept' ? null : (sizes ?? listSizesDefault);
  }

  /** As a process that takes over gets it. */
  get handover(): KernelHandover {
    return { ...this.#handover, nft: this.#nft?.handover ?? null };
  }

  /** Before another process takes over: nothing is on its way any more, and nothing more is said. */
  async release(): Promise<void> {
    await this.#nft?.release();
    // One reader of the ring, one writer of the program's settings: the successor's process is that.
    this.#isReleased = this.#nft === null && this.#handover.step !== 'accept';
    await this.#endProcess();
  }

  /** Nobody starts it again before `#isReleased` says so. */
  async #endProcess(): Promise<void> {
    if (this.#timer !== null) clearTimeout(this.#timer);
    const child = this.#child;
    if (child === null) return;
    const ended = once(child, 'exit');
    if (child.connected) child.disconnect();
    await ended;
  }

  /**
   * Another program in the place of the one that runs, on the maps they have in common. Its process is started first
   * and the links follow, so that whatever fails leaves the one that runs as it was, with a process of its own; then
   * it throws. Packets meet one program or the other, never none.
   */
  async swap(next: Pick<KernelHandover, 'descriptors' | 'objectSha256'>): Promise<void> {
    const before = this.#handover;
    this.#isReleased = true;
    await this.#endProcess();
    this.#handover = { ...before, ...next };
    try {
      if (!(await this.#startProcess()))
        throw new WeirError(
          'SHIELD_FAILED',
          'the process of the kernel shield ended as it started',
        );
      this.#link(next.descriptors['program']);
    } catch (error) {
      this.#handover = before;
      await this.#endProcess();
      this.#link(before.descriptors['program']);
      this.#isReleased = false;
      await this.#spawn();
      throw error;
    }
    this.#isReleased = false;
    this.#options.setDegraded(part, null);
    this.#compareObject();
    const kept = new Set(Object.values(next.descriptors));
    for (const descriptor of Object.values(before.descriptors))
      if (!kept.has(descriptor)) closeSync(descriptor);
  }

  /** From the next packet on. */
  #link(program: number | undefined): void {
    assert(program !== undefined, 'whoever has links has a program');
    for (const { link } of this.#handover.interfaces)
      if (link !== null) replaceProgram(link, program);
  }

  /** Whether the program on disk is the one that runs. */
  #compareObject(): void {
    const { objectSha256 } = this.#handover;
    if (objectSha256 === null) return;
    this.#options.setDegraded('packet program', objectProblem(objectSha256));
  }

  /** Where that other process did not get there. */
  async takeBack(): Promise<void> {
    await this.#nft?.takeBack();
    if (!this.#isReleased) return;
    this.#isReleased = false;
    await this.#spawn();
  }

  /** Ids of the rules that stand in the kernel, in order. */
  get rulesLeft(): readonly number[] {
    return this.#rulesLeft;
  }

  get pid(): number | null {
    return this.#nft === null ? (this.#child?.pid ?? null) : this.#nft.pid;
  }

  /**
   * Whether the kernel has it: false on step accept, and while the process is started again, which takes the
   * whole list. Messages are handled in order, so one sent during a start follows it.
   */
  async changeBlocks(add: readonly KernelItem[], remove: readonly string[]): Promise<boolean> {
    if (this.#nft !== null) return this.#nft.changeBlocks(add, remove);
    return (await this.#ask({ kind: 'blocks', add: packBlocks(add), remove })) !== null;
  }

  async changeAllowed(allowed: readonly string[]): Promise<void> {
    this.#allowed = allowed;
    if (this.#nft !== null) return this.#nft.changeAllowed(allowed);
    await this.#ask({ kind: 'allowed', allowed });
  }

  /** Fragments, mirrors, rates and cookies; where no program is, they are kept for the day there is one. */
  async changeGuards(kernel: KernelSettings): Promise<void> {
    const before = this.#guards;
    this.#guards = { ...before, kernel };
    try {
      await this.#ask({ kind: 'guards', kernel });
      this.#sayUnmet();
    } catch (error) {
      this.#guards = before;
      throw error;
    }
  }

  #sayUnmet(): void {
    const { setDegraded } = this.#options;
    setDegraded('kernel settings', unmetGuards(this.#guards.kernel, this.#handover));
  }

  /** As `changeBlocks`. On an error the rules from before are in force. */
  async changeRules(rules: RuleSet): Promise<boolean> {
    if (this.#nft !== null) return this.#nft.changeRules(rules);
    // Its successor takes the whole set, and finds in the kernel what stands there now.
    if (this.#child?.connected !== true) return false;
    const before = this.#rulesLeft;
    this.#rulesLeft = [];
    try {
      const taken = (await this.#ask({ kind: 'rules', rules })) !== null;
      if (taken) this.#rulesLeft = idsOf(rules);
      return taken;
    } catch (error) {
      this.#rulesLeft = before;
      throw error;
    }
  }

  /** Throws where the module cannot be; then what was there before goes on. */
  async changeInspection(terms: InspectionTerms | null): Promise<void> {
    if (inspectionKey(terms) === inspectionKey(this.#inspection)) return;
    const before = this.#inspection;
    // Who starts meanwhile takes it at once.
    this.#inspection = terms;
    try {
      await this.#ask({ kind: 'inspection', inspection: terms });
    } catch (error) {
      this.#inspection = before;
      throw error;
    }
  }

  /** Null where there is no program, or nobody to read its counters now. */
  async counters(): Promise<ShieldCounters | null> {
    try {
      if (this.#nft !== null) return await this.#nft.counters();
      return (await this.#ask({ kind: 'counters' }))?.counters ?? null;
    } catch (error) {
      this.#options.log.warn({ reason: describeError(error) }, 'kernel counters not read');
      return null;
    }
  }

  /** Null where there is no program, or its process is just started again. */
  async top(order: TalkerOrder, count: number): Promise<ShieldTop | null> {
    return (await this.#ask({ kind: 'top', order, count }))?.top ?? null;
  }

  /** By target, of a list of `count`; null where nothing is in the kernel, or it is not read. */
  async hits(
    targets: readonly string[],
    count: number,
  ): Promise<ReadonlyMap<string, EntryHits> | null> {
    if (targets.length === 0) return null;
    try {
      if (this.#nft !== null) return await this.#nft.hits(targets, count);
      const hits = (await this.#ask({ kind: 'hits', targets }))?.hits ?? null;
      return hits === null ? null : new Map(hits.map((one) => [one.target, one]));
    } catch (error) {
      this.#options.log.warn({ reason: describeError(error) }, 'kernel hits not read');
      return null;
    }
  }

  /** Its process ends. What it wrote stays in force as long as anybody has the program. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#nft?.close();
    if (this.#timer !== null) clearTimeout(this.#timer);
    if (this.#child?.connected === true) this.#child.disconnect();
  }

  async #spawn(): Promise<void> {
    const { setDegraded } = this.#options;
    try {
      // One that has ended is started again, and status says so already.
      if (await this.#startProcess()) setDegraded(part, null);
    } catch (error) {
      setDegraded(part, describeError(error));
      this.#child?.kill('SIGKILL');
    }
  }

  /** Whether it is there and the maps hold what they are to hold; throws where they cannot. */
  async #startProcess(): Promise<boolean> {
    const { entry } = this.#options;
    const handover = this.#handover;
    const rules = this.#options.rules();
    const names = Object.keys(handover.descriptors);
    const child = fork(entry, ['shield'], {
      serialization: 'advanced',
      stdio: ['ignore', 'inherit', 'inherit', 'ipc', ...Object.values(handover.descriptors)],
    });
    this.#child = child;
    child.on('message', (message) => {
      this.#hear(message as FromShield);
    });
    child.on('error', () => {});
    child.on('exit', (code, signal) => this.#onExit(signal ?? `code ${code}`));
    const descriptors = Object.fromEntries(
      names.map((name, index) => [name, inheritedFrom + index]),
    );
    const start = {
      kind: 'start',
      descriptors,
      objectSha256: handover.objectSha256,
      guards: this.#guards,
      allowed: this.#allowed,
      blocks: this.#fitting(),
      rules,
      rulesLeft: this.#rulesLeft,
      inspection: this.#inspection,
    } as const;
    if ((await this.#ask(start)) === null) return false;
    this.#rulesLeft = idsOf(rules);
    return true;
  }

  /** What the kernel has room for; status says what it has not. */
  #fitting(): readonly KernelItem[] {
    const { blocks, setDegraded } = this.#options;
    const { items, problem } = fitting(blocks(), this.sizes ?? listSizesDefault);
    setDegraded('kernel lists', problem);
    return items;
  }

  #hear(said: FromShield): void {
    const { log, setDegraded, onModuleFailure, onBlock, onFinding } = this.#options;
    switch (said.kind) {
      case 'reply':
        this.#pending.get(said.id)?.(said);
        return;
      case 'cookie-problem':
        setDegraded('SYN cookies', said.problem);
        return;
      case 'flow':
        log.warn(said.flow, said.flow.verdict === 'drop' ? 'flow dropped' : 'flow alert');
        return;
      case 'finding':
        onFinding(said.finding);
        return;
      case 'module-failure':
        onModuleFailure(said.failure);
        return;
      case 'block':
        onBlock(said.order);
        return;
      default:
        unreachable(said);
    }
  }

  #onExit(how: string): void {
    this.#child = null;
    for (const done of [...this.#pending.values()]) done(null);
    if (this.#isClosed || this.#isReleased) return;
    this.restarts++;
    this.#options.setDegraded(
      part,
      `its process ended (${how}) and is started again; until then new blocks hold at accept only`,
    );
    this.#timer = setTimeout(() => void this.#spawn(), restartMs);
  }

  /** Null where there is no process, or no longer. */
  #ask(question: Asking): Promise<ShieldReply | null> {
    return new Promise((resolve, reject) => {
      const child = this.#child;
      if (child?.connected !== true) {
        resolve(null);
        return;
      }
      const id = this.#nextId++;
      const done = (reply: ShieldReply | null, late = false) => {
        clearTimeout(timer);
        this.#pending.delete(id);
        const error = late ? `no reply in ${replyMs / 1_000} s` : (reply?.error ?? null);
        if (error === null) resolve(reply);
        else reject(new WeirError('SHIELD_FAILED', `the kernel shield did not take it: ${error}`));
      };
      const timer = setTimeout(() => done(null, true), replyMs);
      this.#pending.set(id, done);
      child.send({ ...question, id } as ToShield, () => {});
    });
  }
}

const idsOf = ({ rules }: RuleSet): number[] => rules.map(({ id }) => id);
