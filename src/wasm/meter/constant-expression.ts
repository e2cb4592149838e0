/** Constant expressions: initial values of globals, offsets and members of segments. */
import type { BinaryReader } from './binary-reader.ts';
import { MeterFault } from './meter-fault.ts';
import { opcode, simdOpcode } from './opcodes.ts';
import { isReferenceType, unknownType } from './value-types.ts';

/** Reads up to and with `end`; functions referred to are added to `reachable`. */
export function readConstantExpression(reader: BinaryReader, reachable: Set<number>): void {
  while (true) {
    const at = reader.at;
    const code = reader.byte();
    if (code === opcode.end) return;
    if (code === opcode.i32Const) reader.skipSigned(5);
    else if (code === opcode.i64Const) reader.skipSigned(10);
    else if (code === opcode.f32Const) reader.skip(4);
    else if (code === opcode.f64Const) reader.skip(8);
    else if (code === opcode.globalGet) reader.u32();
    else if (code === opcode.refFunc) reachable.add(reader.u32());
    else if (code === opcode.refNull) {
      const type = reader.byte();
      if (!isReferenceType(type)) throw unknownType(type, at + 1);
    } else if (code === opcode.simd && reader.u32() === simdOpcode.const) reader.skip(16);
    else if (!isArithmetic(code))
      throw new MeterFault(
        `a constant expression has the opcode 0x${code.toString(16)}, which this Weir does not know: build without GC`,
        at,
      );
  }
}

/** Addition, subtraction and multiplication of i32 and i64. */
function isArithmetic(code: number): boolean {
  return (code >= 0x6a && code <= 0x6c) || (code >= 0x7c && code <= 0x7e);
}
