/** What a guest does for no request gets a tenth of the time, and its turn. */
import assert from 'node:assert/strict';
import { it, type TestContext } from 'node:test';
import { Background, tickMsMax, tickMsMin } from '#wasm/proxy-wasm/background.ts';

/** A clock that stands still but for `work`, and timers that are moved by hand. */
function stillClock(test: TestContext) {
  let now = 1_000_000;
  test.mock.method(performance, 'now', () => now);
  test.mock.timers.enable({ apis: ['setTimeout'] });
  return {
    work: (ms: number): void => {
      now += ms;
    },
    pass(ms: number): void {
      for (let i = 0; i < ms; i++) {
        now++;
        test.mock.timers.tick(1);
      }
    },
  };
}

it('ticks come as often as asked for, within bounds', (test) => {
  const { pass } = stillClock(test);
  let ticks = 0;
  const background = new Background(() => ticks++);
  background.setTick(1);
  pass(tickMsMin - 1);
  assert.equal(ticks, 0);
  pass(1);
  assert.equal(ticks, 1);
  background.setTick(50);
  pass(100);
  assert.equal(ticks, 3);
  background.setTick(2 ** 32 - 1);
  pass(1_000);
  assert.equal(ticks, 3);
  assert.ok(tickMsMax < 2 ** 31);
  background.setTick(10);
  background.end();
  pass(100);
  assert.equal(ticks, 3);
});

it('a long tick is followed by a rest nine times as long', (test) => {
  const { pass, work } = stillClock(test);
  let ticks = 0;
  const background = new Background(() => {
    ticks++;
    work(20);
  });
  background.setTick(10);
  pass(10);
  assert.equal(ticks, 1);
  pass(179);
  assert.equal(ticks, 1);
  pass(1);
  assert.equal(ticks, 2);
  background.end();
});

it('a period set in a tick counts from there, once', (test) => {
  const { pass } = stillClock(test);
  let ticks = 0;
  const background = new Background(() => {
    ticks++;
    background.setTick(ticks === 3 ? 0 : 20);
  });
  background.setTick(10);
  pass(500);
  assert.equal(ticks, 3);
});

it('pieces come in order, and those that bring about the next ones rest in between', (test) => {
  const { pass, work } = stillClock(test);
  const done: string[] = [];
  const background = new Background(() => {});
  for (const name of ['a', 'b']) background.add(() => done.push(name));
  pass(1);
  assert.deepEqual(done, ['a', 'b']);
  const again = (): void => {
    done.push('again');
    work(10);
    background.add(again);
  };
  background.add(again);
  pass(1);
  assert.equal(done.length, 3);
  pass(89);
  assert.equal(done.length, 3);
  pass(2);
  assert.equal(done.length, 4);
  background.end();
  pass(200);
  assert.equal(done.length, 4);
});
