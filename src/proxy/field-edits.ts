/**
 * Modules' changes to a message's fields, carried out on its view: what goes is marked, what comes is
 * text for the serialiser, behind the route's own.
 */
import type { HeadView } from '#waf/head-view.ts';
import type { FieldEdit } from '#waf/transaction.ts';
import { type AddedFields, noFields } from './header-edits.ts';
import { fieldKind } from './http1/field-kind.ts';

export function applyEdits(
  view: HeadView,
  edits: readonly FieldEdit[],
  added: AddedFields,
): AddedFields {
  if (edits.length === 0) return added;
  let ours: { name: string; value: string }[] = [];
  for (const { kind, name, value } of edits) {
    if (kind !== 'add') {
      remove(view, name);
      ours = ours.filter((field) => field.name !== name);
    }
    if (kind !== 'remove') ours.push({ name, value });
  }
  if (ours.length === 0) return added;
  const lines = ours.map(({ name, value }) => `${name}: ${value}\r\n`).join('');
  const pairs = ours.map(({ name, value }) => [name, value] as const);
  if (added === noFields) return { lines, pairs };
  return { lines: added.lines + lines, pairs: [...added.pairs, ...pairs] };
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
