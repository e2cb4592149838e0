/** Does one fault to the fleet and undoes it again. Resolves when all is as it was; says whether anything was hit. */
import type { NemesisMember } from './nemesis-member.ts';
import type { Fault } from './nemesis-plan.ts';
import type { NemesisProcess } from './nemesis-process.ts';
import type { NemesisWorld } from './nemesis-world.ts';
import { randomOf } from './random.ts';
import { until } from './until.ts';

/** Of files that had unsynced bytes, how many the kernel had written out by chance. */
const keptShare = 0.25;
const repeatedMost = 300;
/** A member that has nothing to write is cut from its power all the same. */
const syncWaitMs = 1_500;

export type Done = {
  /** It had something to hit: packets that were dropped, bytes that were lost, a process that stood still. */
  readonly hit: boolean;
  readonly detail: string;
};

export class NemesisFaults {
  readonly #world: NemesisWorld;
  /** One thing at a time is done to one victim. */
  readonly #busy = new Map<string, Promise<unknown>>();
  readonly #onRestart: (member: NemesisMember) => Promise<void>;
  #storeCopy: string | null = null;

  constructor(world: NemesisWorld, onRestart: (member: NemesisMember) => Promise<void>) {
    this.#world = world;
    this.#onRestart = onRestart;
  }

  /** Of what is there now a later roll-back makes use. */
  copyStore(): void {
    this.#storeCopy = this.#world.copyStore();
  }

  do(fault: Fault): Promise<Done> {
    const before = this.#busy.get(fault.victim) ?? Promise.resolve();
    const done = before.then(() => this.#do(fault));
    this.#busy.set(
      fault.victim,
      done.catch(() => {}),
    );
    return done;
  }

  async #do(fault: Fault): Promise<Done> {
    const { kind, victim, lastsMs } = fault;
    const world = this.#world;
    const member = world.members.find(({ name }) => name === victim) ?? null;
    const process = member?.process ?? world.bus;
    switch (kind) {
      case 'kill':
      case 'power cut':
      case 'stream wiped':
      case 'stream rolled back':
        return this.#killed(fault, member, process);
      case 'partition': {
        world.net.cut(victim, fault.direction);
        await pass(lastsMs);
        const dropped = world.net.mend(victim);
        return { hit: dropped > 0, detail: `${dropped} packets dropped` };
      }
      case 'pause': {
        process.pause();
        await until('it stands still', () => process.isPaused);
        await pass(lastsMs);
        process.goOn();
        return { hit: true, detail: 'stood still' };
      }
      case 'clock step': {
        const before = member?.disk.offsetMs ?? 0;
        member?.disk.step(fault.offsetMs);
        return { hit: true, detail: `stepped by ${fault.offsetMs - before} ms` };
      }
      case 'redelivery': {
        const said = await world.redeliver(fault.seed, repeatedMost);
        return { hit: said > 0, detail: `${said} messages` };
      }
    }
  }

  async #killed(
    { kind, lastsMs, seed }: Fault,
    member: NemesisMember | null,
    process: NemesisProcess,
  ): Promise<Done> {
    if (kind === 'power cut' && member !== null) {
      member.disk.dieAtSync(true);
      await Promise.race([process.exit, pass(syncWaitMs)]);
    }
    await process.kill();
    member?.disk.dieAtSync(false);
    let hit = true;
    let detail = 'killed';
    if (kind === 'power cut' && member !== null) {
      const { dropped, kept } = member.disk.cutPower(randomOf(seed), keptShare);
      hit = dropped > 0;
      detail = `${dropped} files lost unsynced bytes, ${kept} had none`;
    }
    if (kind === 'stream wiped') this.#world.putStore(null);
    if (kind === 'stream rolled back') this.#world.putStore(this.#storeCopy);
    await pass(lastsMs);
    await (member ?? process).start();
    if (member !== null) await this.#onRestart(member);
    return { hit, detail };
  }
}

export const pass = (ms: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, ms));
