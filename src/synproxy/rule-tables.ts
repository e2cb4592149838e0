/**
 * The rules in the kernel's tables, changed all at once.
 *
 * A set of rules fills nine maps, and no call writes nine maps in one; so every map has room for two
 * generations. The idle one is written, then one word of the configuration says that it counts:
 *
 * ```
 * generation 0: live  │ 1: write it all │ flip │ 1: live   0: idle, its last hits are taken over
 * ```
 *
 * A packet under way when the word changes is judged by the old rules to its end. When writing fails, the old
 * rules stay live. Hits belong to a rule's id and live on through any number of changes: the idle generation
 * begins with them, so that they are still there for another process that takes up the tables.
 */
import { assert } from '#core/assert.ts';
import type { IpFamily } from '#core/ip.ts';
import { type L4Rule, type L4RuleAction, l4RulesMax } from '#core/l4-rule.ts';
import type { KernelMap, MapName, ShieldLayout } from './kernel-map.ts';
import { readU64, viewOf, writeAddress, writeU64 } from './list-entry.ts';
import { bitWords, compileRules, type PrefixBits, type RuleBits } from './rule-bits.ts';

export type RuleMaps = Readonly<Record<Extract<MapName, `rule_${string}`>, KernelMap>>;

/** The word that says which generation counts, and the flag that says whether rules do. */
export interface RuleSwitch {
  generation(): number;
  /** In one write. */
  flip(generation: number, hasRules: boolean): void;
}

export type RuleHits = { readonly packets: number; readonly bytes: number };

const bitsBytes = bitWords * 4;
const portsAll = 65_536;
const protocolsAll = 256;

export class RuleTables {
  readonly #maps: RuleMaps;
  readonly #switch: RuleSwitch;
  readonly #actions: ReadonlyMap<string, number>;
  readonly #packetsAt: number;
  readonly #bytesAt: number;
  readonly #counterStride: number;
  /** Ids of the live generation, by rule number. */
  #live: readonly number[];
  /** Hits from generations before the live one. */
  #carried = new Map<number, RuleHits>();

  /** `live`: ids of the rules that are in the tables, where another process wrote them. */
  constructor(
    maps: RuleMaps,
    layout: ShieldLayout,
    ruleSwitch: RuleSwitch,
    live: readonly number[] = [],
  ) {
    this.#live = live;
    this.#maps = maps;
    this.#switch = ruleSwitch;
    this.#actions = layout.enumeration('rule_action');
    const counter = layout.struct('counter');
    this.#packetsAt = counter.field('packets').offset;
    this.#bytesAt = counter.field('bytes').offset;
    this.#counterStride = Math.ceil(counter.bytes / 8) * 8;
    assert(layout.struct('rule_bits').bytes === bitsBytes, 'rule_bits is 256 bits');
  }

  /** These rules, in this order, from the next packet on. */
  replace(rules: readonly L4Rule[]): void {
    const idle = this.#switch.generation() === 0 ? 1 : 0;
    const compiled = compileRules(rules);
    for (const side of ['source', 'destination'] as const) {
      for (const family of [4, 6] as const)
        this.#writeTrie(trieName(side, family), idle, family, compiled[side][family]);
    }
    this.#writePorts(idle, compiled.ports);
    this.#writeArray(this.#maps.rule_proto, idle * protocolsAll, compiled.protocols);
    this.#writeActions(idle, rules);
    const before = this.hits();
    this.#writeHits(idle, rules, before);
    this.#switch.flip(idle, rules.length > 0);
    // Only now nothing counts there any more; what came after it was read is not in the new generation.
    const end = this.hits(1 - idle);
    this.#live = rules.map(({ id }) => id);
    this.#carried = new Map(
      this.#live.flatMap((id) => {
        const late = subtract(end.get(id), before.get(id));
        return late.packets > 0 ? [[id, late] as const] : [];
      }),
    );
  }

  /** By id, of every live rule. */
  hits(generation = this.#switch.generation()): Map<number, RuleHits> {
    const live = this.#count(generation, this.#live);
    return new Map(this.#live.map((id) => [id, add(this.#carried.get(id), live.get(id))] as const));
  }

  /** The rule an event or a packet names by number. */
  idOf(rule: number): number | null {
    return this.#live[rule] ?? null;
  }

  #writeTrie(
    name: `rule_${'src' | 'dst'}${IpFamily}`,
    generation: number,
    family: IpFamily,
    entries: readonly PrefixBits[],
  ): void {
    const map = this.#maps[name];
    const old: Uint8Array[] = [];
    // Copied step by step: a key is good only until the next.
    for (const { key } of map.entries())
      if (viewOf(key).getUint32(4, true) === generation) old.push(Uint8Array.from(key));
    if (old.length > 0) {
      const keys = room(old.length * map.keyBytes);
      old.forEach((key, index) => {
        keys.set(key, index * map.keyBytes);
      });
      map.deleteBatch(keys, old.length);
    }
    const keys = room(entries.length * map.keyBytes);
    const values = room(entries.length * bitsBytes);
    entries.forEach(({ cidr, bits }, index) => {
      const at = index * map.keyBytes;
      const view = viewOf(keys);
      view.setUint32(at, 32 + cidr.prefix, true);
      view.setUint32(at + 4, generation, true);
      writeAddress(view, at + 8, family, cidr.words);
      writeBits(values, index, bits);
    });
    map.updateBatch(keys, values, entries.length);
  }

  #writePorts(generation: number, runs: readonly { first: number; bits: RuleBits }[]): void {
    const values = room(portsAll * bitsBytes);
    runs.forEach(({ first, bits }, index) => {
      const end = runs[index + 1]?.first ?? portsAll;
      writeBits(values, first, bits);
      for (let port = first + 1; port < end; port++)
        values.copyWithin(port * bitsBytes, first * bitsBytes, (first + 1) * bitsBytes);
    });
    this.#maps.rule_port.updateBatch(indexes(generation * portsAll, portsAll), values, portsAll);
  }

  #writeArray(map: KernelMap, from: number, entries: readonly RuleBits[]): void {
    const values = room(entries.length * bitsBytes);
    entries.forEach((bits, index) => {
      writeBits(values, index, bits);
    });
    map.updateBatch(indexes(from, entries.length), values, entries.length);
  }

  #writeActions(generation: number, rules: readonly L4Rule[]): void {
    const values = room(l4RulesMax * 4);
    const view = viewOf(values);
    for (let index = 0; index < l4RulesMax; index++)
      view.setUint32(index * 4, this.#action(rules[index]?.action ?? 'pass'), true);
    const keys = indexes(generation * l4RulesMax, l4RulesMax);
    this.#maps.rule_action.updateBatch(keys, values, l4RulesMax);
  }

  #action(name: L4RuleAction): number {
    const value = this.#actions.get(name);
    assert(value !== undefined, `enum rule_action has ${name}`);
    return value;
  }

  /** On the first CPU; the kernel adds to each CPU's own. */
  #writeHits(
    generation: number,
    rules: readonly L4Rule[],
    hits: ReadonlyMap<number, RuleHits>,
  ): void {
    const map = this.#maps.rule_hits;
    const keys = indexes(generation * l4RulesMax, l4RulesMax);
    const entryBytes = this.#counterStride * map.valuesPerEntry;
    const values = room(l4RulesMax * entryBytes);
    rules.forEach(({ id }, index) => {
      const sum = add(hits.get(id), undefined);
      writeU64(viewOf(values), index * entryBytes + this.#packetsAt, sum.packets);
      writeU64(viewOf(values), index * entryBytes + this.#bytesAt, sum.bytes);
    });
    map.updateBatch(keys, values, l4RulesMax);
  }

  #count(generation: number, ids: readonly number[]): Map<number, RuleHits> {
    const map = this.#maps.rule_hits;
    const key = room(4);
    const value = room(this.#counterStride * map.valuesPerEntry);
    const found = new Map<number, RuleHits>();
    ids.forEach((id, index) => {
      viewOf(key).setUint32(0, generation * l4RulesMax + index, true);
      if (!map.lookup(key, value)) return;
      let packets = 0;
      let bytes = 0;
      for (let cpu = 0; cpu < map.valuesPerEntry; cpu++) {
        packets += readU64(viewOf(value), cpu * this.#counterStride + this.#packetsAt);
        bytes += readU64(viewOf(value), cpu * this.#counterStride + this.#bytesAt);
      }
      found.set(id, { packets, bytes });
    });
    return found;
  }
}

function trieName(
  side: 'source' | 'destination',
  family: IpFamily,
): `rule_${'src' | 'dst'}${IpFamily}` {
  return side === 'source' ? `rule_src${family}` : `rule_dst${family}`;
}

function add(one: RuleHits | undefined, other: RuleHits | undefined): RuleHits {
  return {
    packets: (one?.packets ?? 0) + (other?.packets ?? 0),
    bytes: (one?.bytes ?? 0) + (other?.bytes ?? 0),
  };
}

function subtract(one: RuleHits | undefined, other: RuleHits | undefined): RuleHits {
  return {
    packets: (one?.packets ?? 0) - (other?.packets ?? 0),
    bytes: (one?.bytes ?? 0) - (other?.bytes ?? 0),
  };
}

/** Small arrays of V8 move; the kernel is given addresses. */
function room(bytes: number): Uint8Array {
  return new Uint8Array(new ArrayBuffer(Math.max(128, bytes)), 0, bytes);
}

function indexes(from: number, count: number): Uint8Array {
  const keys = room(count * 4);
  const view = viewOf(keys);
  for (let index = 0; index < count; index++) view.setUint32(index * 4, from + index, true);
  return keys;
}

function writeBits(values: Uint8Array, index: number, bits: RuleBits): void {
  const view = viewOf(values);
  bits.forEach((word, at) => {
    view.setUint32(index * bitsBytes + at * 4, word, true);
  });
}
