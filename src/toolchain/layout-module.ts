/** A module in an OCI layout, for commands that are given `oci:FOLDER` in the place of a file. */
import type { ModuleSignature } from '#core/module-signature.ts';
import { readModuleSource } from '#wasm/module-source.ts';

export type LayoutModule = {
  readonly bytes: Uint8Array;
  /** `FOLDER.sig`, where there is one. */
  readonly signature: ModuleSignature | null;
  /** `FOLDER.cases.json`, where there are some. */
  readonly cases: string | null;
  /** A layer of it, where there is one; else, or why it cannot be had. */
  readonly sourceMap: string | null;
  readonly sourceMapFault: string | null;
};

/** Throws `MODULE_UNREADABLE`. */
export function readLayoutModule(source: string, directory: string): Promise<LayoutModule> {
  return readModuleSource(source, directory);
}
