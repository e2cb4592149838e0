/** Whether a module may change a field, and to what: what it says ends up on the wire. */
import { ownFields } from '#core/own-fields.ts';
import type { FieldEdit } from './transaction.ts';

const token = /^[!#$%&'*+.^_`|~0-9a-z-]{1,128}$/;
/** RFC 9110 section 5.5: no control bytes but the tab, nothing that ends a line, no blanks at the ends. */
const value = /^(?:[!-~\x80-\xff](?:[\t -~\x80-\xff]*[!-~\x80-\xff])?)?$/;

/** Null when the edit may be made, else what is wrong with it. */
export function fieldEditProblem(edit: FieldEdit): string | null {
  if (!token.test(edit.name))
    return `${JSON.stringify(edit.name.slice(0, 64))} is no field name in lower case`;
  if (ownFields.has(edit.name)) return `${edit.name} is written by the edge itself`;
  if (edit.kind !== 'remove' && !value.test(edit.value))
    return `the value of ${edit.name} holds a line break or a control byte, or a blank at an end`;
  return null;
}
