/** An order, from the form or from JSON: fields nobody has looked at yet, and what is wrong with them. */
import { randomUUID } from 'node:crypto';
import { findProduct, type Product } from '#demo/catalogue.ts';

export type Order = {
  readonly id: string;
  readonly product: Product;
  readonly quantity: number;
  readonly totalCents: number;
  readonly name: string;
  readonly note: string;
};

export type ParsedOrder =
  | { readonly ok: true; readonly order: Order }
  | { readonly ok: false; readonly problems: readonly string[] };

export const nameCharactersMax = 200;
export const noteCharactersMax = 2_000;
export const quantityMax = 99;

export function parseOrder(fields: Readonly<Record<string, unknown>>): ParsedOrder {
  const problems: string[] = [];
  const product = findProduct(String(fields['product'] ?? ''));
  if (product === null) problems.push('There is no such product.');
  const quantity = Number(fields['quantity'] ?? 1);
  if (!Number.isInteger(quantity) || quantity < 1 || quantity > quantityMax) {
    problems.push(`The quantity is a whole number from 1 to ${quantityMax}.`);
  }
  const name = text(fields['name']);
  if (name === '' || name.length > nameCharactersMax)
    problems.push(`A name has 1 to ${nameCharactersMax} characters.`);
  const note = text(fields['note']);
  if (note.length > noteCharactersMax)
    problems.push(`A note has at most ${noteCharactersMax} characters.`);
  if (product === null || problems.length > 0) return { ok: false, problems };
  const totalCents = product.priceCents * quantity;
  return { ok: true, order: { id: randomUUID(), product, quantity, totalCents, name, note } };
}

function text(value: unknown): string {
  return typeof value === 'string' ? value.trim() : '';
}
