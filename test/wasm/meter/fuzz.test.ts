/**
 * Bytes that are nearly a module: the rewriter refuses them with a `MeterFault` or makes of them a module
 * that the engine takes, and then they were valid themselves. What comes out ends, whatever it does.
 */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { it } from 'node:test';
import fc from 'fast-check';
import { MeterFault } from '#wasm/meter/meter-fault.ts';
import { meterExport, meterModule } from '#wasm/meter/meter-module.ts';
import { buildRules } from '../../../scripts/build-rules.ts';
import { mutate } from '../../support/mutated-module.ts';
import { propertySettings } from '../../support/property.ts';
import { generator, randomProgram } from '../../support/random-program.ts';
import { assemble } from '../../support/wasm-text.ts';

const fuel = 20_000;
const options = { fuelAtStart: fuel, memoryPagesMax: 64 } as const;

const shipped = await Promise.all((await buildRules()).map(async ({ path }) => readFile(path)));

/** Null when refused. */
function meter(bytes: Uint8Array, isolates: boolean): Uint8Array | null {
  try {
    return meterModule(bytes, { ...options, isolates }).bytes;
  } catch (error) {
    if (error instanceof MeterFault) return null;
    throw error;
  }
}

/** Calls everything the module exports; whatever it does, it has to come back. */
function callAll(bytes: Uint8Array): void {
  const compiled = new WebAssembly.Module(bytes);
  const imports: Record<string, Record<string, unknown>> = {};
  for (const { module, name } of WebAssembly.Module.imports(compiled)) {
    imports[module] ??= {};
    imports[module][name] = () => 0;
  }
  let exports: Readonly<Record<string, unknown>>;
  try {
    ({ exports } = new WebAssembly.Instance(compiled, imports));
  } catch {
    return;
  }
  const left = exports[meterExport.fuel] as { value: number };
  for (const [name, value] of Object.entries(exports)) {
    if (typeof value !== 'function' || name.startsWith('weir:')) continue;
    left.value = fuel;
    try {
      (value as (...values: number[]) => unknown)(64, 64, 64, 64);
    } catch {
      // A trap, an exhausted stack, an i64: all of them an end.
    }
    assert(left.value <= fuel, `${name} gave itself fuel`);
  }
}

const total = { tried: 0, taken: 0 };

function judge(bytes: Uint8Array): void {
  const wasValid = WebAssembly.validate(bytes);
  for (const isolates of [false, true]) {
    total.tried++;
    const metered = meter(bytes, isolates);
    if (metered === null) continue;
    total.taken++;
    assert(wasValid, 'the rewriter took what the engine refuses');
    assert(WebAssembly.validate(metered), 'the rewriter made what the engine refuses');
    callAll(metered);
  }
}

it('mutations of the shipped modules', (test) => {
  fc.assert(
    fc.property(fc.nat(shipped.length - 1), fc.integer(), (which, seed) => {
      const bytes = shipped[which];
      assert(bytes !== undefined);
      judge(mutate(bytes, generator(seed)));
    }),
    propertySettings(test, 1_500),
  );
  test.diagnostic(`${total.taken} of ${total.tried} were taken`);
  assert(
    total.taken > 20,
    'nearly nothing was taken: the mutations are too rough to mean anything',
  );
});

it('mutations of programs made by chance', (test) => {
  fc.assert(
    fc.property(fc.integer(), fc.integer(), (program, seed) => {
      judge(mutate(assemble(randomProgram(program).text), generator(seed)));
    }),
    propertySettings(test, 1_500),
  );
  test.diagnostic(`${total.taken} of ${total.tried} were taken`);
});

it('bytes that are no module at all', (test) => {
  const header = fc.constant([0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00]);
  fc.assert(
    fc.property(header, fc.uint8Array({ maxLength: 200 }), (start, rest) => {
      judge(Uint8Array.from([...start, ...rest]));
    }),
    propertySettings(test, 3_000),
  );
});

it('lengths that promise more than there is', () => {
  const huge = [0xff, 0xff, 0xff, 0xff, 0x0f];
  for (let id = 0; id <= 13; id++) {
    const header = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];
    judge(Uint8Array.from([...header, id, ...huge]));
    // A vector of four thousand million items in a section of five bytes.
    judge(Uint8Array.from([...header, id, 5, ...huge]));
    judge(Uint8Array.from([...header, id, 6, 1, ...huge]));
  }
});
