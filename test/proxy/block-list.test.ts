/** What a worker makes of its block list, and whom nothing on it holds for. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CidrMap } from '#core/cidr-map.ts';
import { parseCidr } from '#core/ip.ts';
import { BlockList } from '#proxy/block-list.ts';

const allowed = ['192.0.2.8/29', '2001:db8:a::/48'];
const inside = ['192.0.2.9', '2001:db8:a::9'];
const beside = ['192.0.2.17', '2001:db8:b::9'];
const ranges = ['192.0.2.0/24', '2001:db8::/32'];

function listWith(action: 'drop' | 'challenge' | 'monitor'): BlockList {
  const map = new CidrMap<true>(10);
  for (const text of allowed) {
    const cidr = parseCidr(text);
    assert.ok(cidr !== null && map.set(cidr, true));
  }
  const list = new BlockList(map);
  list.apply(1, [...ranges, ...inside].map(entryOf), []);
  return list;
  function entryOf(target: string) {
    return { target, expiresAtMs: null, action };
  }
}

describe('the allow list wins over an entry that', () => {
  it('drops: for who comes, and for who is here already', () => {
    const list = listWith('drop');
    for (const address of inside)
      assert.deepEqual([list.refuses(address), list.isBlocked(address)], [false, false], address);
    for (const address of beside)
      assert.deepEqual([list.refuses(address), list.isBlocked(address)], [true, true], address);
  });

  it('challenges', () => {
    const list = listWith('challenge');
    for (const address of inside) assert.equal(list.challenges(address), false, address);
    for (const address of beside) assert.equal(list.challenges(address), true, address);
    for (const address of beside) assert.equal(list.refuses(address), false, address);
  });

  it('watches: who is allowed is not counted', () => {
    const list = listWith('monitor');
    for (const address of [...inside, ...beside]) assert.equal(list.refuses(address), false);
    assert.deepEqual(
      list.hits.take().map(({ target }) => target),
      ranges,
    );
  });

  it('drops, as soon as it is another', () => {
    const list = listWith('drop');
    list.allowed = new CidrMap<true>(1);
    for (const address of inside) assert.equal(list.refuses(address), true, address);
  });
});
