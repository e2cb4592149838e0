/**
 * What the host says of a call: words it has written, which lie at `frame` until the call ends. The host's side is
 * `src/wasm/seclang/call-frame.ts`.
 */
export namespace FrameWord {
  /** Bits of `Run`. */
  export const run: i32 = 0;
  /** Addresses; 0: not there. */
  export const requestHead: i32 = 1;
  export const requestBody: i32 = 2;
  export const requestBodyBytes: i32 = 3;
  export const requestBodyFlags: i32 = 4;
  export const responseHead: i32 = 5;
  export const responseBody: i32 = 6;
  export const responseBodyBytes: i32 = 7;
  export const responseBodyFlags: i32 = 8;
  /** What the phase before left. */
  export const state: i32 = 9;
  export const stateBytes: i32 = 10;
  export const uniqueId: i32 = 11;
  export const uniqueIdBytes: i32 = 12;
  export const flags: i32 = 13;
  /** Milliseconds since 1970, low and high word. */
  export const timeLow: i32 = 14;
  export const timeHigh: i32 = 15;
  /** Bit sets over the rules, 0: none. Those that do not run, and those that only note what they find. */
  export const off: i32 = 16;
  export const monitored: i32 = 17;
  /** 0: as the rules say. */
  export const inboundThreshold: i32 = 18;
  export const outboundThreshold: i32 = 19;
  export const size: i32 = 20;
}

export namespace Run {
  /** Phases 1 and 2. */
  export const request: u32 = 1;
  export const responseHead: u32 = 2;
  export const responseBody: u32 = 4;
  /** Phase 5. */
  export const logging: u32 = 8;
  /** All that comes with the answer. */
  export const response: u32 = 14;
}

export namespace FrameFlag {
  /** Decisions hold; without it rules only note what they would do. */
  export const enforces: u32 = 1;
}

export namespace BodyPart {
  export const present: u32 = 1;
  /** All of it: nothing stands behind the window. */
  export const whole: u32 = 2;
  /** From the middle of a document: text, whatever the request says that it is. */
  export const text: u32 = 4;
}

let frame: usize = 0;

export function openFrame(at: usize): void {
  frame = at;
}

@inline
export function frameWord(index: i32): u32 {
  return load<u32>(frame + (<usize>index << 2));
}

export function frameTimeMs(): i64 {
  return <i64>load<u64>(frame + (FrameWord.timeLow << 2));
}
