/**
 * Which lists the program looks into: an empty one costs it as much as one with a few entries.
 *
 * On before the first entry goes in, off after the last is out, so at no moment is there an entry it does
 * not look at.
 */
import { type TableName, tableNames } from './list-tables.ts';

/** The flags of the program's configuration, by the names of `enum shield_flag`. */
export type Flags = { flag(name: string, on: boolean): void };

export class ListSwitches {
  readonly #flags: Flags;
  /** What a process before this one left is not known. */
  readonly #isOn = new Map<TableName, boolean>();

  constructor(flags: Flags) {
    this.#flags = flags;
  }

  allOn(): void {
    for (const name of tableNames) this.#set(name, true);
  }

  follow(counts: Readonly<Record<TableName, number>>): void {
    for (const name of tableNames) this.#set(name, counts[name] > 0);
  }

  #set(name: TableName, on: boolean): void {
    if (this.#isOn.get(name) === on) return;
    this.#flags.flag(name, on);
    this.#isOn.set(name, on);
  }
}
