/** What the demo shop sells. Fixed, so that pages and tests can name it. */

export type Product = {
  readonly id: string;
  readonly name: string;
  readonly symbol: string;
  readonly priceCents: number;
  readonly description: string;
};

export const products: readonly Product[] = [
  {
    id: 'kettle',
    name: 'Copper kettle',
    symbol: '🫖',
    priceCents: 5_900,
    description: 'Sings in F sharp. Holds 1.2 litres.',
  },
  {
    id: 'lantern',
    name: 'Storm lantern',
    symbol: '🏮',
    priceCents: 3_450,
    description: 'Burns for nine hours, in any wind.',
  },
  {
    id: 'compass',
    name: 'Brass compass',
    symbol: '🧭',
    priceCents: 4_200,
    description: 'Points north, most of the time.',
  },
  {
    id: 'rope',
    name: 'Hemp rope',
    symbol: '🪢',
    priceCents: 1_850,
    description: 'Twenty metres, already untangled.',
  },
  {
    id: 'notebook',
    name: 'Field notebook',
    symbol: '📓',
    priceCents: 990,
    description: 'Paper that does not mind the rain.',
  },
  {
    id: 'basket',
    name: 'Willow basket',
    symbol: '🧺',
    priceCents: 2_700,
    description: 'For mushrooms, apples or a small cat.',
  },
];

export function findProduct(id: string): Product | null {
  return products.find((product) => product.id === id) ?? null;
}

export function searchProducts(query: string): readonly Product[] {
  const words = query
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== '');
  return products.filter(({ name, description }) => {
    const text = `${name} ${description}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
}

export function formatPrice(cents: number): string {
  return `€ ${(cents / 100).toFixed(2)}`;
}
