/** Who is taken for hung: what counts is what a worker could have done, not how long it was silent. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { pino } from 'pino';
import { parseThreadState, readThreadState, type ThreadState } from '#roles/thread-state.ts';
import { lookMs, type WatchedSlot, WorkerWatch } from '#roles/worker-watch.ts';

const hangMs = 15_000;

/** Workers whose main threads do as they are told, looked at once a second of a clock of our own. */
class Workers {
  now = 1_000_000;
  readonly killed: number[] = [];
  readonly troubles = new Map<string, string | null>();
  readonly events: string[] = [];
  readonly slots: (WatchedSlot & {
    state: WatchedSlot['state'];
    worker: { pid: number; heardAt: number; kill(): void } | null;
  })[];
  readonly threads = new Map<number, ThreadState>();
  readonly watch: WorkerWatch;

  constructor(count: number) {
    this.slots = Array.from({ length: count }, (_, index) => ({
      index,
      state: 'ready' as const,
      worker: null,
      hangs: 0,
    }));
    for (const { index } of this.slots) this.fill(index);
    this.watch = new WorkerWatch({
      slots: this.slots,
      hangMs: () => hangMs,
      log: pino({ level: 'silent' }),
      setDegraded: (part, reason) => this.troubles.set(part, reason),
      onHang: (reason) => this.events.push(reason),
      now: () => this.now,
      threadOf: (pid) => this.threads.get(pid) ?? null,
    });
  }

  fill(index: number): void {
    const pid = 100 + index;
    const slot = this.slots[index];
    assert(slot !== undefined);
    slot.worker = { pid, heardAt: this.now, kill: () => this.killed.push(pid) };
    this.threads.set(pid, { state: 'S', cpuMs: 0 });
  }

  /** `cpuShare` of each second is used by the main thread of the worker in slot 0. */
  seconds(count: number, state: string, cpuShare: number, slot = 0): void {
    const pid = 100 + slot;
    for (let second = 0; second < count; second++) {
      this.now += lookMs;
      const cpuMs = (this.threads.get(pid)?.cpuMs ?? 0) + cpuShare * lookMs;
      this.threads.set(pid, { state, cpuMs });
      this.watch.look();
    }
  }
}

const cases: readonly (readonly [
  name: string,
  state: string,
  cpuShare: number,
  seconds: number,
  isEnded: boolean,
])[] = [
  ['in an endless loop is ended', 'R', 1, 30, true],
  ['in an endless loop on a busy machine is ended, later', 'R', 0.1, 200, true],
  ['that has not had its time yet is left alone', 'R', 0.1, 140, false],
  ['that gets no processor is left alone', 'R', 0, 3_600, false],
  ['that waits for a disk is left alone', 'D', 0, 3_600, false],
  ['that a debugger holds is left alone', 't', 0, 3_600, false],
  ['that sleeps and says nothing is ended', 'S', 0, 30, true],
  ['that somebody has stopped is ended', 'T', 0, 30, true],
];

describe('a worker', () => {
  for (const [name, state, cpuShare, seconds, isEnded] of cases)
    it(name, () => {
      const workers = new Workers(1);
      workers.seconds(seconds, state, cpuShare);
      assert.deepEqual(workers.killed.slice(0, 1), isEnded ? [100] : []);
      assert.equal(workers.watch.hangsTotal > 0, isEnded);
      assert.equal(workers.events.length > 0, isEnded);
    });

  it('that speaks now and then is left alone, however much it works', () => {
    const workers = new Workers(1);
    for (let round = 0; round < 100; round++) {
      workers.seconds(10, 'R', 1);
      heard(workers, 0);
    }
    assert.deepEqual(workers.killed, []);
  });

  it('has four times as long to start, and may wait for files', () => {
    const workers = new Workers(1);
    const slot = workers.slots[0];
    assert(slot !== undefined);
    slot.state = 'starting';
    workers.seconds(600, 'S', 0);
    workers.seconds(55, 'R', 1);
    assert.deepEqual(workers.killed, []);
    workers.seconds(10, 'R', 1);
    assert.deepEqual(workers.killed, [100]);
  });

  it('that drains or has ended is nobody to look at', () => {
    const workers = new Workers(1);
    const slot = workers.slots[0];
    assert(slot !== undefined);
    slot.state = 'draining';
    workers.seconds(100, 'R', 1);
    assert.deepEqual(workers.killed, []);
  });
});

describe('the watch', () => {
  it('does not hold against the workers what it did not see itself', () => {
    const workers = new Workers(1);
    workers.seconds(5, 'S', 0);
    workers.now += 3_600_000;
    workers.watch.look();
    assert.deepEqual(workers.killed, []);
    heard(workers, 0);
    workers.seconds(2, 'S', 0);
    assert.deepEqual(workers.killed, []);
  });

  it('says of whom it ended what was wrong, counts it in its slot, and no longer after ten minutes', () => {
    const workers = new Workers(2);
    for (let second = 0; second < 25; second++) {
      heard(workers, 1);
      workers.seconds(1, 'R', 1);
    }
    assert.deepEqual(workers.killed, [100]);
    assert.deepEqual([workers.slots[0]?.hangs, workers.slots[1]?.hangs], [1, 0]);
    assert.match(
      workers.troubles.get('hang of worker 0') ?? '',
      /^process 100 has not come back to its event loop for 1[56] s that it could have run and was replaced; 1 in this slot/,
    );
    workers.fill(0);
    for (let second = 0; second < 600; second++) {
      heard(workers, 0);
      heard(workers, 1);
      workers.seconds(1, 'S', 0);
    }
    assert.equal(workers.troubles.get('hang of worker 0'), null);
  });

  it('ends workers that hang together one after another, each in its turn later', () => {
    const workers = new Workers(8);
    const endedAt: number[] = [];
    for (let second = 0; second < 400; second++) {
      const before = workers.killed.length;
      workers.seconds(1, 'T', 0);
      for (const pid of workers.killed.slice(before)) {
        endedAt.push(second);
        const slot = workers.slots[pid - 100];
        if (slot !== undefined) slot.worker = null;
      }
    }
    const gaps = endedAt.slice(1).map((at, index) => at - (endedAt[index] ?? 0));
    assert.deepEqual(gaps, [1, 2, 4, 8, 16, 32, 60]);
    assert.equal(workers.watch.hangsTotal, 8);
  });
});

describe('the state of a thread', () => {
  it('is read behind the last parenthesis of a name', () => {
    const times = '1 1 1 0 -1 4194304 99 0 0 0 12 30 0 0 20 0 1 0';
    assert.deepEqual(parseThreadState(`42 (a) R 9 (x)) S ${times}`), { state: 'S', cpuMs: 420 });
    assert.equal(parseThreadState('42 (weir'), null);
  });

  it('is known of a process that runs, and of no other', {
    skip: process.platform !== 'linux',
  }, () => {
    assert.equal(readThreadState(process.pid)?.state, 'R');
    assert.equal(readThreadState(2 ** 30), null);
  });
});

function heard(workers: Workers, index: number): void {
  const worker = workers.slots[index]?.worker;
  if (worker != null) worker.heardAt = workers.now;
}
