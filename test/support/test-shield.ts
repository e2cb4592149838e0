/** The packet program with small maps, and words to set it up and to read its counters. */
import { parseCidr } from '#core/ip.ts';
import {
  closeShield,
  type LoadedShield,
  loadShield,
  readShieldObject,
  type ShieldSizes,
} from '#synproxy/shield-object.ts';
import { addressBytes, type FrameTerms, frameOf } from './frames.ts';
import { type TestRun, testRun } from './test-run.ts';

const small = {
  exact4: 1_000,
  exact6: 1_000,
  rate4: 1_000,
  rate6: 1_000,
  flows4: 1_000,
  flows6: 1_000,
};

export class TestShield implements Disposable {
  readonly shield: LoadedShield;

  constructor(sizes: ShieldSizes = {}) {
    this.shield = loadShield({ object: readShieldObject(), sizes: { ...small, ...sizes } });
  }

  [Symbol.dispose](): void {
    closeShield(this.shield);
  }

  run(terms: FrameTerms | Buffer): TestRun {
    return testRun(this.shield.program, Buffer.isBuffer(terms) ? terms : frameOf(terms));
  }

  /** The verdict of one more packet, by what was counted, marks with `+` behind it. */
  verdict(terms: FrameTerms | Buffer): { action: string; verdict: string } {
    const before = this.counts();
    const { action } = this.run(terms);
    const after = this.counts();
    const changed = [...after].filter(([name, count]) => count !== (before.get(name) ?? 0));
    return { action, verdict: changed.map(([name]) => name).join('+') };
  }

  counts(): Map<string, number> {
    const { maps, layout } = this.shield;
    const names = [...layout.enumeration('verdict')];
    const classes = layout.enumeration('protocol_class').size;
    const { bytes } = layout.struct('counter');
    const counts = new Map<string, number>();
    const value = Buffer.alloc(bytes * maps.stats.valuesPerEntry);
    const key = Buffer.alloc(4);
    for (const [name, verdict] of names) {
      let sum = 0;
      for (let one = 0; one < classes; one++) {
        key.writeUInt32LE(verdict * classes + one);
        maps.stats.lookup(key, value);
        for (let at = 0; at < value.length; at += bytes) sum += Number(value.readBigUInt64LE(at));
      }
      counts.set(name, sum);
    }
    return counts;
  }

  list(target: string, action: 'drop' | 'monitor' | 'allow'): void {
    const { maps, layout } = this.shield;
    const cidr = parseCidr(target);
    if (cidr === null) throw new Error(`${target} is no range`);
    const address = addressBytes(target.split('/')[0] ?? '');
    const entry = layout.struct('list_entry');
    const value = Buffer.alloc(entry.bytes);
    value.writeUInt32LE(
      layout.enumeration('list_action').get(action) ?? 0,
      entry.field('action').offset,
    );
    const is4 = cidr.family === 4;
    if (action !== 'allow' && cidr.prefix === (is4 ? 32 : 128)) {
      (is4 ? maps.exact4 : maps.exact6).update(address, value);
      return;
    }
    const trie =
      action === 'allow' ? (is4 ? maps.allow4 : maps.allow6) : is4 ? maps.prefix4 : maps.prefix6;
    const key = Buffer.alloc(trie.keyBytes);
    key.writeUInt32LE(cidr.prefix);
    key.set(address, 4);
    trie.update(key, value);
  }

  protect(...ports: readonly number[]): void {
    const { maps } = this.shield;
    const key = Buffer.alloc(4);
    const word = Buffer.alloc(8);
    for (const port of ports) {
      key.writeUInt32LE(port >> 6);
      maps.ports.lookup(key, word);
      word.writeBigUInt64LE(word.readBigUInt64LE() | (1n << BigInt(port & 63)));
      maps.ports.update(key, word);
    }
  }

  flags(...names: readonly string[]): void {
    const known = this.shield.layout.enumeration('shield_flag');
    this.shield.config.change({
      flags: names.reduce((bits, name) => {
        const bit = known.get(name);
        if (bit === undefined) throw new Error(`there is no flag ${name}`);
        return bits | bit;
      }, 0),
    });
  }

  /** One rule, number `rule` of a generation: source prefix and destination port, any of the rest. */
  rule(
    rule: number,
    terms: {
      src: string;
      dport?: number;
      action: 'pass' | 'drop' | 'inspect';
      generation?: number;
    },
  ): void {
    const { maps, layout } = this.shield;
    const generation = terms.generation ?? 0;
    const bits = Buffer.alloc(layout.struct('rule_bits').bytes);
    bits[rule >> 3] = 1 << (rule & 7);
    const cidr = parseCidr(terms.src);
    if (cidr === null) throw new Error(`${terms.src} is no range`);
    const address = addressBytes(terms.src.split('/')[0] ?? '');
    const keyOf = (prefix: number, bytes: Uint8Array): Buffer => {
      const key = Buffer.concat([Buffer.alloc(8), bytes]);
      key.writeUInt32LE(32 + prefix, 0);
      key.writeUInt32LE(generation, 4);
      return key;
    };
    const is4 = cidr.family === 4;
    const merge = (map: typeof maps.rule_port, key: Buffer): void => {
      const value = Buffer.alloc(bits.length);
      map.lookup(key, value);
      for (let i = 0; i < bits.length; i++) value[i] = (value[i] ?? 0) | (bits[i] ?? 0);
      map.update(key, value);
    };
    merge(is4 ? maps.rule_src4 : maps.rule_src6, keyOf(cidr.prefix, address));
    merge(is4 ? maps.rule_dst4 : maps.rule_dst6, keyOf(0, Buffer.alloc(address.length)));
    const index = Buffer.alloc(4);
    const ports =
      terms.dport === undefined ? Array.from({ length: 65_536 }, (_, port) => port) : [terms.dport];
    for (const port of ports) {
      index.writeUInt32LE(generation * 65_536 + port);
      merge(maps.rule_port, index);
    }
    for (let protocol = 0; protocol < 256; protocol++) {
      index.writeUInt32LE(generation * 256 + protocol);
      merge(maps.rule_proto, index);
    }
    const action = Buffer.alloc(4);
    action.writeUInt32LE(layout.enumeration('rule_action').get(terms.action) ?? 0);
    index.writeUInt32LE(generation * 256 + rule);
    maps.rule_action.update(index, action);
  }
}
