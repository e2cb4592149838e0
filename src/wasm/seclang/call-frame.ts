/**
 * What the host says of a call, as words: the host's side of `wasm-rules/seclang/frame.ts`, and of the answer,
 * `wasm-rules/seclang/records.ts`. A test holds the sides together name by name.
 */

export const frameWord = {
  run: 0,
  requestHead: 1,
  requestBody: 2,
  requestBodyBytes: 3,
  requestBodyFlags: 4,
  responseHead: 5,
  responseBody: 6,
  responseBodyBytes: 7,
  responseBodyFlags: 8,
  state: 9,
  stateBytes: 10,
  uniqueId: 11,
  uniqueIdBytes: 12,
  flags: 13,
  timeLow: 14,
  timeHigh: 15,
  off: 16,
  monitored: 17,
  inboundThreshold: 18,
  outboundThreshold: 19,
  size: 20,
} as const;

/** Bits of `frameWord.run`. */
export const run = {
  request: 1,
  responseHead: 2,
  responseBody: 4,
  logging: 8,
  /** All that comes with the answer. */
  response: 14,
} as const;
export const frameFlag = { enforces: 1 } as const;
export const bodyPart = { present: 1, whole: 2, text: 4 } as const;

export const answerWord = {
  stop: 0,
  rule: 1,
  status: 2,
  location: 3,
  locationBytes: 4,
  matches: 5,
  matchCount: 6,
  state: 7,
  stateBytes: 8,
  fuelLow: 9,
  fuelHigh: 10,
  unlisted: 11,
  notedStop: 12,
  notedRule: 13,
  notedStatus: 14,
  size: 15,
} as const;

export const matchWord = {
  next: 0,
  rule: 1,
  link: 2,
  flags: 3,
  name: 4,
  nameBytes: 5,
  value: 6,
  valueBytes: 7,
  message: 8,
  messageBytes: 9,
  data: 10,
  dataBytes: 11,
  tags: 12,
  tagCount: 13,
  size: 14,
} as const;

export const matchFlag = { stopped: 1, logged: 2, monitored: 4 } as const;
export const stopKind = { none: 0, deny: 1, drop: 2, redirect: 3 } as const;
