/** `weir rules check` and `weir ftw run` as somebody types them. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import type { CliRoles } from '#cli/command.ts';
import { runCli } from '#cli/run.ts';
import { encodeRequest, type RecordedRequest } from '#replay/recorded-request.ts';
import { encodeBegin, requestFrame } from '#replay/recording-format.ts';
import { startDummyEngine } from '../support/ftw-engine.ts';

const folder = mkdtempSync(join(tmpdir(), 'weir-rules-'));
after(() => rmSync(folder, { recursive: true }));

async function run(...argv: readonly string[]) {
  const out: string[] = [];
  const io = {
    stdout: { isTTY: false, write: (text: string) => out.push(text) },
    stderr: { isTTY: false, write: (text: string) => out.push(text) },
    env: {},
    cwd: folder,
  };
  const none = async () => assert.fail('no role is started');
  const roles: CliRoles = { edge: none, demo: none, fleetDemo: none, orchestrator: none };
  const exit = await runCli(argv, io, roles);
  return { exit, text: out.join('') };
}

function write(name: string, text: string): void {
  mkdirSync(join(folder, name, '..'), { recursive: true });
  writeFileSync(join(folder, name), text);
}

write(
  'good/a.conf',
  'SecAction "id:1,phase:1,pass,nolog,setvar:tx.x=1"\nSecRule ARGS a "id:2,deny"\n',
);
write('good/b.conf', 'SecRule ARGS b "id:3,deny"\nSecTmpDir /tmp\n');
write('bad.conf', 'SecRule ARGS a "id:2,deny"\nSecRule ARGZ \\\n  "@rx b" "id:4,deny"\n');

describe('weir rules bench', () => {
  it('says of each request what it costs and what becomes of it', async () => {
    write(
      'bench.conf',
      'SecRule ARGS "@rx (?i)union.+select" "id:7,phase:2,deny,status:403,t:urlDecodeUni"\n',
    );
    const { exit, text } = await run('rules', 'bench', 'bench.conf', '--json');
    assert.equal(exit, 0, text);
    const { rows } = JSON.parse(text.slice(text.indexOf('{'))) as {
      rows: { request: string; microseconds: number; fuel: number; stoppedBy: string | null }[];
    };
    assert.deepEqual(
      rows.filter(({ stoppedBy }) => stoppedBy !== null).map(({ request }) => request),
      ['SQL injection'],
    );
    for (const { microseconds, fuel } of rows) assert.ok(microseconds > 0 && fuel > 0);
  });
});

describe('weir rules bench with a recording', () => {
  const recorded = (query: string): RecordedRequest => ({
    ...{ id: 'a', atMs: 0, client: '192.0.2.9', tls: false, ja4: '', certificate: null },
    ...{ major: 1, chunked: false, body: 'whole', route: '* /', status: 200, rule: '' },
    outcome: 'forwarded',
    head: Buffer.from(`GET /?${query} HTTP/1.1\r\nHost: a.example\r\n\r\n`),
    bytes: Buffer.alloc(0),
    responseHead: null,
  });

  it('runs its requests, and names the rules by what they cost', async () => {
    write(
      'two.conf',
      'SecRule ARGS "@rx a[^b]*b" "id:8,phase:2,pass,log"\nSecRule ARGS:none "@rx zz" "id:9,phase:2,deny"\n',
    );
    const queries = [`q=${'a'.repeat(500)}`, 'q=ab'];
    const begin = { startedAtMs: 1, sharePercent: 100, routes: [], bodyBytesMax: 9, generation: 1 };
    const frames = queries.map((query) => requestFrame(encodeRequest(recorded(query))));
    writeFileSync(join(folder, 'some.weirrec'), Buffer.concat([encodeBegin(begin), ...frames]));
    const { exit, text } = await run(
      ...['rules', 'bench', 'two.conf', '--recording', 'some.weirrec', '--json'],
    );
    assert.equal(exit, 0, text);
    const { rows, rules } = JSON.parse(text.slice(text.indexOf('{'))) as {
      rows: { request: string; fuel: number }[];
      rules: { rule: number; fuel: number }[];
    };
    assert.equal(rows.length, 2);
    assert.ok((rows[0]?.fuel ?? 0) > (rows[1]?.fuel ?? 0));
    assert.deepEqual(
      rules.map(({ rule }) => rule),
      [8],
    );
  });
});

describe('weir rules explain', () => {
  it('says what a rule costs a request', async () => {
    write('cost.conf', 'SecRule REQUEST_URI|ARGS "!@rx ^[a-z]{0,9}$" "id:10,phase:2,pass,log"\n');
    const { exit, text } = await run('rules', 'explain', '10', 'cost.conf', '--cost', '--json');
    assert.equal(exit, 0, text);
    assert.ok(Number(JSON.parse(text)['fuelOfRequest']) > 0, text);
  });
});

describe('weir rules check', () => {
  it('counts what became of the rules of each file, and notes what changes nothing', async () => {
    const { exit, text } = await run('rules', 'check', 'good');
    assert.equal(exit, 0);
    assert.match(text, /FILE +LOADED +FOLDED +REMOVED +REFUSED\ngood\/a\.conf +1 +1 +0 +0\n/);
    assert.match(text, /together +2 +1 +0 +0\n/);
    assert.match(text, /good\/b\.conf:2:1 {2}SecTmpDir changes nothing: /);
    assert.match(text, /3 rules, no problems\n$/);
  });

  it('lists every rule with its reason', async () => {
    const { text } = await run('rules', 'check', 'good', '--all');
    assert.match(text, /\n1 +folded +good\/a\.conf:1 +nothing tells whether it matched/);
    assert.match(text, /\n3 +loaded +good\/b\.conf:1\n/);
  });

  it('says a problem with its place, its line and its fix', async () => {
    const { exit, text } = await run('rules', 'check', 'bad.conf');
    assert.equal(exit, 1);
    const lines = text.split('\n');
    assert.equal(lines[0], 'bad.conf:2:9  there is no variable ARGZ');
    assert.equal(lines[1], '    SecRule ARGZ \\');
    assert.match(lines[2] ?? '', /^ {4}fix: did you mean ARGS\?$/);
    assert.match(text, /1 problem; these rules must not run\n$/);
  });

  it('reads files in the order given, so that ids meet', async () => {
    const { exit, text } = await run('rules', 'check', 'good', 'bad.conf');
    assert.equal(exit, 1);
    assert.match(text, /bad\.conf:1:20 {2}rule 2 is there already, at .*good\/a\.conf:2/);
  });

  it('answers programs', async () => {
    const { text } = await run('rules', 'check', 'bad.conf', '--json');
    const answer = JSON.parse(text) as Record<string, unknown> & { problems: object[] };
    assert.equal(answer['ok'], false);
    assert.deepEqual(answer.problems[0], {
      position: { file: join(folder, 'bad.conf'), line: 2, column: 9 },
      message: 'there is no variable ARGZ',
      fix: 'did you mean ARGS?',
    });
  });

  it('says what is no folder of rules', async () => {
    mkdirSync(join(folder, 'empty'));
    assert.match((await run('rules', 'check', 'empty')).text, /holds no rules/);
    assert.match((await run('rules', 'check', 'gone')).text, /gone is not there/);
  });
});

describe('weir rules fetch', () => {
  it('takes a version and a digest, and nothing that looks like neither', async () => {
    assert.equal((await run('rules', 'fetch', '../x', '--to', 'crs')).exit, 2);
    assert.equal((await run('rules', 'fetch', '4.28.0', '--to', 'crs', '--sha256', 'abc')).exit, 2);
    const { exit, text } = await run(
      'rules',
      'fetch',
      '4.28.0',
      '--to',
      'crs',
      '--from',
      'bad.conf',
    );
    assert.notEqual(exit, 0);
    assert.match(text, /nothing was written: .* has the digest [0-9a-f]{64}/);
  });
});

describe('weir ftw run', () => {
  const stage = (id: number) =>
    `rule_id: ${id}\ntests:\n  - test_id: 1\n    stages: [{ input: {}, output: { log: { expect_ids: [${id}] } } }]\n`;
  write('tests/a.yaml', stage(5));
  write('tests/b.yml', stage(6));

  it('fails with the reason of each test that does, and keeps every result', async () => {
    await using engine = await startDummyEngine({ ids: [5] });
    const target = `127.0.0.1:${engine.target.port}`;
    const all = ['ftw', 'run', '--tests', 'tests', '--target', target, '--log', engine.logFile];
    const { exit, text } = await run(...all, '--out', 'results.json');
    assert.equal(exit, 1);
    assert.match(text, /^FAILED 6-1 {2}not logged: 6\n {4}logged: 5\n/);
    assert.match(text, /rule to fire {2}1 of 2 hold\n/);
    assert.match(text, /2 tests: 1 passed, 1 failed, 0 could not be run\n$/);
    const { results } = JSON.parse(readFileSync(join(folder, 'results.json'), 'utf8')) as {
      results: { name: string; outcome: string }[];
    };
    assert.deepEqual(
      results.map(({ name, outcome }) => [name, outcome]),
      [
        ['5-1', 'pass'],
        ['6-1', 'fail'],
      ],
    );
    assert.equal((await run(...all, '--include', '^5-')).exit, 0);
    assert.equal((await run(...all, '--include', 'none')).exit, 2);
  });

  it('has no option to ignore or to bend a test', async () => {
    for (const option of ['--ignore', '--override', '--exclude', '--force-pass']) {
      assert.equal((await run('ftw', 'run', '--tests', 'tests', option, 'x')).exit, 2);
    }
  });
});
