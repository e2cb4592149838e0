/**
 * PCRE2 itself, as the judge of patterns: the library of the system through koffi, with DOTALL and
 * DOLLAR_ENDONLY as ModSecurity 2 sets them. Interpreted: its compiler to machine code (10.42) answers some patterns
 * otherwise than its interpreter, which is the one that is documented. Where it is missing, tests are skipped by name.
 */
import { loadNative, type Native } from '#core/native.ts';

const dotAll = 0x20;
const dollarEndOnly = 0x10;
/** PCRE2 10.42 makes `\S*\h` possessive as if the two had no byte in common; 0xA0 is in both. */
const noAutoPossess = 0x4000;
const matchLimitMax = 10_000_000;
const noMatch = -1;
/** Behind each subject: koffi hands over null for an empty buffer. */
const one = Buffer.alloc(1);

export type Pcre2Match = readonly (readonly [from: number, to: number] | null)[];

export type Pcre2 = {
  /** Null: PCRE2 does not take the pattern. */
  compile(source: string): Pcre2Pattern | null;
};

export type Pcre2Pattern = {
  /** Pairs of offsets, that of the whole first; null: no match; a word: it gave up. */
  match(subject: Uint8Array): Pcre2Match | null | 'gave up';
  free(): void;
};

/** The reason, where there is none; an error under REQUIRE_ALL=1. */
export function loadPcre2(): Pcre2 | string {
  const native = loadNative();
  const loaded = typeof native === 'string' ? native : bind(native);
  if (typeof loaded === 'string' && process.env['REQUIRE_ALL'] === '1')
    throw new Error(`${loaded}, and REQUIRE_ALL=1 forbids skipping`);
  return loaded;
}

function bind({ koffi }: Native): Pcre2 | string {
  let library: ReturnType<typeof koffi.load>;
  try {
    library = koffi.load('libpcre2-8.so.0');
  } catch {
    return 'no libpcre2-8.so.0 on this machine';
  }
  const compile = library.func(
    'void *pcre2_compile_8(const uint8_t *, size_t, uint32_t, _Out_ int *, _Out_ size_t *, void *)',
  );
  const freeCode = library.func('void pcre2_code_free_8(void *)');
  const makeData = library.func('void *pcre2_match_data_create_from_pattern_8(void *, void *)');
  const freeData = library.func('void pcre2_match_data_free_8(void *)');
  const makeContext = library.func('void *pcre2_match_context_create_8(void *)');
  const setLimit = library.func('int pcre2_set_match_limit_8(void *, uint32_t)');
  const match = library.func(
    'int pcre2_match_8(void *, const uint8_t *, size_t, size_t, uint32_t, void *, void *)',
  );
  const vector = library.func('size_t *pcre2_get_ovector_pointer_8(void *)');
  const vectorCount = library.func('uint32_t pcre2_get_ovector_count_8(void *)');
  const context: unknown = makeContext(null);
  setLimit(context, matchLimitMax);
  const unset = 2 ** 64;
  return {
    compile: (source) => {
      // koffi hands over null for an empty buffer.
      const bytes = Buffer.from(`${source}\0`, 'latin1');
      const code: unknown = compile(
        bytes,
        source.length,
        dotAll | dollarEndOnly | noAutoPossess,
        [0],
        [0],
        null,
      );
      if (code === null) return null;
      const data: unknown = makeData(code, null);
      return {
        match: (subject) => {
          const status: number = match(
            code,
            Buffer.concat([subject, one]),
            subject.length,
            0,
            0,
            data,
            context,
          );
          if (status === noMatch) return null;
          if (status < 0) return 'gave up';
          const words: unknown = koffi.decode(
            vector(data),
            koffi.array('size_t', 2 * Number(vectorCount(data))),
          );
          const offsets = Array.from(words as ArrayLike<number | bigint>, Number);
          return Array.from({ length: offsets.length / 2 }, (_, group) => {
            const from = offsets[2 * group] ?? unset;
            return group >= status || from >= 2 ** 63 ? null : [from, offsets[2 * group + 1] ?? 0];
          });
        },
        free: () => {
          freeData(data);
          freeCode(code);
        },
      };
    },
  };
}
