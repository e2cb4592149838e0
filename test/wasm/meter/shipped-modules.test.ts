/**
 * Every shipped module on all its cases: metered, isolated and as it was built it answers the same and
 * leaves the same bytes in its memory; isolated it is afterwards as it was before.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { RequestView } from '#waf/request-view.ts';
import { requestViewOf } from '#wasm/cases/case-messages.ts';
import { readCases } from '#wasm/cases/read-cases.ts';
import { meterModule } from '#wasm/meter/meter-module.ts';
import { buildRules } from '../../../scripts/build-rules.ts';
import { AbortError, PlainGuest } from '../../support/plain-guest.ts';

const folder = join(import.meta.dirname, '../../../wasm-rules/rules');

/** The heads of all its cases, by config. */
function headsOf(rule: string): ReadonlyMap<string, readonly RequestView[]> {
  const read = readCases(readFileSync(join(folder, rule, 'cases.json'), 'utf8'));
  assert(read.ok, JSON.stringify(read));
  return new Map(
    Map.groupBy(read.cases, ({ config }) => config)
      .entries()
      .map(([config, cases]) => [
        config,
        cases.flatMap(({ steps }) => steps.map(({ request }) => requestViewOf(request))),
      ]),
  );
}

/** Null where the module does not take the config, or misses an answer of the host. */
function made(compiled: WebAssembly.Module, config: string): PlainGuest | null {
  try {
    return new PlainGuest(compiled, config);
  } catch (error) {
    assert(error instanceof WebAssembly.RuntimeError || error instanceof AbortError, String(error));
    return null;
  }
}

function metered(bytes: Uint8Array, isolates: boolean): WebAssembly.Module {
  const options = {
    fuelAtStart: 1_000_000_000,
    memoryPagesMax: 256,
    isolates,
    fuelledExports: ['weir_request_head'],
  };
  return new WebAssembly.Module(meterModule(bytes, options).bytes);
}

function sameMemory(one: PlainGuest, other: PlainGuest | Buffer): boolean {
  return (
    Buffer.compare(one.memory.bytes, Buffer.isBuffer(other) ? other : other.memory.bytes) === 0
  );
}

for (const { name, path } of await buildRules()) {
  const heads = headsOf(name);
  const count = heads.values().reduce((sum, views) => sum + views.length, 0);
  // A module of packets.
  if (count === 0) continue;
  describe(`${name}, ${count} requests with ${heads.size} configs`, () => {
    it('does the same metered, request after request in one instance', async () => {
      const bytes = await readFile(path);
      const compiled = new WebAssembly.Module(bytes);
      const rewritten = metered(bytes, false);
      let compared = 0;
      for (const [config, views] of heads) {
        const plain = made(compiled, config);
        const guest = made(rewritten, config);
        assert.equal(guest === null, plain === null, config);
        if (guest === null || plain === null) continue;
        assert(sameMemory(guest, plain), 'the start is another');
        for (const view of views) {
          assert.equal(guest.inspect(view), plain.inspect(view));
          assert(sameMemory(guest, plain), 'the memory is another');
          compared++;
        }
      }
      assert(compared > 0, 'nothing was compared');
    });

    it('does the same isolated, and is then as it was', async () => {
      const bytes = await readFile(path);
      const compiled = new WebAssembly.Module(bytes);
      const rewritten = metered(bytes, true);
      for (const [config, views] of heads) {
        const guest = made(rewritten, config);
        if (guest === null) continue;
        const before = Buffer.from(guest.memory.bytes);
        for (const view of views) {
          const fresh = new PlainGuest(compiled, config);
          assert.equal(guest.inspect(view), fresh.inspect(view));
          assert(sameMemory(guest, fresh), 'the memory is another');
          assert.equal(guest.reset?.(), 0);
          assert(sameMemory(guest, before), 'something is left');
        }
      }
    });

    it('traps at any point of its work when its fuel ends there, and only then', async () => {
      const rewritten = metered(await readFile(path), true);
      for (const [config, views] of heads) {
        const guest = made(rewritten, config);
        const view = views[0];
        if (guest === null || view === undefined) continue;
        guest.inspect(view);
        const cost = guest.spent();
        assert.equal(guest.reset?.(), 0);
        for (let fuel = 0; fuel < cost; fuel += Math.max(1, cost >> 5)) {
          assert.throws(() => guest.inspect(view, fuel), /unreachable/);
          assert(guest.spent(fuel) > fuel);
          assert.equal(guest.reset?.(), 0);
        }
        guest.inspect(view, cost);
        return;
      }
    });
  });
}
