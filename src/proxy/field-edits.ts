/**
 * Modules' changes to a message's fields, carried out on its view: what goes is marked, what comes is
 * text for the serialiser, behind the route's own.
 */
import type { HeadView } from '#waf/head-view.ts';
import type { FieldEdit, Transaction } from '#waf/transaction.ts';
import { type AddedFields, noFields } from './header-edits.ts';
import { fieldKind } from './http1/field-kind.ts';

export function applyEdits(
  view: HeadView,
  edits: readonly FieldEdit[],
  added: AddedFields,
): AddedFields {
  if (edits.length === 0) return added;
  for (const { kind, name } of edits) if (kind !== 'add') remove(view, name);
  const ours = fieldsLeft(edits);
  if (ours.length === 0) return added;
  const lines = ours.map(({ name, value }) => `${name}: ${value}\r\n`).join('');
  const pairs = ours.map(({ name, value }) => [name, value] as const);
  if (added === noFields) return { lines, pairs };
  return { lines: added.lines + lines, pairs: [...added.pairs, ...pairs] };
}

/** What an answer of the edge's own says of itself. */
const ofOwnAnswer = new Set([
  ...['content-type', 'content-encoding', 'cache-control', 'retry-after', 'allow'],
]);

/** For an answer of the edge's own: a module that refuses a request may have fields to say with it. */
export function fieldLines(transaction: Transaction | null): string {
  if (transaction === null || transaction.responseEdits.length === 0) return '';
  return fieldsLeft(transaction.responseEdits)
    .filter(({ name }) => !ofOwnAnswer.has(name))
    .map(({ name, value }) => `${name}: ${value}\r\n`)
    .join('');
}

type Field = { readonly name: string; readonly value: string };

function fieldsLeft(edits: readonly FieldEdit[]): readonly Field[] {
  let fields: Field[] = [];
  for (const { kind, name, value } of edits) {
    if (kind !== 'add') fields = fields.filter((field) => field.name !== name);
    if (kind !== 'remove') fields.push({ name, value });
  }
  return fields;
}

function remove(view: HeadView, name: string): void {
  for (let i = 0; i < view.headerCount; i++) {
    if (
      view.headers[i * 4 + 1] === (view.headers[i * 4] as number) + name.length &&
      view.headerName(i).toLowerCase() === name
    )
      view.kinds[i] = fieldKind.removed;
  }
}
