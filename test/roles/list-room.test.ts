import assert from 'node:assert/strict';
import { test } from 'node:test';
import { canonicalTargets } from '../../src/roles/block-import.ts';
import {
  fitting,
  kindOf,
  type ListKind,
  ListRoom,
  listSizesDefault,
} from '../../src/roles/list-room.ts';

const sizes = { ipv4Addresses: 2, ipv6Addresses: 1, ipv4Ranges: 1, ipv6Ranges: 1 };
const none = { ipv4Addresses: 0, ipv6Addresses: 0, ipv4Ranges: 0, ipv6Ranges: 0 };
const byKind: Readonly<Record<ListKind, readonly string[]>> = {
  ipv4Addresses: ['192.0.2.1', '192.0.2.2', '192.0.2.3'],
  ipv6Addresses: ['2001:db8::1', '2001:db8::2'],
  ipv4Ranges: ['192.0.2.0/24', '198.51.100.0/24'],
  ipv6Ranges: ['2001:db8::/32', '2001:db8:1::/48'],
};

for (const [kind, targets] of Object.entries(byKind) as [ListKind, readonly string[]][]) {
  test(`${kind} are taken up to their size, and then refused with the key that changes it`, () => {
    for (const target of targets) assert.equal(kindOf(target), kind);
    const room = new ListRoom(sizes, none);
    room.take(targets.slice(0, sizes[kind]));
    const more = targets.slice(sizes[kind]);
    assert.throws(() => room.take(more), {
      code: 'BLOCK_LIST_FULL',
      message: new RegExp(`has room for ${sizes[kind]} .*raise kernel\\.lists\\.${kind} and`),
    });
    room.give(targets.slice(0, 1));
    room.take(more);
    assert.equal(room.counts[kind], sizes[kind]);
  });
}

test('nothing is taken of what does not fit whole', () => {
  const room = new ListRoom(sizes, none);
  assert.throws(() => room.take(Object.values(byKind).flat()), { code: 'BLOCK_LIST_FULL' });
  assert.deepEqual(room.counts, none);
});

test('where nothing is in the kernel there is no such bound', () => {
  new ListRoom(null, none).take(Object.values(byKind).flat());
});

test('of a list that is too long the oldest go in, and the rest is told', () => {
  const items = Object.values(byKind)
    .flat()
    .map((target) => ({ target }));
  const { items: kept, problem } = fitting(items, sizes);
  assert.deepEqual(
    kept.map(({ target }) => target),
    Object.entries(byKind).flatMap(([kind, targets]) => targets.slice(0, sizes[kind as ListKind])),
  );
  assert.match(
    problem ?? '',
    /3 single IPv4 addresses \(kernel\.lists\.ipv4Addresses is 2\).*the 4 that/,
  );
  assert.deepEqual(fitting(items, listSizesDefault), { items, problem: null });
});

test('an import with a bad target names its place, the first twenty of many, and takes none', async () => {
  assert.deepEqual(await canonicalTargets(['192.0.2.1', '::ffff:192.0.2.1', '10.1.2.3/8']), [
    '192.0.2.1',
    '10.0.0.0/8',
  ]);
  const bad = Array.from({ length: 25 }, () => 'nobody');
  await assert.rejects(
    canonicalTargets(['192.0.2.1', ...bad]),
    (error: Error & { details: string[] }) => {
      assert.match(error.message, /25 of 26 entries are bad, so none was taken/);
      assert.equal(error.details.length, 21);
      assert.equal(error.details[0], 'entry 2: "nobody" is no address and no CIDR range');
      assert.equal(error.details[20], 'and 5 more');
      return true;
    },
  );
});
