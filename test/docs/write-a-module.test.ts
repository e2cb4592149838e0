/** The page for rule authors, from its first command to its last, and every module it shows. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { compileGuest } from '#toolchain/compile-guest.ts';
import { caseModule, problemsOf } from '../support/case-run.ts';
import { consoleExamples, inTurn } from '../support/console-blocks.ts';
import { type EdgeProcess, mainFile, startEdgeProcess } from '../support/edge-process.ts';
import { readPage } from '../support/guide-pages.ts';
import { needs } from '../support/needs.ts';

const { text } = readPage('docs/guide/write-a-module.md');
const [beforeNode = '', yaml = '', onNode = ''] = text.split(/```yaml\n([\s\S]*?)```\n/);
const folder = await mkdtemp(join(tmpdir(), 'weir-guide-'));
after(() => rm(folder, { recursive: true }));

async function run(command: string, environment: Record<string, string> = {}): Promise<string> {
  const here = command.replace('npx weir', `${process.execPath} ${mainFile}`);
  const child = spawn('bash', ['-c', here], {
    cwd: folder,
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let stdout = '';
  child.stdout.setEncoding('utf8').on('data', (part: string) => {
    stdout += part;
  });
  await once(child, 'close');
  return stdout.trim();
}

describe('the page for authors', () => {
  const examples = consoleExamples(beforeNode);
  it('has examples', () => assert(examples.length >= 10));
  for (const { command, expected, printed } of inTurn(examples, (asked) => run(asked)))
    it(`prints what it says: ${command}`, async () => assert.match(await printed(), expected));
});

describe('the page for authors, on a node', { skip: needs('curl') }, () => {
  let edge: EdgeProcess;
  let origin: http.Server;

  before(async () => {
    origin = http.createServer((_request, response) => response.end('ok'));
    origin.listen(0, '127.0.0.1');
    await once(origin, 'listening');
    const { port } = origin.address() as AddressInfo;
    edge = await startEdgeProcess(
      [
        'edge: { workers: 1, listeners: [{ address: "127.0.0.1:0", plaintext: true }] }',
        `upstreams: { app: { servers: [{ url: "http://127.0.0.1:${port}" }] } }`,
        yaml.replace('module: my-rule', `module: ${folder}/my-rule`),
      ].join('\n'),
    );
  });
  after(async () => {
    await edge[Symbol.asyncDispose]();
    origin.close();
  });

  const runHere = (command: string): Promise<string> =>
    run(command.replaceAll('127.0.0.1:8000', `127.0.0.1:${edge.ports[0]}`), {
      WEIR_STATE: edge.state,
    });
  for (const { command, expected, printed } of inTurn(consoleExamples(onNode), runHere))
    it(`prints what it says: ${command}`, async () => assert.match(await printed(), expected));
});

describe('the modules the page shows', () => {
  const sources = [...text.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, source = '']) => source);
  const request = (target: string, more: object = {}): object => ({ request: { target, ...more } });
  const cases: readonly (readonly object[])[] = [
    [
      { ...request('/'), verdict: 'allow' },
      { ...request('/', { method: 'PUT' }), verdict: { status: 405, matched: 'PUT' } },
    ],
    [
      { ...request('/', { body: '{"id":1,"method":"list"}' }), verdict: 'allow' },
      { ...request('/', { body: '{"params":{"method":"shutdown"}}' }), verdict: 'allow' },
      {
        ...request('/', { body: '{"method":"shut\\u0064own"}' }),
        verdict: { rule: 'rpc/shutdown' },
      },
    ],
    [
      { ...request('/?a=1'), tags: ['guest'], score: 0, requestEdits: ['set x-checked: yes'] },
      {
        ...request('/?%64ebug', { headers: [['Cookie', 'a=b; session=x']] }),
        ...{ tags: [], score: 3 },
      },
    ],
    [
      {
        requests: [
          ...Array.from({ length: 10 }, () => ({ ...request('/'), verdict: 'allow' })),
          { ...request('/'), verdict: { kind: 'limited' }, blocks: [] },
          ...Array.from({ length: 89 }, () => request('/')),
          { ...request('/'), blocks: ['203.0.113.7 for 3600 s: a hundred a minute'] },
        ],
      },
    ],
  ];

  it('are all tried', () => assert.equal(sources.length, cases.length));

  for (const [index, source] of sources.entries()) {
    it(`do what they say: ${/'([a-z]+\/[a-z]+)'/.exec(source)?.[1]}`, async () => {
      await writeFile(join(folder, 'index.ts'), source);
      const { bytes } = await compileGuest({
        baseDirectory: folder,
        entry: 'index.ts',
        forShipping: false,
      });
      const named = (cases[index] ?? []).map((item, at) => ({ name: `${at}`, ...item }));
      assert.deepEqual(problemsOf(caseModule(bytes), { cases: named }), []);
    });
  }
});
