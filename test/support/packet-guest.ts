/** A module of packets that is right in everything except what a test changes. */
import { buildModule, i32, op, words } from './wasm-builder.ts';

const recordAt = 1_024;
const rule = [recordAt + 56, 3];

/** Fourteen words; the rule is `m/r`. */
export const record = (kind: number): number[] => [
  ...[kind, 0, 0, 0, 0, 0, ...rule],
  ...[0, 0, 0, 0, 0, 0],
];

/** Answers every packet with the record of these words at `answer`, or never. */
export function packetGuest({
  words: wanted,
  answer = recordAt,
  loops = false,
  alsoExports,
  takesConfig = false,
}: {
  readonly words: readonly number[];
  readonly answer?: number;
  readonly loops?: boolean;
  readonly alsoExports?: string;
  readonly takesConfig?: boolean;
}): Uint8Array {
  const one = { parameters: [i32], results: [i32] };
  const code = loops ? [op.spin, op.unreachable] : [op.const(answer)];
  return buildModule({
    functions: [
      { name: 'weir_abi', results: [i32], code: [op.const(1)] },
      { name: 'weir_reserve', ...one, code: [op.const(4_096)] },
      { name: 'weir_packet', ...one, code },
      ...(takesConfig
        ? [
            {
              name: 'weir_configure',
              parameters: [i32, i32],
              results: [i32],
              code: [op.const(0)],
            },
          ]
        : []),
      ...(alsoExports === undefined ? [] : [{ name: alsoExports, ...one, code: [op.const(0)] }]),
    ],
    data: { at: recordAt, bytes: [...words(...wanted), ...Buffer.from('m/r')] },
  });
}
