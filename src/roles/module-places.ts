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
import { findFailurePlace, withPlace } from '#toolchain/failure-place.ts';
import type { ModuleSource } from './ipc.ts';
import { ModuleFailed } from './module-failed.ts';
import type { ModuleFailure } from './module-trial.ts';

/** Places that are remembered, of all modules. */
export const placesMax = 64;

/** What takes a module out of service does not wait longer for one. */
const quarantineMsMax = 1_000;

type Failed = Pick<ModuleSource, 'sha256' | 'bytes' | 'fuel' | 'memoryPagesMax'>;

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
  async tell(module: Failed, { reason, offsets, isQuarantine }: ModuleFailure): Promise<string> {
    if (offsets.length === 0) return reason;
    const found = this.#placeOf(module, offsets);
    const place = await (isQuarantine ? Promise.race([found, nothingIn(quarantineMsMax)]) : found);
    return withPlace(reason, place);
  }

  /** What was thrown while these were made live: a failure of their code is told like any other. */
  async tellRefused(error: unknown, modules: readonly ModuleSource[]): Promise<unknown> {
    if (!(error instanceof ModuleFailed)) return error;
    const { code, message, failed } = error;
    const module = modules.find(({ sha256 }) => sha256 === failed.sha256);
    if (module === undefined) return error;
    const place = await this.#placeOf(module, failed.offsets);
    return new ModuleFailed(code, withPlace(message, place), failed);
  }

  /** What was not to be found may be now. */
  forget(): void {
    this.#known.clear();
  }

  #placeOf(module: Failed, offsets: readonly number[]): Promise<string | null> {
    const { sha256 } = module;
    const key = `${sha256} ${offsets.join(' ')}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const found = this.#last.then(async () => {
      const sourceMap = await this.#store().sourceMaps.read(sha256);
      return findFailurePlace({ module, sourceMap, offsets });
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
