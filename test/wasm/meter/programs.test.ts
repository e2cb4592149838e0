/**
 * Programs made by chance do the same metered, isolated and as they came, and never more than they paid
 * for.
 */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import { Metered, plentyOfFuel } from '../../support/metered.ts';
import { propertySettings } from '../../support/property.ts';
import { instructionsACount, randomProgram } from '../../support/random-program.ts';
import { assemble } from '../../support/wasm-text.ts';

type Outcome = { readonly answers: unknown[]; readonly count: number; readonly memory: Buffer };

function globalOf(exports: Readonly<Record<string, unknown>>, name: string): number {
  return (exports[name] as { value: number }).value;
}

function run(exports: Readonly<Record<string, unknown>>, names: readonly string[]): Outcome {
  const answers = names.map((name) => (exports[name] as (value: number) => unknown)(7));
  const memory = Buffer.from((exports['memory'] as WebAssembly.Memory).buffer);
  return { answers, count: globalOf(exports, 'count'), memory: Buffer.from(memory) };
}

it('the same answers, counts and memory; fuel for all that ran, and not much more', (test) => {
  let counted = 0;
  let charged = 0;
  fc.assert(
    fc.property(fc.integer(), (seed) => {
      const { text } = randomProgram(seed);
      const bytes = assemble(text);
      const names = text.functions.flatMap(({ name }) => (name === undefined ? [] : [name]));
      const plain = run(new WebAssembly.Instance(new WebAssembly.Module(bytes), {}).exports, names);
      for (const isolates of [false, true]) {
        const metered = new Metered(bytes, { isolates });
        metered.fuel = plentyOfFuel;
        const outcome = run(metered.exports, names);
        assert.deepEqual(outcome.answers, plain.answers);
        assert.equal(outcome.count, plain.count);
        assert.equal(Buffer.compare(outcome.memory, plain.memory), 0);
        const paid = plentyOfFuel - metered.fuel;
        assert(paid >= plain.count * instructionsACount, `${plain.count} ran for ${paid}`);
        counted += plain.count * instructionsACount;
        charged += paid;
      }
    }),
    propertySettings(test, 400),
  );
  test.diagnostic(`${counted} counted instructions of ${charged} paid for`);
});

it('with less fuel than it takes a program ends early, and has run no more than it paid for', (test) => {
  fc.assert(
    fc.property(fc.integer(), fc.double({ min: 0, max: 1.2, noNaN: true }), (seed, share) => {
      const bytes = assemble(randomProgram(seed).text);
      const cost = new Metered(bytes).costOf('f0', 7);
      const metered = new Metered(bytes);
      const fuel = Math.floor(cost * share);
      metered.fuel = fuel;
      if (fuel >= cost) metered.call('f0', 7);
      else {
        assert.throws(() => metered.call('f0', 7), /unreachable/);
        assert(metered.fuel < 0);
      }
      assert(globalOf(metered.exports, 'count') * instructionsACount <= fuel);
    }),
    propertySettings(test, 400),
  );
});

it('after a reset a program does again what it did the first time', (test) => {
  fc.assert(
    fc.property(fc.integer(), (seed) => {
      const { text } = randomProgram(seed);
      const metered = new Metered(assemble(text), { isolates: true });
      metered.save();
      const before = Buffer.from(metered.memory);
      const first = run(metered.exports, ['f0']);
      assert.equal(metered.reset(), 0);
      assert.equal(Buffer.compare(metered.memory, before), 0);
      assert.deepEqual(run(metered.exports, ['f0']), first);
    }),
    propertySettings(test, 300),
  );
});
