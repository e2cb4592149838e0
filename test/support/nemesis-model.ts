/**
 * What a fleet may hold, from what its callers were told: nothing that was acknowledged is lost, nothing that was taken
 * away comes back.
 *
 * ```
 * block (op 1, acked) ◄─ saw ─ unblock (op 2, acked, "removed") ◄─ saw ─ block (op 3, no answer)
 *        outdone                     may hold, if op 3 was never decided        may hold
 * ```
 *
 * An operation outdoes those its member had seen: the later ones of one member have seen its earlier ones, and an
 * unblock that says "removed" has seen the only block there was. Of those that no acknowledged one outdoes, any may
 * hold, as clocks that are minutes apart order what did not see each other; but it is the same at all members.
 */
import type { Outcome, View } from './nemesis-member.ts';

export type Operation = {
  readonly id: number;
  readonly target: string;
  readonly kind: 'block' | 'unblock';
  readonly member: string;
  state: 'open' | Outcome['kind'];
  readonly saw: Set<Operation>;
};

export const reasonOf = (operation: Operation): string => `op ${operation.id}`;
const absent = 'absent';

export class NemesisModel {
  readonly #targets = new Map<string, Operation[]>();
  readonly #open = new Set<string>();
  #next = 1;

  get targets(): readonly string[] {
    return [...this.#targets.keys()];
  }

  counts(): Record<Operation['state'], number> {
    const counts = { open: 0, acked: 0, refused: 0, unknown: 0 };
    for (const operations of this.#targets.values())
      for (const { state } of operations) counts[state]++;
    return counts;
  }

  isFree(target: string): boolean {
    return !this.#open.has(target);
  }

  begin(target: string, kind: Operation['kind'], member: string): Operation {
    const known = this.#targets.get(target) ?? [];
    this.#targets.set(target, known);
    const saw = new Set(known.filter((before) => before.member === member));
    const operation = { id: this.#next++, target, kind, member, state: 'open' as const, saw };
    known.push(operation);
    this.#open.add(target);
    return operation;
  }

  end(operation: Operation, outcome: Outcome): void {
    operation.state = outcome.kind;
    this.#open.delete(operation.target);
    if (outcome.kind !== 'acked' || !outcome.sawBlock) return;
    // It held a block that it had not taken away itself. Of several nobody knows which one: a member that comes back
    // holds what others have taken away long since.
    const known = this.#targets.get(operation.target) ?? [];
    const own = known.filter((one) => one.member === operation.member && one.state === 'acked');
    const [only, ...more] = known.filter(
      (one) =>
        one.kind === 'block' &&
        one.state !== 'refused' &&
        !own.some((later) => later !== operation && later.saw.has(one)),
    );
    if (only !== undefined && more.length === 0) operation.saw.add(only);
  }

  /** What may hold of a target: reasons, and `absent`. */
  allowed(target: string): ReadonlySet<string> {
    const standing = this.#standing(target);
    const allowed = new Set(standing.map((one) => (one.kind === 'block' ? reasonOf(one) : absent)));
    if (standing.every(({ state }) => state !== 'acked')) allowed.add(absent);
    return allowed;
  }

  /** The one operation that says what holds; null where there is a doubt, or somebody is about to change it. */
  settledBy(target: string): Operation | null {
    const [only, ...more] = this.#standing(target);
    return only?.state === 'acked' && more.length === 0 && this.isFree(target) ? only : null;
  }

  /** What is wrong with what a member holds. */
  faultsOf(member: string, view: View): string[] {
    const faults: string[] = [];
    for (const target of this.#targets.keys()) {
      const held = view.get(target) ?? absent;
      const allowed = this.allowed(target);
      if (allowed.has(held)) continue;
      const what = held === absent ? 'LOST' : allowed.has(absent) ? 'RESURRECTED' : 'OLD';
      faults.push(`${what} at ${member}: ${target} is ${held}: ${this.history(target)}`);
    }
    for (const target of view.keys())
      if (!this.#targets.has(target)) faults.push(`INVENTED at ${member}: ${target}`);
    return faults;
  }

  history(target: string): string {
    const operations = this.#targets.get(target) ?? [];
    return operations
      .map(
        ({ id, kind, member, state, saw }) =>
          `${id} ${kind} by ${member} ${state} saw [${[...saw].map((one) => one.id)}]`,
      )
      .join('; ');
  }

  /** Decided or possibly so, and not outdone by one that surely was. */
  #standing(target: string): Operation[] {
    const operations = this.#targets.get(target) ?? [];
    const outdone = new Set<Operation>();
    for (const operation of operations)
      if (operation.state === 'acked') for (const seen of operation.saw) outdone.add(seen);
    return operations.filter(
      (operation) => operation.state !== 'refused' && !outdone.has(operation),
    );
  }
}
