/** The engine that ships with this Weir: `build/engine/seclang.wasm`, made by `scripts/build-rules.ts`. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { WeirError } from '#core/errors.ts';

const path = fileURLToPath(new URL('../../../build/engine/seclang.wasm', import.meta.url));
let engine: Uint8Array | null = null;

/** Read once a process. */
export function readEngine(): Uint8Array {
  if (engine !== null) return engine;
  try {
    engine = readFileSync(path);
    return engine;
  } catch (error) {
    throw new WeirError(
      'MODULE_UNREADABLE',
      'the SecLang engine is not built: run node scripts/build-rules.ts',
      { cause: error },
    );
  }
}
