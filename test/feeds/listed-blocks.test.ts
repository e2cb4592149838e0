/** Lists beside each other, and on disk. */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { openLists, writeListFile } from '#feeds/list-file.ts';
import { type ListAction, ListedBlocks, type ListTerm } from '#feeds/listed-blocks.ts';
import { propertySettings } from '../support/property.ts';

const term = (action: ListAction, expiresAtMs: number | null = null): ListTerm => ({
  ...{ action, reason: 'test', atMs: 1, expiresAtMs },
});
const list = (targets: readonly string[], as = term('drop')) =>
  new Map(targets.map((target) => [target, as]));
const facts = { loadedAtMs: 5, etag: '"a"', lastModified: null, contentSha256: null, terms: 't' };

describe('lists', () => {
  it('change by difference, and what is said again is not enforced again', () => {
    const lists = new ListedBlocks();
    assert.deepEqual(lists.replace('feed:a', list(['1.1.1.1', '1.1.1.2'])), {
      added: ['1.1.1.1', '1.1.1.2'],
      removed: [],
    });
    assert.deepEqual(
      lists.replace('feed:a', list(['1.1.1.2', '1.1.1.3'], { ...term('drop'), atMs: 9 })),
      {
        added: ['1.1.1.3'],
        removed: ['1.1.1.1'],
      },
    );
    assert.equal(lists.find('1.1.1.2')?.atMs, 1, 'since when it is on the list stays');
    assert.deepEqual(lists.replace('feed:a', list(['1.1.1.2', '1.1.1.3'], term('monitor'))).added, [
      '1.1.1.2',
      '1.1.1.3',
    ]);
  });

  it('say of a target the strongest that any of them says', () => {
    const lists = new ListedBlocks();
    lists.replace('feed:a', list(['1.1.1.1'], term('monitor')));
    lists.replace('feed:b', list(['1.1.1.1'], term('challenge')));
    assert.equal(lists.find('1.1.1.1')?.origin, 'feed:b');
    lists.replace('feed:c', list(['1.1.1.1'], term('drop', 50)));
    lists.replace('feed:d', list(['1.1.1.1'], term('drop', 90)));
    assert.equal(lists.find('1.1.1.1')?.origin, 'feed:d');
    assert.equal(lists.count, 1);
    lists.replace('feed:d', new Map());
    assert.equal(lists.find('1.1.1.1')?.origin, 'feed:c');
    assert.deepEqual(lists.expire(50), ['1.1.1.1']);
    assert.equal(lists.find('1.1.1.1')?.origin, 'feed:b');
  });

  it('are bounded together, and one that does not fit changes nothing', () => {
    const lists = new ListedBlocks(3);
    lists.replace('feed:a', list(['1.1.1.1', '1.1.1.2']));
    assert.throws(() => lists.replace('feed:b', list(['2.2.2.1', '2.2.2.2'])), {
      code: 'BLOCK_LIST_FULL',
    });
    assert.equal(lists.count, 2);
    assert.equal(lists.sizeOf('feed:b'), 0);
  });

  it('are as many as the naive union says, after any changes', (test) => {
    const target = fc.constantFrom('1.1.1.1', '1.1.1.2', '1.1.1.3', '1.1.1.4');
    const change = fc.record({
      origin: fc.constantFrom('feed:a', 'feed:b', 'crowdsec:lapi'),
      targets: fc.uniqueArray(target),
      expiresAtMs: fc.option(fc.integer({ min: 1, max: 20 })),
    });
    fc.assert(
      fc.property(fc.array(change, { maxLength: 12 }), (changes) => {
        const lists = new ListedBlocks();
        const naive = new Map<string, Map<string, number | null>>();
        for (const [nowMs, { origin, targets, expiresAtMs }] of changes.entries()) {
          lists.replace(origin, list(targets, term('drop', expiresAtMs)));
          naive.set(origin, new Map(targets.map((one) => [one, expiresAtMs])));
          lists.expire(nowMs);
          for (const one of naive.values())
            for (const [text, end] of one) if (end !== null && end <= nowMs) one.delete(text);
          const union = new Set([...naive.values()].flatMap((one) => [...one.keys()]));
          assert.equal(lists.count, union.size);
          assert.deepEqual(new Set([...lists.all()].map((one) => one.target)), union);
        }
      }),
      propertySettings(test, 200),
    );
  });

  it('come back from disk as they were, and not from a file that is not whole', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'weir-lists-'));
    try {
      const entries = new Map([
        ...list(['1.1.1.1', '1.1.1.2']),
        ...list(['2a0b::/32'], { ...term('challenge', 99), reason: 'a "b" c' }),
      ]);
      await writeListFile(folder, 'feed:a', facts, entries);
      await writeListFile(folder, 'crowdsec:lapi', facts, list(['9.9.9.9']));
      const lists = openLists(folder);
      assert.deepEqual(lists.listOf('feed:a'), entries);
      assert.deepEqual(lists.kept.get('feed:a'), facts);
      assert.deepEqual(lists.broken, []);
      const name = readdirSync(join(folder, 'lists')).find((one) => one.startsWith('feed')) ?? '';
      const path = join(folder, 'lists', name);
      const whole = readFileSync(path, 'utf8');
      for (const bad of [
        whole.slice(0, -1),
        whole.replace('1.1.1.2', '1.1.1.9'),
        '',
        '{}\n',
        'x',
      ]) {
        writeFileSync(path, bad);
        const without = openLists(folder);
        assert.equal(without.sizeOf('feed:a'), 0);
        assert.equal(without.sizeOf('crowdsec:lapi'), 1);
        assert.equal(without.broken.length, 1);
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
