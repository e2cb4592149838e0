/**
 * Every shipped module on all its cases: metered, isolated and as it was built it answers the same and
 * leaves the same bytes in its memory; isolated it is afterwards as it was before.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { meterModule } from '#wasm/meter/meter-module.ts';
import { buildRules } from '../../../scripts/build-rules.ts';
import { PlainGuest } from '../../support/plain-guest.ts';
import { viewOf } from '../../support/view.ts';

type Case = {
  readonly name: string;
  readonly config?: unknown;
  readonly request?: {
    readonly method: string;
    readonly target: string;
    readonly headers: readonly (readonly [string, string])[];
  };
};

const folder = join(import.meta.dirname, '../../../wasm-rules/rules');

function metered(bytes: Uint8Array, isolates: boolean): WebAssembly.Module {
  const options = { fuelAtStart: 1_000_000_000, memoryPagesMax: 256, isolates };
  return new WebAssembly.Module(meterModule(bytes, options).bytes);
}

function sameMemory(one: PlainGuest, other: PlainGuest | Buffer): boolean {
  return (
    Buffer.compare(one.memory.bytes, Buffer.isBuffer(other) ? other : other.memory.bytes) === 0
  );
}

for (const { name, path } of await buildRules()) {
  const cases: readonly Case[] = JSON.parse(readFileSync(join(folder, name, 'cases.json'), 'utf8'));
  const withHead = cases.flatMap(({ name: title, request, config }) =>
    request === undefined
      ? []
      : [{ title, view: viewOf(request), config: JSON.stringify(config ?? {}) }],
  );
  describe(`${name}, ${withHead.length} cases`, () => {
    it('does the same metered, case after case in one instance', async () => {
      const bytes = await readFile(path);
      const compiled = new WebAssembly.Module(bytes);
      const rewritten = metered(bytes, false);
      const configs = new Set(withHead.map(({ config }) => config));
      for (const config of configs) {
        const plain = new PlainGuest(compiled, config);
        const guest = new PlainGuest(rewritten, config);
        assert(sameMemory(guest, plain), 'the start is another');
        for (const { title, view } of withHead.filter((item) => item.config === config)) {
          assert.equal(guest.inspect(view), plain.inspect(view), title);
          assert(sameMemory(guest, plain), `${title}: the memory is another`);
          assert(guest.spent() > 0);
        }
      }
    });

    it('does the same isolated, and is then as it was', async () => {
      const bytes = await readFile(path);
      const compiled = new WebAssembly.Module(bytes);
      const rewritten = metered(bytes, true);
      for (const config of new Set(withHead.map((item) => item.config))) {
        const guest = new PlainGuest(rewritten, config);
        const before = Buffer.from(guest.memory.bytes);
        for (const { title, view } of withHead.filter((item) => item.config === config)) {
          const fresh = new PlainGuest(compiled, config);
          assert.equal(guest.inspect(view), fresh.inspect(view), title);
          assert(sameMemory(guest, fresh), `${title}: the memory is another`);
          assert.equal(guest.reset?.(), 0, title);
          assert(sameMemory(guest, before), `${title}: something is left`);
        }
      }
    });

    it('traps at any point of its work when its fuel ends there, and only then', async () => {
      const rewritten = metered(await readFile(path), true);
      const { view, config } = withHead[0] ?? assert.fail('no case');
      const cost = (() => {
        const guest = new PlainGuest(rewritten, config);
        guest.inspect(view);
        return guest.spent();
      })();
      const guest = new PlainGuest(rewritten, config);
      for (let fuel = 0; fuel < cost; fuel += Math.max(1, cost >> 5)) {
        assert.throws(() => guest.inspect(view, fuel), /unreachable/);
        assert(guest.spent(fuel) > fuel);
        assert.equal(guest.reset?.(), 0);
      }
      guest.inspect(view, cost);
    });
  });
}
