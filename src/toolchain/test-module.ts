/**
 * Runs the cases of a module and finds, for each failure of the guest, the lines of source it came from.
 *
 * The meter moves code, so offsets in a trace are first led back to the module as it was written, and then
 * looked up in the source map: for traps and aborts, and for loops without an end.
 */
import { grants } from '#config/module-schema.ts';
import { responseHeadBytesMax, responseHeadersMax } from '#waf/response-bounds.ts';
import type { GuestLimits } from '#wasm/abi.ts';
import type { RunnableCase } from '#wasm/cases/read-cases.ts';
import { type CaseModule, type CaseResult, runCases } from '#wasm/cases/run-cases.ts';
import { originalOffsets } from '#wasm/compile-filter.ts';
import { framesOf, type GuestFrame } from '#wasm/guest-failure.ts';
import type { OffsetMap } from '#wasm/meter/offset-map.ts';
import { SourceMap, type SourcePlace } from './source-map.ts';

/** As the edge has them unless its configuration says otherwise. */
export const guestLimits: GuestLimits = {
  headBytesMax: 32_768,
  headersMax: 100,
  responseHeadBytesMax,
  responseHeadersMax,
  bodyWindowBytes: 131_072,
};
export const fuelDefault = 20_000_000;
export const memoryPagesDefault = 256;

export type TraceLine = {
  /** The function, as its author calls it. */
  readonly name: string;
  readonly place: SourcePlace | null;
};

export type TestedCase = CaseResult & { readonly trace: readonly TraceLine[] };

export type TestReport = {
  readonly cases: readonly TestedCase[];
  readonly failed: number;
  /** Rules the module can name, as far as its texts show. */
  readonly rulesKnown: readonly string[];
  /** Of these, what no case has seen. */
  readonly rulesUnseen: readonly string[];
};

export type TestSubject = {
  readonly name: string;
  readonly bytes: Uint8Array;
  /** Text of the source map, where there is one. */
  readonly sourceMap: string | null;
};

export function testModule(subject: TestSubject, cases: readonly RunnableCase[]): TestReport {
  const module = caseModule(subject);
  const map = subject.sourceMap === null ? null : SourceMap.parse(subject.sourceMap);
  const results = runCases(module, cases, guestLimits);
  const hasFailed = results.some(({ failure }) => failure !== null);
  const offsets = map === null || !hasFailed ? null : originalOffsets(module);
  const tested = results.map((result): TestedCase => {
    const { failure } = result;
    return { ...result, trace: failure === null ? [] : lines(framesOf(failure), map, offsets) };
  });
  const seen = new Set(tested.flatMap(({ rulesSeen }) => rulesSeen));
  const rulesKnown = rulesInTexts(subject);
  return {
    cases: tested,
    failed: tested.filter(({ differences }) => differences.length > 0).length,
    rulesKnown,
    rulesUnseen: rulesKnown.filter((rule) => !seen.has(rule)),
  };
}

export function caseModule({ name, bytes }: TestSubject): CaseModule {
  return {
    ...{ name, sha256: '', bytes, grants },
    ...{ fuel: fuelDefault, memoryPagesMax: memoryPagesDefault, fetch: [], databases: {} },
  };
}

/** A function that calls itself stands once. */
function lines(
  frames: readonly GuestFrame[],
  map: SourceMap | null,
  offsets: OffsetMap | null,
): TraceLine[] {
  return frames
    .filter(({ offset }) => offsets === null || offsets.original(offset) !== null)
    .map(({ name, functionIndex, offset }) => ({
      name: name ?? `function ${functionIndex}`,
      place: map?.authorPlaceOf(offsets?.original(offset) ?? offset) ?? null,
    }))
    .filter(
      (line, index, all) =>
        line.name !== all[index - 1]?.name || line.place?.line !== all[index - 1]?.place?.line,
    );
}

/**
 * Texts of AssemblyScript lie in the module as UTF-16; a rule is by convention called MODULE/RULE. What
 * is put together at run time is not found, so this says what was surely missed, not that all was seen.
 */
function rulesInTexts({ name, bytes }: TestSubject): string[] {
  const found = new Set<string>();
  const wanted = Buffer.from(`${name}/`, 'utf16le');
  const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = all.indexOf(wanted); at >= 0; at = all.indexOf(wanted, at + 1)) {
    const rule = /^[\x21-\x7e]+/.exec(all.toString('utf16le', at, at + 2 * ruleCharactersMax))?.[0];
    // A file's name in an abort has the same beginning.
    if (rule !== undefined && rule.length > name.length + 1 && !rule.endsWith('.ts'))
      found.add(rule);
  }
  return [...found].toSorted();
}

const ruleCharactersMax = 128;
