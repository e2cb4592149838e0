/**
 * Values and counts of all modules in one scope. With an outlet every change is told to it, for the other
 * workers; theirs come in by `applyWrite` and `applyDelta`.
 */
import type { SharedValues } from '../host-services.ts';
import { ValueTable, type Write } from './value-table.ts';
import { type CountDelta, WindowCounts } from './window-counts.ts';

export interface ChangeOutlet {
  wrote(module: string, write: Write): void;
  counted(module: string, delta: CountDelta): void;
}

export type StoreOptions = {
  /** Tells writes of the same time apart: the worker's slot. */
  readonly writer: number;
  readonly wallMs: () => number;
  /** Something that still counted had to go. */
  readonly onEvicted: (module: string, what: 'value' | 'count') => void;
  /** Null where nobody else sees this scope. */
  readonly outlet: ChangeOutlet | null;
};

export class SharedStore {
  readonly #options: StoreOptions;
  readonly #modules = new Map<string, ModuleValues>();

  constructor(options: StoreOptions) {
    this.#options = options;
  }

  of(module: string): ModuleValues {
    let values = this.#modules.get(module);
    if (values === undefined) {
      values = new ModuleValues(module, this.#options);
      this.#modules.set(module, values);
    }
    return values;
  }

  get modules(): ReadonlyMap<string, ModuleValues> {
    return this.#modules;
  }

  /** What belongs to a module that is no longer configured is gone. */
  retain(names: ReadonlySet<string>): void {
    for (const name of this.#modules.keys()) if (!names.has(name)) this.#modules.delete(name);
  }

  sweep(entries: number): void {
    const now = this.#options.wallMs();
    for (const { table } of this.#modules.values()) table.sweep(now, entries);
  }

  clear(): void {
    this.#modules.clear();
  }
}

export class ModuleValues implements SharedValues {
  readonly table: ValueTable;
  readonly counts: WindowCounts;
  readonly #module: string;
  readonly #options: StoreOptions;

  constructor(module: string, options: StoreOptions) {
    this.#module = module;
    this.#options = options;
    this.table = new ValueTable(() => options.onEvicted(module, 'value'));
    this.counts = new WindowCounts(() => options.onEvicted(module, 'count'));
  }

  get(key: string): Buffer | undefined {
    return this.table.get(key, this.#options.wallMs());
  }

  set(key: string, value: Buffer, ttlMs: number): boolean {
    const now = this.#options.wallMs();
    const expiresAtMs = ttlMs === 0 ? Number.POSITIVE_INFINITY : now + ttlMs;
    return this.#write(key, value, expiresAtMs, now);
  }

  delete(key: string): boolean {
    const { outlet, wallMs } = this.#options;
    const now = wallMs();
    const isThere = this.table.get(key, now) !== undefined;
    // Without anybody who could bring the value back, no mark is needed.
    if (outlet === null) this.table.delete(key);
    else if (isThere) this.#write(key, null, 0, now);
    return isThere;
  }

  count(key: string, delta: number, windowMs: number): number {
    const { outlet, wallMs } = this.#options;
    const now = wallMs();
    const count = this.counts.add(key, delta, windowMs, now);
    if (outlet !== null && delta !== 0)
      outlet.counted(this.#module, { key, windowMs, index: Math.floor(now / windowMs), delta });
    return count;
  }

  #write(key: string, value: Buffer | null, expiresAtMs: number, now: number): boolean {
    const { outlet, writer } = this.#options;
    // Later than what it replaces, even where the clock was set back.
    const writtenAtMs = Math.max(now, this.table.writtenAtMs(key) + 1);
    const write: Write = { key, value, expiresAtMs, writtenAtMs, writer };
    if (!this.table.apply(write, now)) return false;
    outlet?.wrote(this.#module, write);
    return true;
  }
}
