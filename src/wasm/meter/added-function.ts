/** A function that the rewriter adds to a module and exports, as bytes. */
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

/** A number as the binary format has it: LEB128. */
export function unsigned(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80);
  bytes.push(rest);
  return bytes;
}
