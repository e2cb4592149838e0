/**
 * What a GraphQL query asks for: how deep it goes, how many fields and aliases it has, and what it may cost, with
 * fragments put where they are spread. A value that is no GraphQL asks for nothing.
 *
 * The cost counts each field once, times what `first`, `last`, `limit`, `size` and `count` of the fields around it say.
 * One pass over the text reads definitions and the spreads in them; then fragments are added up, each once. A cycle, more
 * definitions or spreads than there is room for, or brackets that never end count as more than any limit.
 */
import { addToHash, emptyHash } from '../inject/word-table';

const definitionsMax: i32 = 64;
const spreadsMax: i32 = 256;
const levelsMax: i32 = 128;

/** Answers of `readGraphql`; `beyond` where it cannot be told. */
export let graphqlDepth: f64 = 0;
export let graphqlFields: f64 = 0;
export let graphqlAliases: f64 = 0;
export let graphqlCost: f64 = 0;
const beyond: f64 = Infinity;

/** A definition: name, state, first spread + 1, depth, then fields, aliases, cost. */
const definitionBytes: usize = 40;
const definitions: usize = memory.data(64 * 40, 16);
/** A spread: name, next + 1, depth, then the multiplier. */
const spreadBytes: usize = 24;
const spreads: usize = memory.data(256 * 24, 16);
/** By level what a field there is multiplied by. */
const factors: usize = memory.data(129 * 8, 16);
let definitionCount: i32 = 0;
let spreadCount: i32 = 0;

namespace State {
  export const fragment: i32 = 0;
  export const operation: i32 = 1;
  export const underWay: i32 = 2;
  export const done: i32 = 3;
}

let next: usize = 0;
let end: usize = 0;
/** The token under way: a byte, 1 for a name, 2 for a number, 3 for `...`, 4 for a string, 0 at the end. */
let token: i32 = 0;
let tokenHash: u32 = 0;
let tokenNumber: f64 = 0;

const isName: i32 = 1;
const isNumber: i32 = 2;
const isSpread: i32 = 3;
const isString: i32 = 4;

/** False where the value is no GraphQL, and all is 0. */
export function readGraphql(at: usize, length: i32): bool {
  graphqlDepth = 0;
  graphqlFields = 0;
  graphqlAliases = 0;
  graphqlCost = 0;
  definitionCount = 0;
  spreadCount = 0;
  next = at;
  end = at + length;
  read();
  if (!begins()) return false;
  if (!readDefinitions()) refuse();
  else if (definitionCount == 0) return false;
  else addUp();
  return true;
}

function refuse(): void {
  graphqlDepth = beyond;
  graphqlFields = beyond;
  graphqlAliases = beyond;
  graphqlCost = beyond;
}

const query: u32 = hashOf('query');
const mutation: u32 = hashOf('mutation');
const subscription: u32 = hashOf('subscription');
const fragment: u32 = hashOf('fragment');
const on: u32 = hashOf('on');

function hashOf(word: string): u32 {
  let hash = emptyHash;
  for (let i = 0; i < word.length; i++) hash = addToHash(hash, word.charCodeAt(i));
  return hash;
}

/** A query begins with a brace or one of four words; a brace with a name or a spread behind it. */
function begins(): bool {
  if (token == 0x7b) {
    const at = next;
    read();
    const isQuery = token == isName || token == isSpread;
    next = at;
    token = 0x7b;
    return isQuery;
  }
  if (token != isName || (tokenHash != query && tokenHash != mutation && tokenHash != subscription && tokenHash != fragment))
    return false;
  // A sentence may begin with these words; a query goes on with a name, a bracket or a brace, and has one.
  const word = tokenHash;
  const at = next;
  read();
  if (token == isName) read();
  if (word == fragment && token == isName && tokenHash == on) read();
  const isQuery = token == 0x7b || token == 0x28 || token == 0x40 || (word == fragment && token == isName);
  next = at;
  token = isName;
  tokenHash = word;
  return isQuery;
}

/** False where it cannot be told. */
function readDefinitions(): bool {
  while (token != 0) {
    if (definitionCount == definitionsMax) return false;
    const definition = definitions + <usize>definitionCount * definitionBytes;
    memory.fill(definition, 0, definitionBytes);
    store<i32>(definition, State.operation, 4);
    if (token == isName && tokenHash == fragment) {
      read();
      store<u32>(definition, tokenHash);
      store<i32>(definition, State.fragment, 4);
    }
    // Up to the selection: names, variables and directives.
    let brackets = 0;
    while (token != 0 && (token != 0x7b || brackets > 0)) {
      if (token == 0x28) brackets++;
      else if (token == 0x29) brackets--;
      read();
    }
    if (token == 0) return true;
    definitionCount++;
    if (!readSelection(definition)) return false;
  }
  return true;
}

/** From its `{` to behind its `}`. */
function readSelection(definition: usize): bool {
  let level = 1;
  let fields: f64 = 0;
  let aliases: f64 = 0;
  let cost: f64 = 0;
  let deepest = 1;
  let factor: f64 = 1;
  store<f64>(factors + 8, 1);
  read();
  while (level > 0) {
    if (token == 0) return false;
    if (token == 0x7b) {
      if (++level > levelsMax) return false;
      store<f64>(factors + (<usize>level << 3), load<f64>(factors + (<usize>(level - 1) << 3)) * factor);
      deepest = max(deepest, level);
      factor = 1;
      read();
    } else if (token == 0x7d) {
      level--;
      factor = 1;
      read();
    } else if (token == isSpread) {
      factor = 1;
      read();
      if (token == isName && tokenHash == on) {
        read();
        if (token == isName) read();
      } else if (token == isName) {
        if (!addSpread(definition, level)) return false;
        read();
      }
      // What is inside an inline fragment stands at the level around it; its braces are counted, which is one too many.
    } else if (token == 0x40) {
      read();
      if (token == isName) read();
    } else if (token == 0x28) {
      const found = readArguments();
      if (found < 0) return false;
      factor = found;
    } else if (token == isName) {
      read();
      if (token == 0x3a) {
        aliases++;
        read();
        if (token == isName) read();
      }
      fields++;
      cost += load<f64>(factors + (<usize>level << 3));
      factor = 1;
    } else read();
  }
  store<i32>(definition, deepest, 12);
  store<f64>(definition, fields, 16);
  store<f64>(definition, aliases, 24);
  store<f64>(definition, cost, 32);
  return true;
}

const first: u32 = hashOf('first');
const last: u32 = hashOf('last');
const limit: u32 = hashOf('limit');
const size: u32 = hashOf('size');
const count: u32 = hashOf('count');

/** How many the arguments ask for, 1 where they do not say; -1 where they never end. */
function readArguments(): f64 {
  let brackets = 1;
  let most: f64 = 1;
  read();
  while (brackets > 0) {
    if (token == 0) return -1;
    if (token == 0x28 || token == 0x5b || token == 0x7b) brackets++;
    else if (token == 0x29 || token == 0x5d || token == 0x7d) brackets--;
    else if (token == isName && brackets == 1 && isListWord(tokenHash)) {
      read();
      if (token != 0x3a) continue;
      read();
      if (token == isNumber) most = max(most, tokenNumber);
      continue;
    }
    read();
  }
  return most;
}

function isListWord(hash: u32): bool {
  return hash == first || hash == last || hash == limit || hash == size || hash == count;
}

function addSpread(definition: usize, level: i32): bool {
  if (spreadCount == spreadsMax) return false;
  const spread = spreads + <usize>spreadCount * spreadBytes;
  store<u32>(spread, tokenHash);
  store<i32>(spread, load<i32>(definition, 8), 4);
  store<i32>(spread, level, 8);
  store<f64>(spread, load<f64>(factors + (<usize>level << 3)), 16);
  store<i32>(definition, ++spreadCount, 8);
  return true;
}

function addUp(): void {
  for (let i = 0; i < definitionCount; i++) {
    const definition = definitions + <usize>i * definitionBytes;
    const isOperation = load<i32>(definition, 4) == State.operation;
    if (!settle(definition)) {
      refuse();
      return;
    }
    if (!isOperation) continue;
    graphqlDepth = max(graphqlDepth, <f64>load<i32>(definition, 12));
    graphqlFields += load<f64>(definition, 16);
    graphqlAliases += load<f64>(definition, 24);
    graphqlCost += load<f64>(definition, 32);
  }
}

/** Adds what its spreads bring; false in a cycle. As deep as there are definitions at most. */
function settle(definition: usize): bool {
  const state = load<i32>(definition, 4);
  if (state == State.done) return true;
  if (state == State.underWay) return false;
  store<i32>(definition, State.underWay, 4);
  for (let index = load<i32>(definition, 8); index != 0; ) {
    const spread = spreads + <usize>(index - 1) * spreadBytes;
    const part = fragmentOf(load<u32>(spread));
    if (part != 0) {
      if (!settle(part)) return false;
      const level = load<i32>(spread, 8);
      const factor = load<f64>(spread, 16);
      store<i32>(definition, min(1 << 20, max(load<i32>(definition, 12), level - 1 + load<i32>(part, 12))), 12);
      store<f64>(definition, load<f64>(definition, 16) + load<f64>(part, 16), 16);
      store<f64>(definition, load<f64>(definition, 24) + load<f64>(part, 24), 24);
      store<f64>(definition, load<f64>(definition, 32) + factor * load<f64>(part, 32), 32);
    }
    index = load<i32>(spread, 4);
  }
  store<i32>(definition, State.done, 4);
  return true;
}

function fragmentOf(name: u32): usize {
  for (let i = 0; i < definitionCount; i++) {
    const definition = definitions + <usize>i * definitionBytes;
    if (load<u32>(definition) == name) return definition;
  }
  return 0;
}

/** The next token; comments, commas and blanks are none. */
function read(): void {
  token = 0;
  while (next < end) {
    const byte: u32 = load<u8>(next);
    if (byte == 0x23) {
      while (next < end && load<u8>(next) != 0x0a && load<u8>(next) != 0x0d) next++;
      continue;
    }
    if (byte <= 0x20 || byte == 0x2c || byte == 0xef || byte == 0xbb || byte == 0xbf) {
      next++;
      continue;
    }
    if (isLetter(byte)) readName();
    else if (byte - 0x30 < 10) readNumber();
    else if (byte == 0x22) readString();
    else if (byte == 0x2e) {
      while (next < end && load<u8>(next) == 0x2e) next++;
      token = isSpread;
    } else {
      next++;
      token = byte;
    }
    return;
  }
}

function readName(): void {
  let hash = emptyHash;
  while (next < end && (isLetter(load<u8>(next)) || load<u8>(next) - 0x30 < 10)) hash = addToHash(hash, load<u8>(next++));
  token = isName;
  tokenHash = hash;
}

function readNumber(): void {
  let value: f64 = 0;
  while (next < end && load<u8>(next) - 0x30 < 10) value = value * 10 + <f64>(load<u8>(next++) - 0x30);
  token = isNumber;
  tokenNumber = value;
}

function readString(): void {
  token = isString;
  const isBlock = next + 2 < end && load<u8>(next, 1) == 0x22 && load<u8>(next, 2) == 0x22;
  next += isBlock ? 3 : 1;
  while (next < end) {
    const byte = load<u8>(next);
    if (byte == 0x5c) {
      next = min(next + 2, end);
      continue;
    }
    next++;
    if (byte != 0x22) {
      if (!isBlock && byte == 0x0a) return;
      continue;
    }
    if (!isBlock) return;
    if (next + 1 < end && load<u8>(next) == 0x22 && load<u8>(next, 1) == 0x22) {
      next += 2;
      return;
    }
  }
}

@inline
function isLetter(byte: u32): bool {
  return (byte | 0x20) - 0x61 < 26 || byte == 0x5f;
}
