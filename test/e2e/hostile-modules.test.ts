/**
 * Modules that mean harm, loaded into a real node by the command: each is refused in words of its own, and what is
 * live goes on. All of them go the same way in `bench/soak/hostile-modules.ts`.
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { CheckedLoad, type CheckedResult } from '../support/checked-load.ts';
import { type EdgeProcess, startEdgeProcess } from '../support/edge-process.ts';
import { hostileModules } from '../support/hostile-modules.ts';
import { moduleOf, newFolder, ownConfig, versions, weir } from '../support/own-module.ts';
import { until } from '../support/until.ts';
import { statusGuest } from '../support/versioned-guest.ts';

/** One of each kind: no module, broken, misshapen, too large, of another world, without an end. */
const kinds: ReadonlySet<string> = new Set([
  'nothing at all',
  'a section that is cut short',
  'code that takes what is not there',
  'no export',
  'an import of no one',
  'a memory beyond the cap',
  'a table of ten million',
  'atomics',
  'a start function that loops',
  'a weir_configure that loops',
]);

describe('a node that is given modules that mean harm', () => {
  const folder = newFolder();
  let edge: EdgeProcess;
  let load: CheckedLoad;
  let running: Promise<CheckedResult>;
  before(async () => {
    writeFileSync(join(folder, 'own.wasm'), statusGuest(401));
    edge = await startEdgeProcess(ownConfig(folder));
    const request = {
      text: 'GET / HTTP/1.1\r\nHost: a.test\r\n\r\n',
      problemOf: ({ status }: { status: number }) => (status === 401 ? null : `status ${status}`),
    };
    load = new CheckedLoad(edge.ports[0] as number, Number.POSITIVE_INFINITY, () => request, 20);
    running = load.run(2);
  });
  after(async () => {
    load.stop();
    await running;
    await edge[Symbol.asyncDispose]();
  });

  const chosen = hostileModules.filter(({ name }) => kinds.has(name));
  it('has one of each kind', () => assert.equal(chosen.length, kinds.size));

  for (const { name, bytes, says } of chosen)
    it(`refuses ${name}, and says why once`, async () => {
      const file = join(folder, 'hostile.wasm');
      writeFileSync(file, bytes());
      const { code, text } = await weir(edge, 'module', 'load', 'own', file);
      assert.equal(code, 1);
      assert.match(text, says);
      const lines = text.trim().split('\n');
      assert.equal(new Set(lines).size, lines.length);
      if (lines.length === 2) assert(!lines[0]?.endsWith((lines[1] as string).trim()));
    });

  it('goes on with what is live, in its history too', async () => {
    const answered = load.answered;
    await until(
      () => 'requests are answered',
      () => load.answered >= answered + 10,
    );
    load.stop();
    assert.deepEqual((await running).problems, {});
    assert.match(
      String((await moduleOf(edge))['lastError']),
      /in weir_configure: it may hold a loop without an end/,
    );
    assert((await versions(edge)).includes('1 live config'));
  });
});
