/** A guest that is right in everything except what a test changes. */
import { buildModule, type FunctionSpec, i32, type ModuleSpec, op, words } from './wasm-builder.ts';

/** Where the verdict record of `verdictGuest` lies. */
export const recordAt = 64;

export function guest(
  requestHead: readonly (readonly number[])[] = [op.const(0)],
  changes: Partial<ModuleSpec> & {
    readonly without?: string;
    readonly replaced?: FunctionSpec;
  } = {},
): Uint8Array {
  const { without, replaced, ...spec } = changes;
  const functions: FunctionSpec[] = [
    { name: 'weir_abi', results: [i32], code: [op.const(1)] },
    { name: 'weir_reserve', parameters: [i32], results: [i32], code: [op.const(4096)] },
    { name: 'weir_request_head', parameters: [i32], results: [i32], code: requestHead },
  ];
  const kept = functions
    .filter(({ name }) => name !== without)
    .map((item) => (replaced !== undefined && item.name === replaced.name ? replaced : item));
  return buildModule({ ...spec, functions: [...kept, ...(spec.functions ?? [])] });
}

/** Answers every request with the record made of these words, whose texts lie behind it. */
export function verdictGuest(record: readonly number[], answer: number = recordAt): Uint8Array {
  const bytes = [...words(...record), ...Buffer.from('rule/a reason target match')];
  return guest([op.const(answer)], { data: { at: recordAt, bytes } });
}

/** A record that is right: texts begin at `recordAt + 56`. */
export const goodRecord = [
  ...[1, 0, 403, 0, 0, 0],
  ...[recordAt + 56, 6],
  ...[recordAt + 63, 6],
  ...[recordAt + 70, 6],
  ...[recordAt + 77, 5],
] as const;
