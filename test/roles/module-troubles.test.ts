/** Failures of a module are counted over all workers, and forgotten when they have stopped. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ModuleTroubles, recoveredMs } from '#roles/module-troubles.ts';
import { failuresMax, failureWindowMs } from '#wasm/failure-window.ts';

const failure = {
  name: 'own',
  sha256: 'a',
  reason: 'unreachable',
  isItsDoing: true,
  isQuarantine: false,
  offsets: [],
};

function troubles() {
  const said: string[] = [];
  return { said, all: new ModuleTroubles((name, reason) => said.push(`${name}: ${reason}`)) };
}

describe('failures of a module', () => {
  it('are too many when five come within ten seconds, whichever workers report them', () => {
    const { all } = troubles();
    const at = Array.from({ length: failuresMax }, (_, i) => i * 1_000);
    assert.deepEqual(
      at.map((ms) => all.note(failure, ms)),
      [false, false, false, false, true],
    );
  });

  it('are not too many when they come slowly', () => {
    const { all } = troubles();
    for (let i = 0; i < 50; i++)
      assert.equal(all.note(failure, (i * failureWindowMs) / (failuresMax - 1)), false);
  });

  it('do not count against another version', () => {
    const { all } = troubles();
    for (let i = 0; i < 4; i++) assert.equal(all.note(failure, i), false);
    for (let i = 0; i < 4; i++) assert.equal(all.note({ ...failure, sha256: 'b' }, 10 + i), false);
  });

  it('do not count where a client can bring them about', () => {
    const { all } = troubles();
    for (let i = 0; i < 20; i++)
      assert.equal(all.note({ ...failure, isItsDoing: false }, i), false);
  });

  it('are said, and taken back when there was none for a minute', (test) => {
    test.mock.timers.enable({ apis: ['setTimeout'] });
    const { all, said } = troubles();
    all.note(failure, 0);
    test.mock.timers.tick(recoveredMs - 1);
    all.note({ ...failure, reason: 'fuel' }, 0);
    test.mock.timers.tick(recoveredMs - 1);
    assert.deepEqual(said, ['own: unreachable', 'own: fuel']);
    test.mock.timers.tick(1);
    assert.deepEqual(said.at(-1), 'own: null');
  });
});
