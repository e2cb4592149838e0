/** What a member takes in holds before its disk has it, and is acknowledged after; a disk that fails takes nothing back. */
import assert from 'node:assert/strict';
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { DecisionLog } from '#decisions/decision-log.ts';
import { Intake } from '#fleet/intake.ts';
import { createLog } from '#telemetry/log.ts';
import { outcome } from '../support/decision-outcomes.ts';
import { FleetMembers } from '../support/fleet-members.ts';
import { until } from '../support/until.ts';

const hour = 3_600_000;
const nowMs = Date.now();
const membersOf = () => new FleetMembers(['a', 'b'], {}, nowMs);
const issuedBy = (fleet: FleetMembers, target: string): Uint8Array => {
  const [batch] = fleet.log('a').issue([fleet.drop(target, nowMs + hour)], nowMs).batches;
  return batch?.bytes ?? new Uint8Array();
};

/** What was begun is done by then. */
async function turns(): Promise<void> {
  for (let at = 0; at < 20; at++) await new Promise((resolve) => setImmediate(resolve));
}

/** An intake of `b` that says what happens, in order. */
function intakeOf(log: DecisionLog, monotonicMs?: () => number) {
  const events: string[] = [];
  const problems: (string | null)[] = [];
  const intake = new Intake({
    log,
    now: () => nowMs,
    ...(monotonicMs === undefined ? {} : { monotonicMs }),
    logger: createLog('silent' as 'error', 'test'),
    setProblem: (reason) => problems.push(reason),
    acknowledge: (issuer) => events.push(`ack to ${issuer}`),
    enforce: async ({ add }) => {
      events.push(`enforce ${add.map(({ target }) => target).join(' ')}`);
      return { version: 1, workers: 1, kernel: false };
    },
  });
  return { intake, events, problems };
}

describe('what a member takes in', () => {
  it('is told to workers before the disk is waited for, and acknowledged after', async (test) => {
    using fleet = membersOf();
    const log = fleet.log('b');
    const { intake, events } = intakeOf(log);
    const write = log.write.bind(log);
    test.mock.method(log, 'write', () => {
      events.push(`write ${log.unwritten}`);
      write();
    });
    intake.take(issuedBy(fleet, '192.0.2.1'));
    intake.take(issuedBy(fleet, '192.0.2.2'));
    await until('acknowledged', () => events.length === 4);
    assert.deepEqual(events, ['enforce 192.0.2.1 192.0.2.2', 'write 2', 'ack to a', 'ack to a']);
    assert.equal(log.unwritten, 0);
    await intake.close();
  });

  it('shares a sync of the disk where it comes in a row, and syncs take half of the time', async (test) => {
    using fleet = membersOf();
    const log = fleet.log('b');
    let clockMs = 0;
    const { intake, events } = intakeOf(log, () => clockMs);
    const write = log.write.bind(log);
    let writeMs = 0;
    test.mock.method(log, 'write', () => {
      events.push(`write ${log.unwritten}`);
      clockMs += writeMs;
      write();
    });
    test.mock.timers.enable({ apis: ['setTimeout'] });
    const passes = async (ms: number) => {
      clockMs += ms;
      test.mock.timers.tick(ms);
      await turns();
    };
    await intake.takeAll([issuedBy(fleet, '192.0.2.1')]);
    await turns();
    assert.deepEqual(events.splice(0), ['enforce 192.0.2.1', 'write 1', 'ack to a']);
    for (const target of ['192.0.2.2', '192.0.2.3']) {
      await intake.takeAll([issuedBy(fleet, target)]);
      await turns();
    }
    assert.deepEqual(events.splice(0), ['enforce 192.0.2.2', 'enforce 192.0.2.3']);
    writeMs = 80;
    await passes(10);
    assert.deepEqual(events.splice(0), ['write 2', 'ack to a', 'ack to a']);
    await intake.takeAll([issuedBy(fleet, '192.0.2.4')]);
    await passes(79);
    assert.deepEqual(events.splice(0), ['enforce 192.0.2.4'], 'as long as the last');
    writeMs = 10_000;
    await passes(1);
    assert.deepEqual(events.splice(0), ['write 1', 'ack to a']);
    await intake.takeAll([issuedBy(fleet, '192.0.2.5')]);
    await passes(1_000);
    assert.deepEqual(events, ['enforce 192.0.2.5', 'write 1', 'ack to a'], 'a second at most');
    await intake.close();
  });

  it('holds though the disk takes nothing, is not acknowledged, and is written when it can be', async (test) => {
    using fleet = membersOf();
    const log = fleet.log('b');
    const { intake, events, problems } = intakeOf(log);
    const failing = test.mock.method(log, 'write', () => {
      throw new Error('no room on the disk');
    });
    const bytes = issuedBy(fleet, '192.0.2.1');
    intake.take(bytes);
    await until('said', () => problems.length > 0);
    assert.match(problems[0] ?? '', /decisions cannot be kept: .*no room on the disk/);
    assert.deepEqual(events, ['enforce 192.0.2.1']);
    assert.equal(log.unwritten, 1);
    assert.notEqual(log.enforced.find('192.0.2.1'), null);
    // Whoever repairs itself from here gets it all the same.
    assert.equal(log.piece({ buckets: null, after: null, bytesMax: 1e6 }).batches.length, 1);
    failing.mock.restore();
    await until('written', () => log.unwritten === 0);
    assert.equal(problems.at(-1), null);
    intake.take(bytes);
    await until('acknowledged', () => events.includes('ack to a'));
    await intake.close();
  });

  it('is on disk with whatever is written after it, and not before', () => {
    using fleet = membersOf();
    const log = fleet.log('b');
    log.take(issuedBy(fleet, '192.0.2.1'), nowMs);
    /** As a member that is cut from its power comes back. */
    const cut = (name: string) => {
      using other = new FleetMembers(['a', 'b'], {}, nowMs);
      other.trust = fleet.trust;
      const folder = join(fleet.folder, name);
      cpSync(fleet.folderOf('b'), folder, { recursive: true });
      cpSync(folder, other.folderOf('b'), { recursive: true });
      return [...other.log('b').enforced.all()].map(({ target }) => target);
    };
    assert.deepEqual(cut('before'), []);
    // The tombstone of what it has just heard may not be there without it.
    log.issue([fleet.clear('192.0.2.1'), fleet.drop('192.0.2.2', nowMs + hour)], nowMs);
    assert.equal(log.unwritten, 0);
    assert.deepEqual(cut('after'), ['192.0.2.2']);
    log.take(issuedBy(fleet, '192.0.2.3'), nowMs);
    const again = fleet.restart('b');
    assert.notEqual(again.enforced.find('192.0.2.3'), null, 'closing writes it');
  });

  it('is bounded while the disk takes nothing', () => {
    using fleet = membersOf();
    const batches = ['192.0.2.1', '192.0.2.2', '192.0.2.3'].map((one) => issuedBy(fleet, one));
    const log = DecisionLog.open(
      {
        ...{ directory: fleet.folderOf('b'), trust: fleet.trust, protected: [] },
        self: { id: 'b', privateKey: fleet.key('b') },
        unwrittenBytesMax: (batches[0]?.length ?? 0) * 2,
      },
      nowMs,
    );
    const outcomes = () => batches.map((bytes) => log.take(bytes, nowMs)).map(outcome);
    assert.deepEqual(outcomes(), ['applied', 'applied', 'full a']);
    log.write();
    assert.deepEqual(outcomes(), ['duplicate', 'duplicate', 'applied']);
    log.close();
  });
});
