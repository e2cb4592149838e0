import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { WeirError } from '../../src/core/errors.ts';
import { cidrContains, parseCidr, parseIp } from '../../src/core/ip.ts';
import { KernelLists } from '../../src/synproxy/kernel-lists.ts';
import type { KernelMap } from '../../src/synproxy/kernel-map.ts';
import { readU64, viewOf, writeAddress, writeU64 } from '../../src/synproxy/list-entry.ts';
import type { Flags } from '../../src/synproxy/list-switches.ts';
import type { ListItem } from '../../src/synproxy/list-tables.ts';
import type { MemoryKernelMap } from '../support/memory-kernel-map.ts';
import { memoryLayout, memoryMaps } from '../support/memory-shield.ts';
import { propertySettings } from '../support/property.ts';

const names = ['allow4', 'allow6', 'exact4', 'exact6', 'prefix4', 'prefix6'] as const;
type Maps = Record<(typeof names)[number], MemoryKernelMap>;
const actionNames = ['drop', 'monitor', 'allow'] as const;

const kernelAnswer = (maps: Maps, source: string): string => lookUp(maps, source).answer;

/** The program's order of lookups; counts the hit where the program does. */
function lookUp(maps: Maps, source: string): { answer: string; counted: number } {
  const ip = parseIp(source);
  assert.ok(ip !== null);
  const { family, words } = ip;
  const bits = family === 4 ? 32 : 128;
  const address = new Uint8Array(bits / 8);
  writeAddress(viewOf(address), 0, family, words);
  // An IPv4 address has four bytes behind it, which count for nothing (`struct prefix4`).
  const trieKey = new Uint8Array(4 + Math.max(8, address.length));
  viewOf(trieKey).setUint32(0, bits, true);
  trieKey.set(address, 4);
  const hit = (map: MemoryKernelMap, key: Uint8Array): string | null => {
    const value = map.inPlace(key);
    if (value === undefined) return null;
    const view = viewOf(value);
    writeU64(view, 0, readU64(view, 0) + 1);
    return actionNames[view.getUint32(16, true)] ?? 'unknown';
  };
  const allowed = hit(maps[`allow${family}`], trieKey);
  if (allowed !== null) return { answer: allowed, counted: 0 };
  const exact = hit(maps[`exact${family}`], address);
  if (exact === 'drop') return { answer: exact, counted: 1 };
  const prefix = hit(maps[`prefix${family}`], trieKey);
  const counted = (exact === null ? 0 : 1) + (prefix === null ? 0 : 1);
  return { answer: prefix === 'drop' ? prefix : (exact ?? prefix ?? 'none'), counted };
}

/** As people mean it: allowed beats all, dropped beats monitored. */
function plainAnswer(items: Iterable<ListItem>, source: string): string {
  const ip = parseIp(source);
  assert.ok(ip !== null);
  const holding = [...items].filter((item) => {
    const cidr = parseCidr(item.target);
    return cidr !== null && cidrContains(cidr, ip);
  });
  const order = ['allow', 'drop', 'monitor'] as const;
  return order.find((action) => holding.some((item) => item.action === action)) ?? 'none';
}

const lists = (maps: Maps, flags: Flags = { flag: () => {} }) =>
  new KernelLists(maps, memoryLayout, flags);
const key = (item: ListItem) => `${item.action === 'allow' ? '+' : '-'}${item.target}`;

// Few enough addresses that entries nest and meet.
const target = fc
  .tuple(fc.constantFrom('10.0.0.', '2001:db8::'), fc.nat(15), fc.constantFrom(0, 1, 2, 3, 4, 20))
  .map(([base, host, wider]) => {
    const cidr = parseCidr(`${base}${host}/${(base.includes(':') ? 128 : 32) - wider}`);
    assert.ok(cidr !== null);
    return cidr.text;
  });
const item = fc.record({ target, action: fc.constantFrom(...actionNames) });
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ add: fc.array(item, { maxLength: 6 }) }) },
  { weight: 3, arbitrary: fc.record({ remove: fc.array(target, { maxLength: 6 }) }) },
  { weight: 2, arbitrary: fc.record({ allowed: fc.array(target, { maxLength: 4 }) }) },
  { weight: 1, arbitrary: fc.record({ all: fc.array(item, { maxLength: 12 }) }) },
);
const sources = ['10.0.0.', '2001:db8::'].flatMap((base) =>
  Array.from({ length: 16 }, (_, host) => parseIp(`${base}${host}`)?.text ?? ''),
);

test('after any changes who is allowed comes in, who is dropped by any entry is, and hits add up', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
      const maps = memoryMaps(names);
      const kernel = lists(maps);
      const model = new Map<string, ListItem>();
      let removedHits = false;
      let counted = 0;
      for (const one of steps) {
        if ('add' in one) {
          kernel.apply(one.add);
          for (const added of one.add) model.set(key(added), added);
        } else if ('remove' in one) {
          kernel.apply([], one.remove);
          for (const text of one.remove) removedHits = model.delete(`-${text}`) || removedHits;
        } else if ('allowed' in one) {
          kernel.apply([], [], one.allowed);
          for (const text of one.allowed) model.delete(`+${text}`);
        } else {
          await kernel.replaceAll(one.all);
          model.clear();
          removedHits = true;
          for (const added of one.all) model.set(key(added), added);
        }
        for (const source of sources) {
          const { answer, counted: here } = lookUp(maps, source);
          assert.equal(answer, plainAnswer(model.values(), source), source);
          counted += here;
        }
        // A process that takes the maps over finds the same.
        assert.equal(lists(maps).counts.exact, kernel.counts.exact);
        const named = [...model.values()].filter(({ action }) => action !== 'allow');
        assert.equal(kernel.counts.exact + kernel.counts.prefixes, named.length);
      }
      if (removedHits) return;
      const all = await kernel.hits();
      const hits = [...all.values()].reduce((sum, { hits }) => sum + hits, 0);
      assert.equal(hits, counted);
      for (const one of model.values()) {
        if (one.action === 'allow') continue;
        assert.equal(kernel.hitsOf(one.target)?.hits ?? 0, all.get(one.target)?.hits ?? 0);
      }
    }),
    propertySettings(t, 150),
  );
});

test('a range inside a wider one of the same action is left out, keeps its hits, and comes back', async () => {
  const maps = memoryMaps(names);
  const kernel = lists(maps);
  kernel.apply([{ target: '10.0.0.0/24', action: 'drop' }]);
  kernelAnswer(maps, '10.0.0.9');
  kernel.apply([{ target: '10.0.0.0/8', action: 'drop' }]);
  assert.equal(kernel.counts.prefixes, 2);
  assert.equal(maps.prefix4.size, 1);
  kernelAnswer(maps, '10.0.0.9');
  kernelAnswer(maps, '10.0.0.9');
  const hits = await kernel.hits();
  assert.equal(hits.get('10.0.0.0/24')?.hits, 1);
  assert.equal(hits.get('10.0.0.0/8')?.hits, 2);
  kernel.apply([], ['10.0.0.0/8']);
  kernelAnswer(maps, '10.0.0.9');
  assert.equal((await kernel.hits()).get('10.0.0.0/24')?.hits, 2);
});

test('a list is looked into while it has entries, and from before the first one is in', async () => {
  const maps = memoryMaps(names);
  const on = new Set<string>();
  const seen: string[] = [];
  const kernel = lists(maps, {
    flag: (name, isOn) => {
      if (isOn) assert.equal(maps.exact4.size + maps.prefix6.size + maps.allow4.size, 0);
      if (isOn) on.add(name);
      else on.delete(name);
      seen.push(name);
    },
  });
  kernel.apply([{ target: '10.0.0.1', action: 'drop' }]);
  assert.deepEqual([...on], ['exact']);
  kernel.apply([], ['10.0.0.1']);
  assert.deepEqual([...on], []);
  const written = seen.length;
  kernel.apply([], ['10.0.0.9']);
  assert.equal(seen.length, written, 'what has not changed is not written');
  await kernel.replaceAll([
    { target: '2001:db8::/32', action: 'drop' },
    { target: '10.0.0.0/8', action: 'allow' },
  ]);
  assert.deepEqual([...on].toSorted(), ['allow', 'prefix']);
});

test('another action for an entry keeps its hits', async () => {
  const maps = memoryMaps(names);
  const kernel = lists(maps);
  for (const text of ['192.0.2.1', '2001:db8::/32']) {
    kernel.apply([{ target: text, action: 'drop' }]);
    const source = text === '192.0.2.1' ? text : '2001:db8::5';
    kernelAnswer(maps, source);
    kernel.apply([{ target: text, action: 'monitor' }]);
    assert.equal(kernelAnswer(maps, source), 'monitor');
    assert.equal((await kernel.hits()).get(text)?.hits, 2);
  }
});

test('a new list in whole keeps the hits of what is on both', async () => {
  const maps = memoryMaps(names);
  const kernel = lists(maps);
  const both: ListItem = { target: '192.0.2.1', action: 'drop' };
  await kernel.replaceAll([both, { target: '192.0.2.2', action: 'drop' }]);
  kernelAnswer(maps, '192.0.2.1');
  await lists(maps).replaceAll([{ target: '192.0.2.3', action: 'drop' }, both]);
  assert.equal((await kernel.hits()).get('192.0.2.1')?.hits, 1);
  assert.equal(kernelAnswer(maps, '192.0.2.2'), 'none');
  assert.equal(kernelAnswer(maps, '192.0.2.3'), 'drop');
});

const fullCases = [
  {
    name: 'exact4',
    base: (n: number) => `10.0.0.${n}`,
    says: /single IPv4 addresses holds 3 of 3/,
  },
  { name: 'exact6', base: (n: number) => `2001:db8::${n}`, says: /single IPv6 addresses/ },
  { name: 'prefix4', base: (n: number) => `10.${n}.0.0/16`, says: /IPv4 ranges holds 3 of 3/ },
  { name: 'prefix6', base: (n: number) => `2001:${n}::/32`, says: /IPv6 ranges/ },
] as const;
for (const { name, base, says } of fullCases) {
  test(`${name} full is an error that says so, and nothing is lost or half done`, async () => {
    const maps = memoryMaps(names, { [name]: 3 });
    const kernel = lists(maps);
    const three = [1, 2, 3].map((n): ListItem => ({ target: base(n), action: 'drop' }));
    kernel.apply(three);
    const isFull = (error: unknown) =>
      error instanceof WeirError && error.code === 'KERNEL_MAP_FULL' && says.test(error.message);
    const other: ListItem = { target: '198.51.100.1', action: 'allow' };
    const fourth: ListItem = { target: base(4), action: 'drop' };
    assert.throws(() => kernel.apply([other, fourth]), isFull);
    assert.equal(kernel.counts.allowed, 0);
    await assert.rejects(kernel.replaceAll([...three, fourth]), isFull);
    assert.equal(kernel.counts.exact + kernel.counts.prefixes, 3);
    // Others in their place, one of them or all, have room.
    kernel.apply([fourth], [base(1)]);
    await kernel.replaceAll([5, 6, 7].map((n) => ({ target: base(n), action: 'drop' })));
    assert.equal(maps[name].size, 3);
  });
}

test('what stands inside a wide range has room when the wide one goes', () => {
  const maps = memoryMaps(names, { prefix4: 3 });
  const kernel = lists(maps);
  const inner = ['10.1.0.0/16', '10.2.0.0/16'];
  kernel.apply(['10.0.0.0/8', ...inner].map((text) => ({ target: text, action: 'drop' })));
  assert.equal(maps.prefix4.size, 1);
  assert.throws(() => kernel.apply([{ target: '11.0.0.0/8', action: 'drop' }]), /no room/);
  kernel.apply([], ['10.0.0.0/8']);
  assert.equal(maps.prefix4.size, 2);
});

test('a change that failed in the kernel is made up for by the next one', () => {
  const maps = memoryMaps(names);
  const kernel = lists(maps);
  maps.prefix4.failNext = new WeirError('KERNEL_CALL_FAILED', 'ENOMEM');
  assert.throws(() => kernel.apply([{ target: '10.0.0.0/8', action: 'drop' }]), /ENOMEM/);
  assert.equal(kernelAnswer(maps, '10.0.0.1'), 'none');
  kernel.apply([{ target: '11.0.0.0/8', action: 'drop' }]);
  assert.equal(kernelAnswer(maps, '10.0.0.1'), 'drop');
});

test('what is said while a list is replaced holds', async () => {
  const maps = memoryMaps(names);
  const kernel = lists(maps);
  const many = Array.from({ length: 30_000 }, (_, n): ListItem => {
    const text = `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`;
    return { target: text, action: 'drop' };
  });
  kernel.apply([{ target: '203.0.113.1', action: 'drop' }]);
  let isDone = false;
  const done = kernel.replaceAll(many).then(() => {
    isDone = true;
  });
  let turn = 0;
  for (; !isDone; turn++) {
    kernel.apply([{ target: `192.0.2.${turn}`, action: 'drop' }], [`10.0.${turn}.7`]);
    await new Promise(setImmediate);
  }
  await done;
  assert.ok(turn > 5 && turn < 117, `${turn} slices`);
  assert.equal(kernelAnswer(maps, '203.0.113.1'), 'none');
  assert.equal(kernelAnswer(maps, `192.0.2.${turn - 1}`), 'drop');
  assert.equal(kernelAnswer(maps, '192.0.2.0'), 'drop');
  assert.equal(kernelAnswer(maps, `10.0.${turn - 1}.7`), 'none');
  assert.equal(kernelAnswer(maps, '10.0.0.7'), 'none');
});

test('a million single addresses go in in batches, with the event loop free in between', async () => {
  const maps = memoryMaps(names);
  const kernel = lists(maps);
  const items = Array.from({ length: 1_000_000 }, (_, n): ListItem => {
    return { target: `${1 + (n >> 16)}.${(n >> 8) & 255}.${n & 255}.7`, action: 'drop' };
  });
  let turns = 0;
  let isDone = false;
  const turn = () => {
    turns++;
    if (!isDone) setImmediate(turn);
  };
  turn();
  await kernel.replaceAll(items);
  isDone = true;
  assert.equal(maps.exact4.size, 1_000_000);
  assert.ok(maps.exact4.calls < 1_000, `${maps.exact4.calls} calls: in batches`);
  assert.ok(turns > 400, `${turns} turns`);
});

test('keys are in network order, prefix lengths in host order', () => {
  const maps = memoryMaps(names);
  lists(maps).apply([
    { target: '10.1.2.3', action: 'drop' },
    { target: '2001:db8::/32', action: 'monitor' },
  ]);
  const first = (map: KernelMap) => [...[...map.entries()].flatMap(({ key: bytes }) => [...bytes])];
  assert.deepEqual(first(maps.exact4), [10, 1, 2, 3]);
  assert.deepEqual(first(maps.prefix6).slice(0, 8), [32, 0, 0, 0, 0x20, 0x01, 0x0d, 0xb8]);
});
