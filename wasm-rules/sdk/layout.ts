/**
 * The numbers of ABI version 1 (`wasm-rules/abi.md`), as a guest sees them. The host has the same
 * table in `src/wasm/abi.ts`; the conformance test in `test/abi/` fails when the two drift apart.
 */
export const abiVersion: i32 = 1;

/** Bits of the word `flags`. */
export const flagTls: u32 = 1;
export const flagHttp10: u32 = 2;
export const flagConnection: u32 = 4;

/** Bits of a connection's certificate word. */
export const certificateShown: u32 = 1;
export const certificateVerified: u32 = 2;

export const verdictBlock: u32 = 1;

/** Bounds on the texts of a verdict, in bytes; the host refuses what is longer. */
export const ruleBytesMax: i32 = 128;
export const reasonBytesMax: i32 = 512;
export const targetBytesMax: i32 = 128;
export const matchedBytesMax: i32 = 128;
