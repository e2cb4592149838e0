/**
 * Failures of modules told with the line of source they came from, where a source map came with the module.
 *
 * ```
 * trap: unreachable at inspect (wasm-function[7]:0x2c1)  ─►  trap: unreachable at inspect (index.ts:12:3)
 * ```
 *
 * A module that fails does so at few places, so what was found is kept; a thread does the finding, one at a time.
 */
import type { ModuleStore } from '#state/module-store.ts';
import { findFailurePlace } from '#toolchain/failure-place.ts';
import type { LiveEntry } from './module-status.ts';
import type { ModuleFailure } from './module-trial.ts';

/** Places that are remembered, of all modules. */
export const placesMax = 64;

/** What takes a module out of service does not wait longer for one. */
const quarantineMsMax = 1_000;

/** Looked for in a thread where it may be. */
const carriesMap = ({ buffer, byteOffset, length }: Uint8Array): boolean =>
  Buffer.from(buffer, byteOffset, length).includes('data:application/json');

const machinePlace = /wasm-function\[\d+\]:0x[0-9a-f]+/;

const nothingIn = (ms: number): Promise<null> =>
  new Promise((resolve) => void setTimeout(resolve, ms, null).unref());

export class ModulePlaces {
  readonly #store: () => ModuleStore;
  readonly #known = new Map<string, Promise<string | null>>();
  #last: Promise<unknown> = Promise.resolve();

  constructor(store: () => ModuleStore) {
    this.#store = store;
  }

  /** The reason of a failure of that version; as it is where nothing is known of its source. */
  async tell(entry: LiveEntry, { reason, offsets, isQuarantine }: ModuleFailure): Promise<string> {
    if (offsets.length === 0) return reason;
    const found = this.#placeOf(entry, offsets);
    const place = await (isQuarantine ? Promise.race([found, nothingIn(quarantineMsMax)]) : found);
    if (place === null) return reason;
    return machinePlace.test(reason)
      ? reason.replace(machinePlace, () => place)
      : `${reason} (${place})`;
  }

  /** What was not to be found may be now. */
  forget(): void {
    this.#known.clear();
  }

  #placeOf(entry: LiveEntry, offsets: readonly number[]): Promise<string | null> {
    const { sha256 } = entry.version;
    const key = `${sha256} ${offsets.join(' ')}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const found = this.#last.then(async () => {
      const sourceMap = await this.#store().sourceMaps.read(sha256);
      const { bytes, settings } = entry;
      if (sourceMap === null && !carriesMap(bytes)) return null;
      return findFailurePlace({ module: { ...settings, bytes }, sourceMap, offsets });
    });
    const safe = found.catch(() => null);
    this.#last = safe;
    for (const oldest of this.#known.keys()) {
      if (this.#known.size < placesMax) break;
      this.#known.delete(oldest);
    }
    this.#known.set(key, safe);
    return safe;
  }
}
