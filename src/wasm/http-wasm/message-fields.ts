/**
 * The fields of a message as a guest sees them: those that came, with every change made to them so far
 * by itself and by the modules before it.
 *
 * Looked up anew each time: a guest asks for a few fields, and the changes are few.
 */
import type { HeadView } from '#waf/head-view.ts';
import type { FieldEdit } from '#waf/transaction.ts';

/** Fields in the order they came. */
type FieldSource = Pick<HeadView, 'headerCount' | 'headerName' | 'headerValue'>;

/** Of names and values in turn. */
export const fieldsOfPairs = (pairs: readonly string[]): FieldSource => ({
  headerCount: pairs.length >> 1,
  headerName: (index) => pairs[index * 2] ?? '',
  headerValue: (index) => pairs[index * 2 + 1] ?? '',
});

export class MessageFields {
  readonly #view: FieldSource | null;
  readonly #edits: readonly (readonly FieldEdit[])[];

  /** `view` is null for a message that the guest itself begins; the edits apply in their order. */
  constructor(view: FieldSource | null, ...edits: readonly (readonly FieldEdit[])[]) {
    this.#view = view;
    this.#edits = edits;
  }

  /** In lower case, each once, in the order of their first appearance. */
  names(): readonly string[] {
    const names = new Set<string>();
    const view = this.#view;
    for (let i = 0; i < (view?.headerCount ?? 0); i++)
      names.add((view?.headerName(i) ?? '').toLowerCase());
    for (const edits of this.#edits) {
      for (const { kind, name } of edits) {
        if (kind === 'remove') names.delete(name);
        else names.add(name);
      }
    }
    return [...names];
  }

  /** `name` is in lower case. */
  values(name: string): readonly string[] {
    let values: string[] = [];
    const view = this.#view;
    for (let i = 0; i < (view?.headerCount ?? 0); i++) {
      if (view?.headerName(i).toLowerCase() === name) values.push(view.headerValue(i));
    }
    for (const edits of this.#edits) {
      for (const edit of edits) {
        if (edit.name !== name) continue;
        if (edit.kind === 'add') values.push(edit.value);
        else values = edit.kind === 'set' ? [edit.value] : [];
      }
    }
    return values;
  }

  /** Every field, names in lower case. */
  all(): readonly (readonly [name: string, value: string])[] {
    return this.names().flatMap((name) => this.values(name).map((value) => [name, value] as const));
  }
}
