import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { changedPaths, needsRestart, restartsNeeded } from '../../src/roles/config-difference.ts';

describe('what changed between two configurations', () => {
  const rows: readonly (readonly [string, unknown, unknown, readonly string[]])[] = [
    ['nothing', { a: 1, b: [1, { c: 2 }] }, { a: 1, b: [1, { c: 2 }] }, []],
    [
      'a leaf',
      { edge: { limits: { urlBytesMax: 1 } } },
      { edge: { limits: { urlBytesMax: 2 } } },
      ['edge.limits.urlBytesMax'],
    ],
    [
      'one element of a list',
      { routes: [{ upstream: 'a' }] },
      { routes: [{ upstream: 'b' }] },
      ['routes[0].upstream'],
    ],
    ['an element more', { routes: [1] }, { routes: [1, 2] }, ['routes[1]']],
    ['a key more and a key less', { a: 1 }, { b: 1 }, ['a', 'b']],
    ['another type', { a: [1] }, { a: { b: 1 } }, ['a']],
  ];
  for (const [name, before, after, expected] of rows) {
    it(`names ${name}`, () => assert.deepEqual(changedPaths(before, after), expected));
  }
});

describe('what needs a restart', () => {
  const rows: readonly (readonly [string, boolean])[] = [
    ['edge.workers', true],
    ['edge.listeners[0].address', true],
    ['edge.listeners[1]', true],
    ['edge.listeners[0].tls', true],
    ['edge.listeners[0].tls.certificates[0].cert', false],
    ['admin.address', true],
    ['state', true],
    ['log.level', true],
    ['edge.limits.bodyBytesMax', false],
    ['routes[0].waf.mode', false],
    ['upstreams.app.servers[0].url', false],
    ['waf.rules.bad-bot.module', false],
    ['accessLog.to', false],
    ['kernel.xdp', true],
    ['kernel.interface[0]', true],
    ['kernel.lists.ipv4Ranges', true],
    ['kernel.inspect.module', false],
    ['kernel.detect.mode', false],
    ['kernel.fragments', false],
    ['kernel.amplification', false],
    ['kernel.synCookies', false],
    ['kernel.rates.synsPerSecond', false],
  ];
  for (const [path, expected] of rows) {
    it(`${path}: ${expected ? 'restart' : 'live'}`, () =>
      assert.equal(needsRestart(path), expected));
  }
  it('says what each value needs', () =>
    assert.equal(
      restartsNeeded(['edge.workers', 'kernel.lists.ipv4Ranges', 'kernel.xdp', 'log.level']),
      'kernel.lists.ipv4Ranges, kernel.xdp need a stop and a start; edge.workers, log.level need weir upgrade',
    ));
});
