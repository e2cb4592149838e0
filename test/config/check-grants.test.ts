/** What modules are granted, in the configuration: each part with its grant, and what it names usable. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { loadConfig } from '#config/load.ts';
import { writeMmdb } from '#demo/mmdb-writer.ts';
import { directory, problemsOf, text } from '../support/config-check.ts';

const good = writeMmdb([['192.0.2.0/24', { country: { iso_code: 'DE' } }]]);
const damaged = Buffer.from(good);
damaged.fill(255, 0, 7);
writeFileSync(join(directory, 'geo.mmdb'), good);
writeFileSync(join(directory, 'damaged.mmdb'), damaged);
writeFileSync(join(directory, 'short.mmdb'), good.subarray(good.length - 300));
writeFileSync(join(directory, 'text.mmdb'), 'no database');

const rule = (more: string) => ({ rest: `waf: { rules: { own: { module: own.wasm, ${more} } } }` });

describe('grants are in order', () => {
  for (const more of [
    'grants: [log, clock]',
    'grants: [fetch, "kv:worker"], fetch: ["https://keys.example/", "http://10.0.0.7:8081/jwks.json?a=b"]',
    'grants: [databases], databases: { geo: geo.mmdb }',
  ])
    it(more, async () => assert.deepEqual(await problemsOf(rule(more)), []));

  it('with database files that belong to the folder of the configuration', () => {
    const file = join(directory, 'weir.yaml');
    writeFileSync(file, text(rule('grants: [databases], databases: { geo: geo.mmdb }')));
    const loaded = loadConfig({ file, env: {} });
    assert(loaded.ok);
    assert.deepEqual(loaded.config.waf.rules['own']?.databases, {
      geo: join(directory, 'geo.mmdb'),
    });
  });
});

it('a module is told as much as it may read, and may fetch nothing', async () => {
  const text = 'x'.repeat(262_133);
  const more = `config: { text: "${text}" }, grants: [fetch, "kv:worker"]`;
  assert.deepEqual(await problemsOf(rule(more)), []);
});

describe('a configuration is refused that', () => {
  const cases: readonly (readonly [string, string, RegExp])[] = [
    [
      'tells a module more than it may read',
      `config: { text: "${'x'.repeat(262_134)}" }`,
      /config: has 262145 bytes as JSON, at most 262144 are handed to a module/,
    ],
    [
      'names URLs and grants no fetch',
      'fetch: ["https://a.example/"]',
      /fetch: has no effect without the grant fetch/,
    ],
    [
      'grants fetch and no place for it',
      'grants: [fetch], fetch: ["https://a.example/"]',
      /add kv:worker/,
    ],
    [
      'grants databases and has none',
      'grants: [databases]',
      /nothing it may reach \(add databases/,
    ],
    [
      'has databases and grants none',
      'databases: { geo: geo.mmdb }',
      /has no effect without the grant databases/,
    ],
    ['names no URL', 'grants: [fetch, "kv:worker"], fetch: ["a.example"]', /fetch\[0\]: is no URL/],
    [
      'names another scheme',
      'grants: [fetch, "kv:worker"], fetch: ["ftp://a.example/"]',
      /neither https/,
    ],
    [
      'names a user',
      'grants: [fetch, "kv:worker"], fetch: ["https://u:p@a.example/"]',
      /user name/,
    ],
    ['climbs', 'grants: [fetch, "kv:worker"], fetch: ["https://a.example/b/../"]', /dots/],
    [
      'names this machine',
      'grants: [fetch, "kv:worker"], fetch: ["http://localhost:81/"]',
      /name the address, as in http:\/\/127\.0\.0\.1/,
    ],
    [
      'names a file that is not there',
      'grants: [databases], databases: { geo: none.mmdb }',
      /databases\.geo: D\/none\.mmdb cannot be read: ENOENT/,
    ],
    [
      'names another file',
      'grants: [databases], databases: { geo: text.mmdb }',
      /D\/text\.mmdb is no MMDB file/,
    ],
    [
      'names a part of one',
      'grants: [databases], databases: { geo: short.mmdb }',
      /D\/short\.mmdb is cut short/,
    ],
    [
      'names a damaged one',
      'grants: [databases], databases: { geo: damaged.mmdb }',
      /is damaged: record 0 of node 0 leads nowhere/,
    ],
  ];
  for (const [what, more, says] of cases) {
    it(what, async () => {
      const problems = await problemsOf(rule(more));
      assert.equal(problems.length, 1, problems.join('\n'));
      assert.match(problems[0] ?? '', says);
      assert.match(problems[0] ?? '', /^F:\d+:\d+ waf\.rules\.own\./);
    });
  }
});
