/**
 * Rules → bits: what the kernel program looks up to know which of up to 256 rules match a packet.
 *
 * Bit n stands for rule n. Each of the four things a rule can name has a table, and an entry of a table says
 * which rules it would let through; the rules that match are the AND of four entries, and the lowest bit of
 * that decides. So 256 rules cost what one costs.
 *
 * ```
 * source 10.1.2.3 ─► 10.1.0.0/16 ─► 0b0111 ┐
 * destination     ─► /0          ─► 0b1101 ├─ & ─► 0b0101 ─► rule 0
 * port 443        ─►             ─► 0b1111 │
 * protocol tcp    ─►             ─► 0b0111 ┘
 * ```
 *
 * A trie answers with the longest prefix only, so the bits of every wider one are ORed into each entry, and /0
 * is always there. Packets without ports are looked up as port 0, which no rule can name.
 */
import { assert } from '#core/assert.ts';
import { type Cidr, cidrContains, type IpFamily, parseCidr } from '#core/ip.ts';
import { type L4Rule, l4RulesMax } from '#core/l4-rule.ts';

/** Words of 32 bits: in memory the four 64-bit words of `struct rule_bits`, the lowest first. */
export const bitWords = l4RulesMax / 32;

export type RuleBits = Uint32Array;
export type PrefixBits = { readonly cidr: Cidr; readonly bits: RuleBits };
/** Ports from `first` up to the next run. */
export type PortRun = { readonly first: number; readonly bits: RuleBits };

export type CompiledRules = {
  readonly source: Readonly<Record<IpFamily, readonly PrefixBits[]>>;
  readonly destination: Readonly<Record<IpFamily, readonly PrefixBits[]>>;
  readonly ports: readonly PortRun[];
  readonly protocols: readonly RuleBits[];
};

export function compileRules(rules: readonly L4Rule[]): CompiledRules {
  assert(rules.length <= l4RulesMax, 'at most 256 rules');
  const sources = rules.map(({ source }) => cidrOrNull(source));
  const destinations = rules.map(({ destination }) => cidrOrNull(destination));
  return {
    source: { 4: prefixBits(4, sources), 6: prefixBits(6, sources) },
    destination: { 4: prefixBits(4, destinations), 6: prefixBits(6, destinations) },
    ports: portRuns(rules),
    protocols: Array.from({ length: 256 }, (_, protocol) =>
      bitsOf(rules, (rule) => rule.protocol === null || rule.protocol === protocol),
    ),
  };
}

function prefixBits(family: IpFamily, ranges: readonly (Cidr | null)[]): PrefixBits[] {
  const all = cidrOrNull(family === 4 ? '0.0.0.0/0' : '::/0');
  const named = new Map<string, Cidr>();
  for (const cidr of [all, ...ranges])
    if (cidr !== null && cidr.family === family) named.set(cidr.text, cidr);
  return [...named.values()].map((cidr) => ({
    cidr,
    bits: bitsOf(ranges, (range) => range === null || covers(range, cidr)),
  }));
}

function covers(wide: Cidr, narrow: Cidr): boolean {
  return (
    wide.prefix <= narrow.prefix &&
    cidrContains(wide, { family: narrow.family, words: narrow.words, text: narrow.text })
  );
}

function portRuns(rules: readonly L4Rule[]): PortRun[] {
  const edges = new Set([0, 1]);
  for (const { port } of rules) {
    if (port === null) continue;
    edges.add(port.first);
    if (port.last < 65_535) edges.add(port.last + 1);
  }
  return [...edges]
    .sort((one, other) => one - other)
    .map((first) => ({
      first,
      bits: bitsOf(
        rules,
        ({ port }) => port === null || (port.first <= first && first <= port.last),
      ),
    }));
}

function bitsOf<T>(items: readonly T[], isSet: (item: T) => boolean): RuleBits {
  const bits = new Uint32Array(bitWords);
  items.forEach((item, index) => {
    if (isSet(item)) bits[index >>> 5] = (bits[index >>> 5] as number) | (1 << (index & 31));
  });
  return bits;
}

function cidrOrNull(text: string | null): Cidr | null {
  if (text === null) return null;
  const cidr = parseCidr(text);
  assert(cidr !== null, `"${text}" was checked with its rule`);
  return cidr;
}
