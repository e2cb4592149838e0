/**
 * One instance of a SecLang module: a frame in, an answer out. Between calls no request waits in it, and what it knows of
 * values changes no answer, so all requests of a worker share it; after a failure its memory is in an unknown state and it
 * is replaced.
 *
 * ```
 * input area: frame │ unique id │ state of the phase before │ bodies │ heads (as in `abi.ts`)
 * ```
 */
import { randomBytes } from 'node:crypto';
import { assert } from '#core/assert.ts';
import { wallMs } from '#core/clock.ts';
import type { Transaction } from '#waf/transaction.ts';
import { encodeRequestHead, type GuestLimits, viewBytesMax, writeAscii } from '../abi.ts';
import { encodeResponseHead } from '../encode-views.ts';
import { phase } from '../filter.ts';
import { GuestFailure, guestFailureOf } from '../guest-failure.ts';
import { GuestMemory } from '../guest-memory.ts';
import {
  answerWord,
  bodyPart,
  frameFlag,
  frameWord,
  matchWord,
  run,
  stopKind,
} from './call-frame.ts';
import { imagePage } from './module-file.ts';

/** State between phases; a request has one at a time. */
export const stateBytesMax = 262_144;
/** What values, transformations and matches of one call may take. */
const arenaBytes = 28 * 1024 * 1024;
/** Units of `wasm-rules/seclang/fuel.ts`: about a nanosecond each. */
const pageBytes = 65_536;
const imageAt = imagePage * pageBytes;

export type EngineCall = {
  readonly run: number;
  readonly transaction: Transaction;
  readonly enforces: boolean;
  readonly requestBody: BodyBytes | null;
  readonly responseBody: BodyBytes | null;
  readonly state: Buffer | null;
  readonly terms: EngineTerms;
};

export type EngineTerms = {
  /** Rules that do not run, and those that only note what they find: bits by index in the facts. */
  readonly off: Uint8Array | null;
  readonly monitored: Uint8Array | null;
  /** Null: as the rules say. */
  readonly inboundThreshold: number | null;
  readonly outboundThreshold: number | null;
};

export type BodyBytes = {
  readonly bytes: Buffer;
  readonly isWhole: boolean;
  /** From the middle of a body, of which no document can be made. */
  readonly isText?: boolean;
};

export type EngineMatch = {
  /** Index in the facts. */
  readonly rule: number;
  readonly link: number;
  readonly flags: number;
  /** All latin1. */
  readonly name: string;
  readonly value: string;
  readonly message: string;
  readonly data: string;
  readonly tags: readonly string[];
};

export type Decision = {
  /** A `stopKind`. */
  readonly stop: number;
  /** Index in the facts. */
  readonly rule: number;
  readonly status: number;
};

export type EngineAnswer = Decision & {
  readonly location: string;
  readonly matches: readonly EngineMatch[];
  readonly unlisted: number;
  /** What would have been decided, where nothing is enforced; as `stop`, `rule` and `status`. */
  readonly noted: Decision;
  /** A copy; null where nothing is left to run. */
  readonly state: Buffer | null;
  readonly fuel: number;
};

/** Of a match's value and texts that leave the guest, in bytes. */
const textBytesMax = 2_048;

export class EngineInstance {
  readonly #memory: GuestMemory;
  readonly #limits: GuestLimits;
  readonly #run: (fuel: bigint) => number;
  readonly #ranOut: () => number;
  readonly #valuesNoted: () => number;
  readonly #frame: number;
  readonly #fuel: bigint;
  /** Rules of phases 3 to 5 look at the request's head. */
  readonly #answersWantRequest: boolean;
  readonly #wantsTime: boolean;

  /** Throws `GuestFailure`. */
  constructor(compiled: WebAssembly.Module, limits: GuestLimits, fuel: number) {
    this.#limits = limits;
    this.#fuel = BigInt(fuel);
    const { exports } = new WebAssembly.Instance(compiled, {
      env: {
        abort: () => {
          throw new GuestFailure('abort', 'the engine gave up');
        },
      },
    });
    const {
      memory,
      open,
      run: runExport,
      ranOut,
      wantsHead,
      wantsTime,
      valuesNoted,
    } = exports as Record<string, unknown>;
    assert(memory instanceof WebAssembly.Memory, 'the engine is the one that ships');
    const inputBytes = inputBytesMax(limits);
    const wanted = memory.buffer.byteLength + inputBytes + arenaBytes;
    memory.grow(Math.ceil((wanted - memory.buffer.byteLength) / pageBytes));
    const seed = randomBytes(8).readBigUInt64LE();
    const at = (open as (...values: (number | bigint)[]) => number)(
      imageAt,
      inputBytes,
      memory.buffer.byteLength,
      seed,
    );
    if (at === 0)
      throw new GuestFailure('abi', 'the rule image is of another version: build it anew');
    this.#frame = at >>> 0;
    this.#memory = new GuestMemory(memory);
    this.#run = runExport as (fuel: bigint) => number;
    this.#ranOut = ranOut as () => number;
    this.#valuesNoted = valuesNoted as () => number;
    this.#answersWantRequest = (wantsHead as () => number)() !== 0;
    this.#wantsTime = (wantsTime as () => number)() !== 0;
  }

  get memoryBytes(): number {
    return this.#memory.bytes.length;
  }

  /** Values that had to be looked at, as no request before had them (`wasm-rules/seclang/known.ts`). */
  get valuesNoted(): number {
    return this.#valuesNoted();
  }

  /** Throws `GuestFailure`; the instance must not be used afterwards. */
  call(call: EngineCall): EngineAnswer {
    this.#write(call);
    let at: number;
    try {
      at = this.#run(this.#fuel) >>> 0;
    } catch (error) {
      if (this.#ranOut() !== 0)
        throw new GuestFailure('fuel', `a call used up its ${this.#fuel} units of fuel`);
      throw guestFailureOf(error);
    }
    return this.#read(at);
  }

  #write(call: EngineCall): void {
    const { words, bytes } = this.#memory;
    const { transaction, requestBody, responseBody, state, terms } = call;
    const frame = this.#frame >>> 2;
    // `fill` costs several times as much for so few.
    for (let word = 0; word < frameWord.size; word++) words[frame + word] = 0;
    words[frame + frameWord.run] = call.run;
    words[frame + frameWord.flags] = call.enforces ? frameFlag.enforces : 0;
    if (this.#wantsTime) {
      const timeMs = wallMs();
      words[frame + frameWord.timeLow] = timeMs >>> 0;
      words[frame + frameWord.timeHigh] = Math.floor(timeMs / 0x1_0000_0000);
    }
    let at = this.#frame + frameWord.size * 4;
    const { requestId } = transaction;
    writeAscii(requestId, bytes, at);
    words[frame + frameWord.uniqueId] = at;
    words[frame + frameWord.uniqueIdBytes] = requestId.length;
    at = aligned(at + requestId.length);
    if (state !== null) {
      assert(state.length <= stateBytesMax, 'a state within its bound');
      bytes.set(state, at);
      words[frame + frameWord.state] = at;
      words[frame + frameWord.stateBytes] = state.length;
      at = aligned(at + state.length);
    }
    if (terms.off !== null) at = this.#writeBits(at, terms.off, frame + frameWord.off);
    if (terms.monitored !== null)
      at = this.#writeBits(at, terms.monitored, frame + frameWord.monitored);
    words[frame + frameWord.inboundThreshold] = terms.inboundThreshold ?? 0;
    words[frame + frameWord.outboundThreshold] = terms.outboundThreshold ?? 0;
    if (requestBody !== null) {
      at = this.#writeBody(at, requestBody, frame + frameWord.requestBody);
    }
    if (responseBody !== null) {
      at = this.#writeBody(at, responseBody, frame + frameWord.responseBody);
    }
    const isRequest = (call.run & run.request) !== 0;
    const withRequest = isRequest || this.#answersWantRequest;
    if (transaction.response === null || isRequest) {
      if (!withRequest) return;
      words[frame + frameWord.requestHead] = at;
      encodeRequestHead(transaction.request, transaction.facts, this.#limits, this.#memory, at);
      return;
    }
    words[frame + frameWord.responseHead] = at;
    encodeResponseHead(transaction, this.#limits, this.#memory, at, withRequest);
    // The third word of a response head is where the request lies in it.
    if (withRequest) words[frame + frameWord.requestHead] = at + (words[(at >>> 2) + 3] ?? 0);
  }

  #writeBits(at: number, bits: Uint8Array, word: number): number {
    this.#memory.bytes.set(bits, at);
    this.#memory.words[word] = at;
    return aligned(at + bits.length);
  }

  /** `word` is that of the address; length and flags follow. */
  #writeBody(at: number, body: BodyBytes, word: number): number {
    const { words, bytes } = this.#memory;
    bytes.set(body.bytes, at);
    words[word] = at;
    words[word + 1] = body.bytes.length;
    words[word + 2] =
      bodyPart.present |
      (body.isWhole ? bodyPart.whole : 0) |
      (body.isText === true ? bodyPart.text : 0);
    return aligned(at + body.bytes.length);
  }

  #read(at: number): EngineAnswer {
    const { words } = this.#memory;
    const answer = at >>> 2;
    const word = (index: number): number => words[answer + index] ?? 0;
    const stateBytes = word(answerWord.stateBytes);
    if (stateBytes > stateBytesMax)
      throw new GuestFailure('capacity', `a request's state has ${stateBytes} bytes`);
    return {
      stop: word(answerWord.stop),
      rule: word(answerWord.rule),
      status: word(answerWord.status),
      location: this.#text(word(answerWord.location), word(answerWord.locationBytes)),
      matches: this.#matches(word(answerWord.matches)),
      unlisted: word(answerWord.unlisted),
      noted:
        word(answerWord.notedStop) === stopKind.none
          ? nothingNoted
          : {
              stop: word(answerWord.notedStop),
              rule: word(answerWord.notedRule),
              status: word(answerWord.notedStatus),
            },
      state: stateBytes === 0 ? null : this.#copy(word(answerWord.state), stateBytes),
      fuel: word(answerWord.fuelLow) + word(answerWord.fuelHigh) * 0x1_0000_0000,
    };
  }

  #matches(first: number): readonly EngineMatch[] {
    if (first === 0) return noMatches;
    const { words } = this.#memory;
    const matches: EngineMatch[] = [];
    for (let match = first; match !== 0; match = words[match >>> 2] ?? 0)
      matches.push(this.#match(match >>> 2));
    return matches;
  }

  #match(at: number): EngineMatch {
    const { words } = this.#memory;
    const word = (index: number): number => words[at + index] ?? 0;
    const tags: string[] = [];
    for (let tag = 0; tag < word(matchWord.tagCount); tag++) {
      const pair = (word(matchWord.tags) >>> 2) + tag * 2;
      tags.push(this.#text(words[pair] ?? 0, words[pair + 1] ?? 0));
    }
    return {
      rule: word(matchWord.rule),
      link: word(matchWord.link),
      flags: word(matchWord.flags),
      name: this.#text(word(matchWord.name), word(matchWord.nameBytes)),
      value: this.#text(word(matchWord.value), word(matchWord.valueBytes)),
      message: this.#text(word(matchWord.message), word(matchWord.messageBytes)),
      data: this.#text(word(matchWord.data), word(matchWord.dataBytes)),
      tags,
    };
  }

  #text(at: number, length: number): string {
    if (length === 0) return '';
    return this.#memory.bytes.toString('latin1', at, at + Math.min(length, textBytesMax));
  }

  #copy(at: number, length: number): Buffer {
    const copy = Buffer.allocUnsafe(length);
    this.#memory.bytes.copy(copy, 0, at, at + length);
    return copy;
  }
}

const noMatches: readonly EngineMatch[] = [];
const nothingNoted: Decision = { stop: stopKind.none, rule: -1, status: 0 };

/** Frame, request id and two bit sets over the rules of the largest set. */
const fixedBytes = 65_536;

function inputBytesMax(limits: GuestLimits): number {
  const heads = viewBytesMax(limits, phase.responseHead);
  return aligned(fixedBytes + stateBytesMax + limits.bodyWindowBytes * 2 + heads);
}

const aligned = (bytes: number): number => (bytes + 63) & ~63;
