/**
 * The source map that came with a module: where it is looked for, it is there, absent, or not to be had. It serves
 * traces alone, so the last is something to say and no reason to refuse the module.
 */
import { describeError, WeirError } from '#core/errors.ts';

export type FoundSourceMap = {
  /** Its text, which nobody has read yet; null where none came. */
  readonly sourceMap: string | null;
  /** Why the one that came is not to be had. */
  readonly sourceMapFault: string | null;
};

export const noSourceMap: FoundSourceMap = { sourceMap: null, sourceMapFault: null };

/** `read` gives null where there is none, and throws a `WeirError` where it is not as it should be. */
export async function findSourceMap(read: () => Promise<string | null>): Promise<FoundSourceMap> {
  try {
    return { sourceMap: await read(), sourceMapFault: null };
  } catch (error) {
    if (!(error instanceof WeirError)) throw error;
    return { sourceMap: null, sourceMapFault: describeError(error) };
  }
}
