/** Element segments: read for the functions that can be called through a table or by reference. */
import type { BinaryReader } from './binary-reader.ts';
import { readConstantExpression } from './constant-expression.ts';
import { damaged } from './meter-fault.ts';
import { isReferenceType, unknownType } from './value-types.ts';

/** Bits of a segment's form. */
const isPassiveOrDeclared = 1;
const namesTable = 2;
const holdsExpressions = 4;

export function readElements(reader: BinaryReader, reachable: Set<number>): void {
  for (let left = reader.u32(); left > 0; left--) {
    const at = reader.at;
    const form = reader.u32();
    if (form > 7) throw damaged(`an element segment has the unknown form ${form}`, at);
    if ((form & isPassiveOrDeclared) === 0) {
      if ((form & namesTable) !== 0) reader.u32();
      readConstantExpression(reader, reachable);
    }
    // Forms 0 and 4 leave out what kind of element they hold.
    if ((form & (isPassiveOrDeclared | namesTable)) !== 0) readKind(reader, form);
    for (let elements = reader.u32(); elements > 0; elements--) {
      if ((form & holdsExpressions) !== 0) readConstantExpression(reader, reachable);
      else reachable.add(reader.u32());
    }
  }
}

function readKind(reader: BinaryReader, form: number): void {
  const at = reader.at;
  const kind = reader.byte();
  if ((form & holdsExpressions) === 0) {
    if (kind !== 0) throw damaged(`an element segment has the unknown kind ${kind}`, at);
  } else if (!isReferenceType(kind)) throw unknownType(kind, at);
}
