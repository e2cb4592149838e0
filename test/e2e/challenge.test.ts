/** Challenges with the shipped command: workers, restarts and successors believe each other's passes. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, it } from 'node:test';
import { writeMmdb } from '#demo/mmdb-writer.ts';
import { findSolution } from '#proxy/challenge/solver.ts';
import { buildRules } from '../../scripts/build-rules.ts';
import { type EdgeProcess, startEdgeProcess } from '../support/edge-process.ts';
import { call } from '../support/http-call.ts';
import { plainAnswer, RawOrigin } from '../support/raw-origin.ts';

const folder = mkdtempSync(join(tmpdir(), 'weir-challenge-'));
const database = join(folder, 'geo.mmdb');
const difficultyBits = 8;

before(async () => {
  await buildRules({ log: () => {} });
  writeFileSync(database, writeMmdb([['192.0.2.0/24', { country: { iso_code: 'DE' } }]]));
});
after(() => rmSync(folder, { recursive: true, force: true }));

/** Challenges whoever is in no country of the database, as this machine is. */
const config = (url: string): string => `
edge:
  workers: 2
  listeners: [{ address: "127.0.0.1:0", plaintext: true }]
upstreams: { app: { servers: [{ url: "${url}" }] } }
routes: [{ upstream: app, waf: { rules: [geo] } }]
waf:
  challenge: { difficultyBits: ${difficultyBits} }
  rules:
    geo:
      module: builtin:geo
      grants: [databases]
      databases: { geo: ${JSON.stringify(database)} }
      config: { unknown: deny, action: challenge }
`;

const ask = (edge: EdgeProcess, cookie = '') =>
  call(`http://127.0.0.1:${edge.ports[0]}`, 'GET', '/', {
    headers: { host: 'a.test', accept: 'text/html', ...(cookie === '' ? {} : { cookie }) },
  });

async function earnPass(edge: EdgeProcess): Promise<string> {
  const page = await ask(edge);
  assert.equal(page.status, 403);
  const challenge = /data-challenge="([^"]+)"/.exec(page.body)?.[1] ?? assert.fail(page.body);
  const number = findSolution(challenge, difficultyBits, 0, 1_000_000);
  const url = `http://127.0.0.1:${edge.ports[0]}`;
  const solved = await call(url, 'POST', '/.well-known/weir/challenge', {
    headers: { host: 'a.test', 'weir-challenge': `${challenge}.${number}`, 'content-length': '0' },
  });
  assert.equal(solved.status, 200, solved.body);
  return solved.headers['set-cookie']?.[0]?.split(';')[0] ?? assert.fail('no cookie');
}

it('a pass counts with every worker, after a restart and after an upgrade', async () => {
  await using origin = await RawOrigin.answering(plainAnswer);
  const state = join(folder, 'state');
  let pass: string;
  {
    await using edge = await startEdgeProcess(config(origin.url), state);
    assert.equal(statSync(join(state, 'challenge.keys')).mode & 0o777, 0o600);
    pass = await earnPass(edge);
    // Connections of their own, so that the kernel spreads them over both workers.
    for (let i = 0; i < 20; i++) assert.equal((await ask(edge, pass)).status, 200);
  }
  const keys = readFileSync(join(state, 'challenge.keys'), 'utf8');
  await using edge = await startEdgeProcess(config(origin.url), state);
  assert.equal(readFileSync(join(state, 'challenge.keys'), 'utf8'), keys);
  assert.equal((await ask(edge, pass)).status, 200);
  const upgraded = await edge.call('POST', '/api/v1/upgrade');
  assert.equal(upgraded.status, 200, JSON.stringify(upgraded.body));
  assert.equal((await ask(edge, pass)).status, 200);
  assert.equal(
    (await ask(edge, `${pass.slice(0, -1)}${pass.endsWith('A') ? 'B' : 'A'}`)).status,
    403,
  );
  assert.doesNotMatch(origin.received, /weir_pass/);
});
