/**
 * How the modules of this node fare over all its workers: when one fails too often, and whether it still does.
 *
 * A worker sees its own failures alone. With eight of them a module could fail forty times in ten seconds
 * before one has seen five, so the supervisor counts once more what they report
 * (`#wasm/failure-window.ts` says how many are too many). What `weir status` says of a module that failed goes
 * when it has not failed for `recoveredMs`.
 */
import { FailureWindow } from '#wasm/failure-window.ts';
import type { ModuleFailure } from './module-trial.ts';

export const recoveredMs = 60_000;

type Trouble = {
  readonly sha256: string;
  readonly window: FailureWindow;
  readonly recovery: NodeJS.Timeout;
};

export class ModuleTroubles {
  /** By module; those of modules that are gone run out by themselves. */
  readonly #troubles = new Map<string, Trouble>();
  readonly #say: (name: string, reason: string | null) => void;

  /** `say` gets null when it is over. */
  constructor(say: (name: string, reason: string | null) => void) {
    this.#say = say;
  }

  /** True when this failure and those before it, in whatever worker, are too many. */
  note({ name, sha256, reason, isItsDoing }: ModuleFailure, nowMs: number): boolean {
    const before = this.#troubles.get(name);
    clearTimeout(before?.recovery);
    const window = before?.sha256 === sha256 ? before.window : new FailureWindow();
    const recovery = setTimeout(() => {
      this.#troubles.delete(name);
      this.#say(name, null);
    }, recoveredMs);
    recovery.unref();
    this.#troubles.set(name, { sha256, window, recovery });
    this.#say(name, reason);
    return isItsDoing && window.note(nowMs);
  }
}
