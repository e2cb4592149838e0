/** A function that the rewriter adds to a module and exports, as bytes. */
import type { FunctionType } from './module-outline.ts';
import { opcode } from './opcodes.ts';
import { valueType } from './value-types.ts';

export type AddedFunction = {
  readonly name: string;
  /** An entry of the type section. */
  readonly type: readonly number[];
  /** Local declarations and code. */
  readonly body: readonly number[];
};

/** Sets the fuel and returns what was left: a quarter of what a global's setter takes from JavaScript. */
export function refuelFunction(fuelGlobal: number): AddedFunction {
  return {
    name: 'weir:refuel',
    type: [0x60, 1, valueType.i32, 1, valueType.i32],
    body: [
      ...[0, opcode.globalGet, ...unsigned(fuelGlobal)],
      ...[opcode.localGet, 0, opcode.globalSet, ...unsigned(fuelGlobal), opcode.end],
    ],
  };
}

/**
 * Sets the fuel and calls a function of the module: one step over the border where setting it first makes
 * two. `type` is that function's.
 */
export function fuelledFunction(
  { name, index }: { readonly name: string; readonly index: number },
  { parameters, results }: FunctionType,
  fuelGlobal: number,
): AddedFunction {
  return {
    name: fuelledName(name),
    type: [
      ...[0x60, ...unsigned(parameters.length + 1), valueType.i32, ...parameters],
      ...[...unsigned(results.length), ...results],
    ],
    body: [
      ...[0, opcode.localGet, 0, opcode.globalSet, ...unsigned(fuelGlobal)],
      ...parameters.flatMap((_, at) => [opcode.localGet, ...unsigned(at + 1)]),
      ...[opcode.call, ...unsigned(index), opcode.end],
    ],
  };
}

export const fuelledName = (name: string): string => `weir:call:${name}`;

/** A number as the binary format has it: LEB128. */
export function unsigned(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80);
  bytes.push(rest);
  return bytes;
}
