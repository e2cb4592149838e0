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

/** Kinds of verdict records. */
export const verdictBlock: u32 = 1;
export const verdictChallenge: u32 = 2;
export const verdictLimit: u32 = 3;
export const verdictTag: u32 = 4;
export const verdictScore: u32 = 5;
export const verdictSetHeader: u32 = 6;
export const verdictAddHeader: u32 = 7;
export const verdictRemoveHeader: u32 = 8;
export const verdictPassFlow: u32 = 9;
export const verdictDropFlow: u32 = 10;
export const verdictAlertFlow: u32 = 11;

/** A record is fourteen words; these are the places of some in it, in bytes. */
export const verdictBytes: usize = 56;
export const verdictNext: usize = 4;
export const verdictNumber: usize = 8;
export const verdictNumber2: usize = 12;
export const verdictNumber3: usize = 16;
/** Of a limit: 0 the node, 3 the fleet. */
export const verdictScope: usize = 20;
export const verdictRule: usize = 24;
export const verdictReason: usize = 32;
export const verdictTarget: usize = 40;
export const verdictMatched: usize = 48;

/** Records of one call. */
export const verdictsMax: i32 = 64;

/** Bounds on the texts of a verdict, in bytes; the host refuses what is longer. */
export const ruleBytesMax: i32 = 128;
export const reasonBytesMax: i32 = 512;
export const targetBytesMax: i32 = 128;
export const matchedBytesMax: i32 = 128;
export const tagBytesMax: i32 = 64;
export const limitKeyBytesMax: i32 = 256;
export const fieldNameBytesMax: i32 = 128;
export const fieldValueBytesMax: i32 = 4096;

/** Bits of a body view's flags. */
export const bodyFirst: u32 = 1;
export const bodyLast: u32 = 2;
export const bodyWhole: u32 = 4;
export const bodyOfResponse: u32 = 8;

/** What became of a request, in a log view. */
export const outcomeForwarded: u32 = 0;
export const outcomeBlocked: u32 = 1;
export const outcomeRefused: u32 = 2;
export const outcomeFailed: u32 = 3;
export const outcomeAborted: u32 = 4;

/** Bits of a packet's flags. */
export const packetIncoming: u32 = 1;
export const packetCut: u32 = 2;
export const packetBegins: u32 = 4;

export const protocolTcp: u32 = 6;
export const protocolUdp: u32 = 17;

/** Bits of `tcpFlags`. */
export const tcpFin: u32 = 1;
export const tcpSyn: u32 = 2;
export const tcpRst: u32 = 4;
export const tcpPsh: u32 = 8;
export const tcpAck: u32 = 16;
