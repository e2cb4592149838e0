/** How large a module and what lies beside it may be, and what those files are called. */

/** 16 MiB: above the largest module the rule compilers make, below what could exhaust a worker. */
export const moduleBytesMax = 16 * 1024 * 1024;

/** `own.wasm` has `own.cases.json`. */
export const casesSuffix = '.cases.json';
/** 4 MiB: thousands of cases. */
export const caseBytesMax = 4 * 1024 * 1024;

/** `own.wasm` has `own.wasm.map`, as compilers write it. */
export const sourceMapSuffix = '.map';
/** 4 MiB: with its sources, that of a module of a megabyte. */
export const sourceMapBytesMax = 4 * 1024 * 1024;

/** `own.wasm` has `own.wasm.sig`. */
export const signatureSuffix = '.sig';
/** A signature file is a few hundred bytes. */
export const signatureBytesMax = 4_096;
