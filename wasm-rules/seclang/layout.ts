/**
 * The rule image as the guest reads it. The host's side, and what everything means, is
 * `src/waf/rules/image-layout.ts`; a test holds the two together name by name.
 */
export const imageMagic: u32 = 0x314c5357;
export const imageVersion: u32 = 8;

export namespace Header {
  export const magic: i32 = 0;
  export const version: i32 = 1;
  export const bytes: i32 = 2;
  export const rules: i32 = 3;
  export const ruleCount: i32 = 4;
  export const links: i32 = 5;
  export const linkCount: i32 = 6;
  export const phases: i32 = 7;
  export const alwaysRules: i32 = 17;
  export const feeds: i32 = 18;
  export const scans: i32 = 19;
  export const slotCount: i32 = 25;
  export const slotNames: i32 = 26;
  export const settings: i32 = 27;
  export const ruleWords: i32 = 28;
  export const responseFeeds: i32 = 29;
  /** Slots of the variables that hold the thresholds, and 1; 0: no rule names them. */
  export const inboundSlot: i32 = 30;
  export const outboundSlot: i32 = 31;
  export const needs: i32 = 32;
  export const keptSlots: i32 = 33;
  export const size: i32 = 34;
}

export namespace Need {
  export const head: u32 = 1;
  export const madeNames: u32 = 2;
  export const time: u32 = 4;
}

export namespace RuleWord {
  export const id: i32 = 0;
  export const firstLink: i32 = 1;
  export const linkCount: i32 = 2;
  export const disruption: i32 = 3;
  export const flags: i32 = 4;
  export const status: i32 = 5;
  export const leap: i32 = 6;
  export const message: i32 = 7;
  export const logData: i32 = 8;
  export const location: i32 = 9;
  export const severity: i32 = 10;
  export const tags: i32 = 11;
  export const phase: i32 = 12;
  export const size: i32 = 16;
}

export namespace RuleFlag {
  export const logged: i32 = 1;
  export const audited: i32 = 2;
}

export namespace Disruption {
  export const pass: i32 = 0;
  export const deny: i32 = 1;
  export const drop: i32 = 2;
  export const redirect: i32 = 3;
  export const allowAll: i32 = 4;
  export const allowRequest: i32 = 5;
  export const allowPhase: i32 = 6;
}

export namespace LinkWord {
  export const targets: i32 = 0;
  export const targetCount: i32 = 1;
  export const exclusions: i32 = 2;
  export const exclusionCount: i32 = 3;
  export const operator: i32 = 4;
  export const flags: i32 = 5;
  export const operand: i32 = 6;
  export const operandBytes: i32 = 7;
  export const argument: i32 = 8;
  export const captures: i32 = 9;
  export const transformations: i32 = 10;
  export const transformationCount: i32 = 11;
  export const setVariables: i32 = 12;
  export const setVariableCount: i32 = 13;
  export const controls: i32 = 14;
  export const controlCount: i32 = 15;
  export const chain: i32 = 16;
  export const scanBit: i32 = 17;
  export const size: i32 = 20;
}

export namespace LinkFlag {
  export const negated: i32 = 1;
  export const capturing: i32 = 2;
  export const multiMatch: i32 = 4;
  export const scanned: i32 = 8;
}

export namespace TargetWord {
  export const sources: i32 = 0;
  export const selector: i32 = 1;
  export const name: i32 = 2;
  export const label: i32 = 3;
  export const slot: i32 = 4;
  /** The guest's own: which slots an expression takes, once it has been asked. */
  export const slotBits: i32 = 5;
  export const size: i32 = 6;
}

export namespace SelectorKind {
  export const all: i32 = 0;
  export const name: i32 = 1;
  export const regex: i32 = 2;
}

export namespace Part {
  export const value: i32 = 0;
  export const name: i32 = 1;
}

export namespace PieceWord {
  export const kind: i32 = 0;
  export const value: i32 = 1;
  export const name: i32 = 2;
  export const slot: i32 = 3;
  export const size: i32 = 4;
}

export namespace PieceKind {
  export const text: i32 = 0;
  export const variable: i32 = 1;
  export const slot: i32 = 2;
}

export namespace SetWord {
  export const slot: i32 = 0;
  export const name: i32 = 1;
  export const change: i32 = 2;
  export const valueKind: i32 = 3;
  export const number: i32 = 4;
  export const value: i32 = 5;
  export const size: i32 = 6;
}

export namespace Change {
  export const set: i32 = 0;
  export const add: i32 = 1;
  export const subtract: i32 = 2;
  export const unset: i32 = 3;
}

export namespace ValueKind {
  export const number: i32 = 0;
  export const text: i32 = 1;
  export const macro: i32 = 2;
}

export namespace ControlWord {
  export const kind: i32 = 0;
  export const value: i32 = 1;
  export const target: i32 = 2;
  export const size: i32 = 4;
}

export namespace ControlKind {
  export const ruleEngine: i32 = 0;
  export const removeRules: i32 = 1;
  export const removeTarget: i32 = 2;
  export const bodyProcessor: i32 = 3;
  export const requestBodyAccess: i32 = 4;
  export const forceRequestBody: i32 = 5;
  export const responseBodyAccess: i32 = 6;
  export const audit: i32 = 7;
}

export namespace EngineMode {
  export const off: i32 = 0;
  export const on: i32 = 1;
  export const detectionOnly: i32 = 2;
}

export namespace BodyProcessor {
  export const none: i32 = 0;
  export const URLENCODED: i32 = 1;
  export const MULTIPART: i32 = 2;
  export const XML: i32 = 3;
  export const JSON: i32 = 4;
}

export namespace ClassWord {
  export const defaultTrie: i32 = 0;
  export const count: i32 = 1;
  export const entries: i32 = 2;
}

export namespace NodeWord {
  export const transformation: i32 = 0;
  export const chain: i32 = 1;
  export const mask: i32 = 2;
  export const subtreeMask: i32 = 3;
  export const children: i32 = 4;
  export const childCount: i32 = 5;
  export const kinds: i32 = 6;
  export const cover: i32 = 8;
  export const need: i32 = 10;
  export const size: i32 = 12;
}

export namespace ChildWord {
  export const kinds: i32 = 0;
  export const folded: i32 = 2;
  export const node: i32 = 4;
  export const bytesMin: i32 = 5;
  export const need: i32 = 6;
  export const size: i32 = 8;
}

export namespace UseWord {
  export const rule: i32 = 0;
  export const chain: i32 = 1;
  export const size: i32 = 2;
}

export namespace SettingWord {
  export const engineMode: i32 = 0;
  export const requestBodyAccess: i32 = 1;
  export const requestBodyNoFilesLimitBytes: i32 = 2;
  export const jsonDepthMax: i32 = 3;
  export const argumentsMax: i32 = 4;
  export const responseBodyAccess: i32 = 5;
  export const argumentSeparator: i32 = 6;
  export const unicodeMap: i32 = 7;
  export const size: i32 = 8;
}

export namespace Operator {
  export const beginsWith: i32 = 0;
  export const contains: i32 = 1;
  export const containsWord: i32 = 2;
  export const detectSQLi: i32 = 3;
  export const detectXSS: i32 = 4;
  export const endsWith: i32 = 5;
  export const eq: i32 = 6;
  export const ge: i32 = 7;
  export const geoLookup: i32 = 8;
  export const gt: i32 = 9;
  export const ipMatch: i32 = 10;
  export const ipMatchFromFile: i32 = 11;
  export const le: i32 = 12;
  export const lt: i32 = 13;
  export const noMatch: i32 = 14;
  export const pm: i32 = 15;
  export const pmFromFile: i32 = 16;
  export const rx: i32 = 17;
  export const streq: i32 = 18;
  export const strmatch: i32 = 19;
  export const unconditionalMatch: i32 = 20;
  export const validateByteRange: i32 = 21;
  export const validateUrlEncoding: i32 = 22;
  export const validateUtf8Encoding: i32 = 23;
  export const verifyCC: i32 = 24;
  export const verifySSN: i32 = 25;
  export const within: i32 = 26;
  export const detectCommand: i32 = 27;
  export const detectLookup: i32 = 28;
  export const detectSsrf: i32 = 29;
  export const detectTemplate: i32 = 30;
  export const graphqlAliases: i32 = 31;
  export const graphqlCost: i32 = 32;
  export const graphqlDepth: i32 = 33;
  export const graphqlFields: i32 = 34;
}

/** Sources beside the collections of `engine/sink.ts`: what rules fill, and single values. */
export namespace Source {
  export const tx: i32 = 12;
  export const matchedVars: i32 = 13;
  export const firstSingle: i32 = 16;
  export const count: i32 = 81;
  export const none: i32 = 255;
}

export namespace Single {
  export const argsCombinedSize: i32 = 16;
  export const authType: i32 = 17;
  export const duration: i32 = 18;
  export const filesCombinedSize: i32 = 19;
  export const fullRequest: i32 = 20;
  export const fullRequestLength: i32 = 21;
  export const highestSeverity: i32 = 22;
  export const inboundDataError: i32 = 23;
  export const matchedVar: i32 = 24;
  export const matchedVarName: i32 = 25;
  export const modsecBuild: i32 = 26;
  export const mscPcreLimitsExceeded: i32 = 27;
  export const multipartBoundaryQuoted: i32 = 28;
  export const multipartBoundaryWhitespace: i32 = 29;
  export const multipartCrlfLfLines: i32 = 30;
  export const multipartDataAfter: i32 = 31;
  export const multipartDataBefore: i32 = 32;
  export const multipartFileLimitExceeded: i32 = 33;
  export const multipartHeaderFolding: i32 = 34;
  export const multipartInvalidHeaderFolding: i32 = 35;
  export const multipartInvalidPart: i32 = 36;
  export const multipartInvalidQuoting: i32 = 37;
  export const multipartLfLine: i32 = 38;
  export const multipartMissingSemicolon: i32 = 39;
  export const multipartUnmatchedBoundary: i32 = 40;
  export const multipartStrictError: i32 = 41;
  export const outboundDataError: i32 = 42;
  export const pathInfo: i32 = 43;
  export const queryString: i32 = 44;
  export const remoteAddr: i32 = 45;
  export const remoteHost: i32 = 46;
  export const remotePort: i32 = 47;
  export const remoteUser: i32 = 48;
  export const reqbodyError: i32 = 49;
  export const reqbodyErrorMsg: i32 = 50;
  export const reqbodyProcessor: i32 = 51;
  export const requestBasename: i32 = 52;
  export const requestBody: i32 = 53;
  export const requestBodyLength: i32 = 54;
  export const requestFilename: i32 = 55;
  export const requestLine: i32 = 56;
  export const requestMethod: i32 = 57;
  export const requestProtocol: i32 = 58;
  export const requestUri: i32 = 59;
  export const requestUriRaw: i32 = 60;
  export const responseBody: i32 = 61;
  export const responseContentLength: i32 = 62;
  export const responseContentType: i32 = 63;
  export const responseProtocol: i32 = 64;
  export const responseStatus: i32 = 65;
  export const serverAddr: i32 = 66;
  export const serverName: i32 = 67;
  export const serverPort: i32 = 68;
  export const statusLine: i32 = 69;
  export const time: i32 = 70;
  export const timeDay: i32 = 71;
  export const timeEpoch: i32 = 72;
  export const timeHour: i32 = 73;
  export const timeMin: i32 = 74;
  export const timeMon: i32 = 75;
  export const timeSec: i32 = 76;
  export const timeWday: i32 = 77;
  export const timeYear: i32 = 78;
  export const uniqueId: i32 = 79;
  export const urlencodedError: i32 = 80;
}

export const noSlot: u32 = 0xffffffff;
export const captureSlots: u32 = 10;
/** In the place of a capture program: the whole value is TX.0. */
export const capturesWhole: u32 = 1;

let base: usize = 0;

/** Where the image lies; false where it is none of this version. */
export function openImage(at: usize): bool {
  base = at;
  return load<u32>(at) == imageMagic && load<u32>(at, 4) == imageVersion;
}

@inline
export function imageAt(offset: u32): usize {
  return base + <usize>offset;
}

@inline
export function headerWord(index: i32): u32 {
  return load<u32>(base + (<usize>index << 2));
}

/** A word of a record; `at` is an address. */
@inline
export function word(at: usize, index: i32): u32 {
  return load<u32>(at + (<usize>index << 2));
}

/** Where a word of a record leads. */
@inline
export function follow(at: usize, index: i32): usize {
  return base + <usize>load<u32>(at + (<usize>index << 2));
}

@inline
export function textAt(text: usize): usize {
  return text + 4;
}

@inline
export function textLength(text: usize): i32 {
  return load<i32>(text);
}
