/** The guest's matchers, called from a test: `wasm-rules/testing/match-probe.ts` with one cache and one arena. */
import { buildTestGuest } from './guests.ts';

type Exports = {
  readonly memory: WebAssembly.Memory;
  allocate(bytes: number): number;
  prepare(cacheBytes: number, arenaBytes: number): void;
  setBudget(units: bigint): void;
  budgetLeft(): bigint;
  kindsIn(at: number, length: number): bigint;
  scanWords(set: number): number;
  scan(set: number, at: number, length: number, bits: number): bigint;
  matchPattern(pattern: number, at: number, length: number): number;
  capturePattern(program: number, at: number, length: number, into: number): number;
  captureByThreads(program: number, at: number, length: number, into: number): number;
  findPhrase(set: number, at: number, length: number): bigint;
  lazyStates(): number;
  lazyFlushes(): number;
  matchMany(pattern: number, at: number, length: number, times: number): number;
  scanMany(set: number, table: number, count: number, bits: number, times: number): bigint;
  findMany(set: number, at: number, length: number, times: number): bigint;
};

const subjectBytesMax = 262_144;
const plenty = 1n << 60n;

let compiled: Promise<WebAssembly.Module> | null = null;

export async function matchGuest(
  options: { readonly cacheBytes?: number; readonly arenaBytes?: number } = {},
): Promise<MatchGuest> {
  compiled ??= buildTestGuest('match-probe').then(
    (bytes) => new WebAssembly.Module(bytes as Uint8Array<ArrayBuffer>),
  );
  const instance = new WebAssembly.Instance(await compiled, {
    env: {
      abort: () => {
        throw new Error('the guest aborted');
      },
    },
  });
  return new MatchGuest(instance.exports as unknown as Exports, options);
}

export class MatchGuest {
  readonly exports: Exports;
  readonly subjectAt: number;
  readonly #into: number;
  readonly #bits: number;

  constructor(
    exports: Exports,
    options: { readonly cacheBytes?: number; readonly arenaBytes?: number },
  ) {
    this.exports = exports;
    exports.prepare(options.cacheBytes ?? 2_097_152, options.arenaBytes ?? 2_097_152);
    this.subjectAt = exports.allocate(subjectBytesMax);
    this.#into = exports.allocate(128);
    this.#bits = exports.allocate(1_024);
    this.setBudget(plenty);
  }

  setBudget(units: bigint): void {
    this.exports.setBudget(units);
  }

  /** Its address. */
  load(blob: Uint8Array): number {
    const at = this.exports.allocate(blob.length);
    new Uint8Array(this.exports.memory.buffer).set(blob, at);
    return at;
  }

  setSubject(subject: Uint8Array): void {
    if (subject.length > subjectBytesMax) throw new Error('a subject too long for the guest');
    new Uint8Array(this.exports.memory.buffer).set(subject, this.subjectAt);
  }

  match(pattern: number, subject: Uint8Array): number {
    this.setSubject(subject);
    return this.exports.matchPattern(pattern, this.subjectAt, subject.length);
  }

  /** As PCRE2 tells them: pairs of offsets; null without a match. */
  captures(
    program: number,
    subject: Uint8Array,
    how: 'capturePattern' | 'captureByThreads' = 'capturePattern',
  ): (readonly [from: number, to: number] | null)[] | null {
    this.setSubject(subject);
    const found = this.exports[how](program, this.subjectAt, subject.length, this.#into);
    if (found === 0) return null;
    const words = new Int32Array(this.exports.memory.buffer, this.#into, 20);
    return Array.from({ length: 10 }, (_, group) => {
      const from = words[2 * group] ?? -1;
      return from < 0 ? null : [from, from + (words[2 * group + 1] ?? 0)];
    });
  }

  scan(set: number, subject: Uint8Array): { readonly kinds: bigint; readonly bits: bigint } {
    this.setSubject(subject);
    const words = this.exports.scanWords(set);
    const row = new BigUint64Array(this.exports.memory.buffer, this.#bits, words).fill(0n);
    const kinds = this.exports.scan(set, this.subjectAt, subject.length, this.#bits);
    let bits = 0n;
    row.forEach((word, index) => {
      bits |= word << BigInt(64 * index);
    });
    return { kinds: BigInt.asUintN(64, kinds), bits };
  }

  /** Null: none. */
  findPhrase(set: number, subject: Uint8Array): readonly [offset: number, length: number] | null {
    this.setSubject(subject);
    const found = this.exports.findPhrase(set, this.subjectAt, subject.length);
    return found === -1n ? null : [Number(found >> 32n), Number(found & 0xffff_ffffn)];
  }
}
