/** A module that fails before it is live is refused with the line of its source, whoever finds it out. */
import assert from 'node:assert/strict';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { compileGuest } from '#toolchain/compile-guest.ts';
import { type EdgeProcess, startEdgeProcess } from '../support/edge-process.ts';
import { call as callHttp } from '../support/http-call.ts';
import { newFolder, ownConfig, weir } from '../support/own-module.ts';

/** Where it falls: its fourth line is the one that does it. */
const source = (falls: 'start' | 'configure' | 'worker' | 'request' | 'own' | 'nowhere') => `
import { verdict } from 'weir/verdict';
export { weir_abi, weir_reserve } from 'weir/module';
function fall(by: i32): i32 { return load<u8>(0xffff_0000 + by); }

let rounds = ${falls === 'start' ? 'fall(1)' : '1'};

export function weir_configure(at: usize, length: i32): i32 {
  return ${{ configure: 'fall(length)', worker: 'isKept() ? fall(length) : 0' }[falls as string] ?? '0'};
}

export function weir_request_head(view: usize): usize {
  const pathLength = load<i32>(view);
  if (${{ own: 'isTwo(view)', request: 'true' }[falls as string] ?? 'false'}) rounds = fall(rounds);
  ${falls === 'nowhere' ? "if (isTwo(view)) setValue(scopeNode, 'kept', view, 4, 0);" : ''}
  return verdict();
}

import { Request } from 'weir/request';
import { getValue, scopeNode, setValue } from 'weir/host';
const isTwo = (view: usize): bool => changetype<Request>(view).pathLength == 2;
const isKept = (): bool => getValue(scopeNode, 'kept');
`;

const atItsLine = /trap: memory access out of bounds .*at .*\(index\.ts:4:\d+\)/;

describe('a module that fails before it is live', () => {
  const folder = newFolder();
  const own = join(folder, 'own.wasm');
  let edge: EdgeProcess;
  const write = async (falls: Parameters<typeof source>[0], path: string) => {
    writeFileSync(join(folder, 'index.ts'), source(falls));
    const { bytes, sourceMap } = await compileGuest({
      ...{ baseDirectory: folder, entry: 'index.ts', forShipping: false },
    });
    writeFileSync(path, bytes);
    writeFileSync(`${path}.map`, sourceMap ?? '');
  };
  before(async () => {
    await write('nowhere', own);
    edge = await startEdgeProcess(ownConfig(folder, { workers: 1, rule: 'grants: ["kv:node"],' }));
  });
  after(() => edge[Symbol.asyncDispose]());

  const next = join(folder, 'next.wasm');
  for (const falls of ['start', 'configure', 'request'] as const) {
    it(`in its ${falls}, is told by file and line`, async () => {
      await write(falls, next);
      const { code, text } = await weir(edge, 'module', 'load', 'own', next);
      assert.notEqual(code, 0);
      assert.match(text, atItsLine);
      const history = await weir(edge, 'module', 'history', 'own');
      assert.match(history.text, atItsLine);
    });
  }

  it('in one of its own cases, is told by case, file and line', async () => {
    await write('own', next);
    const cases = join(folder, 'next.cases.json');
    const one = { name: 'a short path', request: { target: '/1' }, verdict: 'allow' };
    writeFileSync(cases, JSON.stringify({ cases: [one] }));
    const { text } = await weir(edge, 'module', 'load', 'own', next);
    rmSync(cases);
    assert.match(text, /its case "a short path" says: verdict is failure /);
    assert.match(text, atItsLine);
  });

  it('under a gate, is told by file and line', async () => {
    await weir(edge, 'record', 'start');
    await weir(edge, 'record', 'stop');
    await write('start', next);
    const { text } = await weir(edge, 'module', 'load', 'own', next, '--replay', 'last');
    assert.match(text, atItsLine);
  });

  it('where a worker prepares it, by what it keeps there, is told by file and line', async () => {
    await callHttp(`http://127.0.0.1:${edge.ports[0]}`, 'GET', '/1');
    await write('worker', next);
    const { text } = await weir(edge, 'module', 'load', 'own', next);
    assert.match(text, atItsLine);
    const history = await weir(edge, 'module', 'history', 'own');
    assert.match(history.text, /failed .*in weir_configure at .*\(index\.ts:4:/);
  });

  it('in the trial in one worker, is told by file and line', async () => {
    const config = join(edge.folder, 'edge.yaml');
    writeFileSync(config, readFileSync(config, 'utf8').replace('canaryMs: 20', 'canaryMs: 60000'));
    assert.equal((await weir(edge, 'reload')).code, 0);
    await write('own', next);
    let isOver = false;
    const loading = weir(edge, 'module', 'load', 'own', next).finally(() => {
      isOver = true;
    });
    while (!isOver) await callHttp(`http://127.0.0.1:${edge.ports[0]}`, 'GET', '/1');
    const { text } = await loading;
    assert.match(text, /own failed while own was tried in one worker/);
    assert.match(text, atItsLine);
  });

  it('and was taken from its file, is told by file and line at a reload and at a start', async () => {
    await write('start', own);
    const { code, text } = await weir(edge, 'reload');
    assert.notEqual(code, 0);
    assert.match(text, atItsLine);
    await assert.rejects(
      startEdgeProcess(ownConfig(folder, { rule: 'grants: ["kv:node"],' })),
      atItsLine,
    );
  });
});
