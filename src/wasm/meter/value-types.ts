/** Value types by their bytes in the binary format. */
import type { BinaryReader } from './binary-reader.ts';
import { MeterFault } from './meter-fault.ts';

export const valueType = {
  i32: 0x7f,
  i64: 0x7e,
  f32: 0x7d,
  f64: 0x7c,
  v128: 0x7b,
  funcref: 0x70,
  externref: 0x6f,
} as const;

/** As the text format has it. */
export function valueTypeName(byte: number): string {
  return Object.entries(valueType).find(([, value]) => value === byte)?.[0] ?? 'unknown';
}

export const blockWithoutResult = 0x40;

export function isValueType(byte: number): boolean {
  return (byte >= valueType.v128 && byte <= valueType.i32) || isReferenceType(byte);
}

export function isReferenceType(byte: number): boolean {
  return byte === valueType.funcref || byte === valueType.externref;
}

export function readValueType(reader: BinaryReader): number {
  const at = reader.at;
  const type = reader.byte();
  if (!isValueType(type)) throw unknownType(type, at);
  return type;
}

export function unknownType(type: number, at: number): MeterFault {
  return new MeterFault(
    `has a value of type 0x${type.toString(16)}: only i32, i64, f32, f64, v128, funcref and externref are allowed; build without GC and exceptions`,
    at,
  );
}
