/** Callers of a fleet under the nemesis: they block, unblock and block again, at any member, until they are told to stop. */
import { pass } from './nemesis-faults.ts';
import type { NemesisMember } from './nemesis-member.ts';
import type { NemesisModel, Operation } from './nemesis-model.ts';

/** Longer than any run: nothing ends by itself. */
const ttlSeconds = 86_400;
const lookedAtMost = 30;

export class NemesisLoad {
  readonly #members: readonly NemesisMember[];
  readonly #model: NemesisModel;
  readonly #random: () => number;
  readonly #everyMs: number;
  readonly #calls = new Set<Promise<void>>();
  /** Since the last check. */
  readonly touched = new Set<string>();
  #isOn = false;
  #loop: Promise<void> = Promise.resolve();
  #made = 0;

  constructor(
    members: readonly NemesisMember[],
    model: NemesisModel,
    random: () => number,
    everyMs: number,
  ) {
    this.#members = members;
    this.#model = model;
    this.#random = random;
    this.#everyMs = everyMs;
  }

  start(): void {
    this.#isOn = true;
    this.#loop = this.#run();
  }

  /** Resolves when every call has its answer, or none. */
  async stop(): Promise<void> {
    this.#isOn = false;
    await this.#loop;
    await Promise.all(this.#calls);
  }

  async #run(): Promise<void> {
    while (this.#isOn) {
      this.#one();
      await pass(this.#everyMs * (0.5 + this.#random()));
    }
  }

  #one(): void {
    const kind = this.#random();
    if (kind < 0.45) this.#begin(this.#newTarget(), 'block', this.#anyMember());
    else {
      const found = this.#anySettled(kind < 0.8 ? 'held' : 'gone');
      if (found === null) return;
      const { target, last } = found;
      const same = this.#members.find(({ name }) => name === last.member);
      // Whoever unblocked it knows that; of another one nobody could say.
      const stays = kind >= 0.8 || this.#random() < 0.3;
      const member = stays && same !== undefined ? same : this.#anyMember();
      this.#begin(target, kind < 0.8 ? 'unblock' : 'block', member);
    }
  }

  #begin(target: string, kind: Operation['kind'], member: NemesisMember): void {
    this.touched.add(target);
    const operation = this.#model.begin(target, kind, member.name);
    const outcome =
      kind === 'block'
        ? member.block(target, `op ${operation.id}`, ttlSeconds)
        : member.unblock(target);
    const call = outcome.then((what) => this.#model.end(operation, what));
    this.#calls.add(call);
    void call.finally(() => this.#calls.delete(call));
  }

  #anySettled(what: 'held' | 'gone'): { readonly target: string; readonly last: Operation } | null {
    const { targets } = this.#model;
    for (let looks = 0; looks < Math.min(lookedAtMost, targets.length); looks++) {
      const target = targets[Math.floor(this.#random() * targets.length)] as string;
      const last = this.#model.settledBy(target);
      if (last !== null && (last.kind === 'block') === (what === 'held')) return { target, last };
    }
    return null;
  }

  #anyMember(): NemesisMember {
    return this.#members[Math.floor(this.#random() * this.#members.length)] as NemesisMember;
  }

  #newTarget(): string {
    const at = this.#made++;
    return at % 3 === 0
      ? `2001:db8::${(at + 1).toString(16)}`
      : `198.18.${(at >> 8) & 255}.${at & 255}`;
  }
}
