/** Host calls as a real guest makes them, and that what they leave in its memory is taken back. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { before, beforeEach, describe, it } from 'node:test';
import type { HostServices, LogLevel } from '#wasm/host-services.ts';
import { compileModule, type LiveModule } from '#wasm/live-module.ts';
import { trialServices } from '#wasm/services/trial-services.ts';
import { inspectHead, type Verdict } from '../support/filters.ts';
import { buildTestGuest, testLimits, testSource } from '../support/guests.ts';
import { allGrants } from '../support/host-call-harness.ts';
import { viewOf } from '../support/view.ts';

let bytes: Uint8Array;
let services: HostServices;
let guest: LiveModule;
let failures: string[];
let logged: { level: LogLevel; module: string; text: string }[];
let fetched: string[];
let blocked: unknown[];

before(async () => {
  bytes = await buildTestGuest('host-probe');
});

beforeEach(() => {
  failures = [];
  logged = [];
  fetched = [];
  blocked = [];
  services = trialServices((level, module, text) => logged.push({ level, module, text }), {
    fetcher: {
      fetch: (grant, url, key, ttlMs) => {
        fetched.push(`${grant.prefixes.join(' ')} ${url} ${key} ${ttlMs}`);
        return url.includes('refused') ? 'refused' : 'started';
      },
      call: async () => null,
    },
    block: (...order) => {
      blocked.push(order);
      return null;
    },
    database: (file) => ({
      lookup: (address, path) => `${file} ${address} ${path}`,
    }),
  });
  guest = probe('probe');
});

function probe(name: string, grants: readonly string[] = allGrants): LiveModule {
  const source = {
    ...testSource,
    name,
    sha256: 'feed',
    bytes,
    grants,
    fetch: ['https://a.example/'],
    databases: { geo: '/geo.mmdb' },
  };
  return compileModule(source, testLimits, services, (message) => failures.push(message));
}

const facts = { clientAddress: '198.51.100.7', tls: true };

function ask(target: string, module = guest): Verdict {
  return inspectHead(module, viewOf({ target }), facts);
}

/** What the probe got for it; null for nothing. */
function got(target: string, module = guest): string | null {
  const verdict = ask(target, module);
  assert.equal(failures[0], undefined);
  assert(verdict.kind === 'block', `${target}: ${verdict.kind}`);
  return verdict.status === 404 ? null : verdict.matched;
}

describe('a guest', () => {
  it('keeps values between requests, where it was granted to', () => {
    for (const scope of [1, 2]) {
      assert.equal(got(`/kept/${scope}`), null);
      assert.equal(got(`/keep/${scope}?value-${scope}`), '0');
      assert.equal(got(`/kept/${scope}`), `value-${scope}`);
      assert.equal(got(`/gone/${scope}`), '0');
      assert.equal(got(`/gone/${scope}`), '-1');
    }
    got('/keep/0?of-the-request');
    assert.equal(got('/kept/0'), null);
  });

  it('leaves no trace of what the host wrote into its memory', () => {
    got('/keep/1?tenant-a-secret');
    assert.equal(got('/into-scratch/1'), '15');
    assert.equal(got('/scratch'), '\0'.repeat(128));
  });

  it('sees nothing of another module', () => {
    const other = probe('other');
    for (const scope of [1, 2]) {
      got(`/keep/${scope}?secret`);
      assert.equal(got(`/kept/${scope}`, other), null);
      assert.equal(got(`/count/${scope}?k`), '1');
      assert.equal(got(`/count/${scope}?k`, other), '1');
    }
  });

  const cases: readonly (readonly [string, string | null])[] = [
    ['/property?request.id', 'test'],
    ['/property?module.version', 'feed'],
    ['/property?nothing', null],
    ['/regex?select%20UNION', '12'],
    ['/regex?4711', '3'],
    ['/regex?nothing', '0'],
    ['/wrong-regex', '-1'],
    ['/clock', '1'],
    ['/metric', '0'],
    ['/lookup', '/geo.mmdb 198.51.100.7 country.iso_code'],
    ['/fetch?https://a.example/x', '0'],
    ['/fetch?https://refused.example/', '-1'],
    ['/digest?abc', createHash('sha256').update('abc').digest('latin1')],
    ['/block', '0'],
    ['/log?a%20line', '0'],
  ];
  for (const [target, expected] of cases)
    it(`gets ${expected === null ? 'nothing' : JSON.stringify(expected)} for ${target}`, () =>
      assert.equal(got(target), expected));

  it('reaches log, block list and fetcher with its name and grants', () => {
    got('/log?a-line');
    got('/block');
    assert.deepEqual(
      logged.map(({ level, module, text }) => [level, module, text]),
      [
        [1, 'probe', 'regex_compile: pattern "(" is no RE2: missing ): ('],
        [3, 'probe', 'a-line'],
      ],
    );
    assert.deepEqual(blocked, [['probe', '198.51.100.7', 60, 'probed']]);
    assert.deepEqual(fetched, ['https://a.example/ https://configure.example/keys keys 60000']);
  });

  it('counts up over requests', () => {
    assert.deepEqual(
      ['a', 'a', 'b', 'a'].map((key) => got(`/count/1?${key}`)),
      ['1', '2', '1', '3'],
    );
  });

  it('takes tokens by key, and the bucket that is empty says when to come back', () => {
    assert.equal(ask('/limit?k').kind, 'allow');
    assert.equal(ask('/limit?k').kind, 'allow');
    const limited = ask('/limit?k');
    assert(limited.kind === 'limited');
    assert.equal(limited.retryAfterSeconds, 30);
    assert.equal(ask('/limit?other').kind, 'allow');
  });

  const failing: readonly (readonly [string, RegExp])[] = [
    ['/outside', /abi: the key of weir\.kv_get \(64 bytes at 4294967280\) lies outside/],
    ['/thousand', /limit: more than 1000 host calls in one call/],
    ['/late-regex', /abi: weir\.regex_compile: belongs into weir_configure/],
  ];
  for (const [target, message] of failing) {
    it(`fails by ${target}, is replaced, and answers the next request`, () => {
      const verdict = ask(target);
      assert(verdict.kind === 'block');
      assert.equal(verdict.status, 503);
      assert.match(failures.join(), message);
      failures = [];
      assert.equal(got('/metric'), '0');
    });
  }

  it('is refused without a grant, with the fix', () => {
    assert.throws(
      () => probe('poor', ['log', 'clock']),
      /imports weir\.\w+, which needs a grant: add grants: \[\w+\] .*13 more/,
    );
  });

  it('may have a scope of values and not another', () => {
    const grants = allGrants.filter((grant) => grant !== 'kv:node');
    const poor = probe('poor', grants);
    assert.equal(got('/keep/1?x', poor), '0');
    ask('/keep/2?x', poor);
    assert.match(failures.join(), /denied: weir\.kv_set in scope 2 \(node\): add kv:node/);
  });
});
