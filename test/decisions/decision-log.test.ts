/** One member's log: what it takes, what it refuses and why, what it still knows after a restart. */
import assert from 'node:assert/strict';
import { type KeyObject, sign } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { type Batch, encodeBatch } from '#decisions/batch.ts';
import { clockSkewMaxMs, type Decision, decisionLifeMaxMs } from '#decisions/decision.ts';
import { DecisionLog } from '#decisions/decision-log.ts';
import { parseTrust } from '#decisions/trust.ts';
import { bytesOf, outcome, targetsOf } from '../support/decision-outcomes.ts';
import { FleetMembers } from '../support/fleet-members.ts';

const t0 = Date.UTC(2026, 0, 5, 12);
const hour = 3_600_000;
const places = 2 ** 20;
const firstPlace = (t0 / 60_000) * places;

const decisionOn = (target: string, more: Partial<Decision> = {}): Decision => ({
  target,
  action: 'drop',
  at: { ms: t0, counter: 0 },
  expiresAtMs: t0 + hour,
  shadowUntilMs: t0 + hour,
  reason: '',
  origin: 'test',
  ...more,
});

const batchOf = (more: Partial<Batch> = {}): Batch => {
  const decisions = more.decisions ?? [decisionOn('192.0.2.7')];
  const expiresAtMs = Math.max(...decisions.map(({ shadowUntilMs }) => shadowUntilMs));
  return { issuer: 'a', sequence: firstPlace, issuedAtMs: t0, expiresAtMs, ...more, decisions };
};

describe('the decision log of a member', () => {
  it('hands a decision to another member, which enforces it', () => {
    using fleet = new FleetMembers(['a', 'b'], {}, t0);
    const issued = fleet.log('a').issue([fleet.drop('192.0.2.7', t0 + hour)], t0);
    assert.deepEqual(
      issued.change.add.map(({ target, issuer }) => [target, issuer]),
      [['192.0.2.7', 'a']],
    );
    assert.equal(outcome(fleet.log('b').accept(bytesOf(issued), t0)), 'applied');
    assert.deepEqual(fleet.log('b').enforced.find('192.0.2.7'), issued.change.add[0]);
    assert.deepEqual(fleet.log('a').digest(), fleet.log('b').digest());
    assert.equal(outcome(fleet.log('b').accept(bytesOf(issued), t0)), 'duplicate');
  });

  it('lets the newest word hold: by time, then counter, then issuer', () => {
    using fleet = new FleetMembers(['a', 'b', 'c'], {}, t0);
    const say = (issuer: string, sequence: number, at: Decision['at'], reason: string) =>
      encodeBatch(
        batchOf({
          issuer,
          sequence: firstPlace + sequence,
          decisions: [decisionOn('192.0.2.7', { at, reason })],
        }),
        'test',
        fleet.key(issuer),
      );
    const said = [
      say('b', 0, { ms: t0, counter: 0 }, '2'),
      say('a', 0, { ms: t0, counter: 0 }, '1'),
      say('a', 1, { ms: t0, counter: 1 }, '3'),
      say('a', 2, { ms: t0 + 1, counter: 0 }, '4'),
    ];
    const holds = said.map((bytes) => {
      fleet.log('c').accept(bytes, t0 + 1);
      return fleet.log('c').enforced.find('192.0.2.7')?.reason;
    });
    assert.deepEqual(holds, ['2', '2', '3', '4']);
  });

  it('knows all of it after a restart, and goes on with its numbers and its clock', () => {
    using fleet = new FleetMembers(['a', 'b'], {}, t0);
    const first = fleet.log('a').issue([fleet.drop('192.0.2.7', t0 + hour)], t0);
    fleet.log('b').accept(bytesOf(first), t0);
    const digest = fleet.log('b').digest();
    assert.deepEqual(fleet.restart('b').digest(), digest);
    assert.deepEqual(targetsOf(fleet.log('b')), ['192.0.2.7']);
    // Its clock was set back meanwhile: the word of now is newer all the same.
    const cleared = fleet
      .restart('a', t0 - 300_000)
      .issue([fleet.clear('192.0.2.7')], t0 - 300_000);
    assert.ok((cleared.batches[0]?.sequence ?? 0) > (first.batches[0]?.sequence ?? 0));
    const result = fleet.log('b').accept(bytesOf(cleared), t0);
    assert.deepEqual(result.kind === 'applied' && result.change.remove, ['192.0.2.7']);
  });

  it('decides after what it has seen, though its clock is ten minutes behind', () => {
    using fleet = new FleetMembers(['a', 'b'], {}, t0);
    const drop = fleet.log('a').issue([fleet.drop('192.0.2.7', t0 + hour)], t0);
    fleet.log('b').accept(bytesOf(drop), t0 - 600_000);
    const clear = fleet.log('b').issue([fleet.clear('192.0.2.7')], t0 - 600_000);
    fleet.log('a').accept(bytesOf(clear), t0);
    assert.deepEqual(targetsOf(fleet.log('a')), []);
  });

  const refused: readonly {
    readonly what: string;
    readonly batch?: Partial<Batch>;
    readonly key?: (fleet: FleetMembers) => KeyObject;
    readonly fleetName?: string;
    readonly nowMs?: number;
    readonly edit?: (bytes: Buffer) => Buffer;
    readonly is: string;
  }[] = [
    { what: 'nothing', edit: () => Buffer.alloc(0), is: 'malformed null' },
    { what: 'half a batch', edit: (bytes) => bytes.subarray(0, 60), is: 'malformed null' },
    {
      what: 'a byte changed',
      edit: (bytes) => {
        bytes[90] = 0;
        return bytes;
      },
      is: 'unsigned null',
    },
    { what: 'the key of another member', key: (fleet) => fleet.key('b'), is: 'unsigned null' },
    { what: 'another fleet', fleetName: 'other', is: 'unsigned null' },
    { what: 'an issuer nobody knows', batch: { issuer: 'x' }, is: 'unknown-issuer null' },
    {
      what: 'an issuer that may not',
      batch: { issuer: 'c' },
      key: (fleet) => fleet.key('c'),
      is: 'not-allowed c',
    },
    {
      what: 'a retired issuer',
      batch: { issuer: 'r' },
      key: (fleet) => fleet.key('r'),
      is: 'not-allowed r',
    },
    { what: 'the future', nowMs: t0 - clockSkewMaxMs - 1, is: 'future a' },
    {
      what: 'a batch of the future',
      batch: { issuedAtMs: t0 + clockSkewMaxMs + 1 },
      is: 'future a',
    },
    {
      what: 'a decision of the future',
      batch: {
        decisions: [
          decisionOn('192.0.2.7', {
            at: { ms: t0 + clockSkewMaxMs + 1, counter: 0 },
            expiresAtMs: t0 + hour,
            shadowUntilMs: t0 + hour,
          }),
        ],
      },
      is: 'future a',
    },
    { what: 'what has ended', nowMs: t0 + hour, is: 'expired a' },
    {
      what: 'a number of another minute',
      batch: { sequence: firstPlace + places },
      is: 'malformed a',
    },
    {
      what: 'more than a minute has',
      batch: { sequence: firstPlace + 10_000 },
      is: 'over-budget a',
    },
    {
      what: 'an end beyond the longest life',
      batch: {
        decisions: [
          decisionOn('192.0.2.7', {
            at: { ms: t0 + 900_000, counter: 0 },
            shadowUntilMs: t0 + 900_001 + decisionLifeMaxMs,
          }),
        ],
      },
      is: 'malformed a',
    },
    {
      what: "an end that is not its decisions'",
      batch: { expiresAtMs: t0 + hour + 1 },
      is: 'malformed a',
    },
  ];
  for (const { what, batch, key, fleetName, nowMs, edit, is } of refused)
    it(`refuses ${what}`, () => {
      using fleet = new FleetMembers(
        ['a', 'b', 'c', 'r'],
        { c: { may: ['command'] }, r: { retired: '2026-01-05T11:59:59Z' } },
        t0,
      );
      const signer = key?.(fleet) ?? fleet.key('a');
      const bytes = encodeBatch(batchOf(batch), fleetName ?? 'test', signer);
      const log = fleet.log('b');
      const before = log.digest();
      assert.equal(outcome(log.accept(edit?.(bytes) ?? bytes, nowMs ?? t0)), is);
      assert.deepEqual(log.digest(), before);
      assert.equal(log.batches, 0);
    });

  it('takes the last place of a budget, and the bounds of the clock', () => {
    using fleet = new FleetMembers(['a', 'b'], {}, t0);
    const last = encodeBatch(batchOf({ sequence: firstPlace + 9_999 }), 'test', fleet.key('a'));
    assert.equal(outcome(fleet.log('b').accept(last, t0 - clockSkewMaxMs)), 'applied');
    const other = encodeBatch(
      batchOf({ issuer: 'b', decisions: [decisionOn('192.0.2.8')] }),
      'test',
      fleet.key('b'),
    );
    assert.equal(outcome(fleet.log('b').accept(other, t0 + hour - 1)), 'applied');
  });

  it('answers the same to a budget spent, whatever comes first', () => {
    using fleet = new FleetMembers(['a', 'b', 'c'], { a: { budget: 3 } }, t0);
    const [one, two, three] = [
      [0, 2],
      [2, 1],
      [3, 1],
    ].map(([place = 0, count = 0]) =>
      encodeBatch(
        batchOf({
          sequence: firstPlace + place,
          decisions: Array.from({ length: count }, (_, index) =>
            decisionOn(`192.0.2.${place + index}`),
          ),
        }),
        'test',
        fleet.key('a'),
      ),
    ) as [Buffer, Buffer, Buffer];
    const forwards = fleet.log('b').acceptAll([one, two, three], t0).map(outcome);
    const backwards = fleet.log('c').acceptAll([three, two, one], t0).map(outcome);
    assert.deepEqual(forwards, ['applied', 'applied', 'over-budget a']);
    assert.deepEqual(backwards, [...forwards].reverse());
    assert.deepEqual(fleet.log('b').digest(), fleet.log('c').digest());
  });

  it('takes two batches in the same places, and no more of them than a lost disk explains', () => {
    using fleet = new FleetMembers(['a', 'b'], { a: { budget: 3 } }, t0);
    const put = (sequence: number, ...targets: string[]) => {
      const decisions = targets.map((target) => decisionOn(target));
      const batch = batchOf({ sequence: firstPlace + sequence, decisions });
      return outcome(fleet.log('b').accept(encodeBatch(batch, 'test', fleet.key('a')), t0));
    };
    assert.equal(put(0, '192.0.2.1', '192.0.2.2'), 'applied');
    assert.equal(fleet.log('b').doubled.size, 0);
    assert.equal(put(0, '192.0.2.3', '192.0.2.4'), 'applied');
    assert.equal(put(1, '192.0.2.5', '192.0.2.6'), 'applied');
    assert.deepEqual([...fleet.log('b').doubled], [['a', 2]]);
    assert.equal(put(0, '192.0.2.7'), 'conflict a');
    assert.equal(put(1, '192.0.2.7'), 'conflict a');
    assert.equal(targetsOf(fleet.restart('b')).length, 6);
  });

  it('limits itself to its budget, and says when there is more of it', () => {
    using fleet = new FleetMembers(['a'], { a: { budget: 2 } }, t0);
    const log = fleet.log('a');
    const drops = (from: number, count: number) =>
      Array.from({ length: count }, (_, index) => fleet.drop(`192.0.2.${from + index}`, t0 + hour));
    log.issue(drops(1, 2), t0 + 12_000);
    assert.throws(() => log.issue(drops(3, 1), t0 + 13_000), {
      code: 'FLEET_BUDGET_SPENT',
      message: /2 decisions a minute: 2 are issued, and 1 more do not fit; try again in 47 s/,
    });
    assert.throws(() => log.issue(drops(3, 3), t0 + 60_000), {
      code: 'FLEET_BUDGET_SPENT',
      message: /3 decisions are more than the 2/,
    });
    assert.equal(targetsOf(log).length, 2);
    log.issue(drops(3, 2), t0 + 60_000);
    assert.equal(targetsOf(fleet.restart('a', t0 + 60_000)).length, 4);
  });

  const unwanted: readonly (readonly [string, string, number, string, RegExp])[] = [
    ['a name', 'example.org', hour, 'BLOCK_TARGET_INVALID', /is not an address/],
    ['an end that has come', '192.0.2.1', 0, 'FLEET_DECISION_INVALID', /has ended/],
    ['an end too far', '192.0.2.1', decisionLifeMaxMs + 1, 'FLEET_DECISION_INVALID', /30 days/],
    ['a part of the Internet', '128.0.0.0/7', hour, 'FLEET_DECISION_INVALID', /wider than \/8/],
    ['a part of IPv6', '2000::/15', hour, 'FLEET_DECISION_INVALID', /wider than \/16/],
    ['what it lives by', '10.0.0.0/8', hour, 'FLEET_TARGET_PROTECTED', /lives by/],
  ];
  for (const [what, target, lives, code, message] of unwanted)
    it(`issues nothing for ${what}`, () => {
      using fleet = new FleetMembers(['a'], {}, t0);
      fleet.protected = ['10.1.0.0/16'];
      const drops = [fleet.drop('192.0.2.9', t0 + hour), fleet.drop(target, t0 + lives)];
      assert.throws(() => fleet.log('a').issue(drops, t0), { code, message });
      assert.equal(fleet.log('a').entries, 0);
    });

  it('issues nothing where the trust file does not have its key, its right or its name', () => {
    using fleet = new FleetMembers(['a', 'b'], { b: { may: [] } }, t0);
    const issue = (id: string) => () =>
      fleet.log(id).issue([fleet.drop('192.0.2.9', t0 + hour)], t0);
    assert.throws(issue('b'), { code: 'FLEET_NOT_ALLOWED', message: /add "block"/ });
    fleet.keys.set('a', fleet.key('b'));
    assert.throws(issue('a'), { code: 'FLEET_NOT_ALLOWED', message: /signing key/ });
    fleet.keys.set('x', fleet.key('b'));
    assert.throws(issue('x'), { code: 'FLEET_NOT_ALLOWED', message: /does not name it/ });
  });

  it('keeps what hits it and does not enforce it, so that all members know the same', () => {
    using fleet = new FleetMembers(['a', 'b'], {}, t0);
    const issued = fleet
      .log('a')
      .issue(
        [
          fleet.drop('10.0.0.0/8', t0 + hour),
          fleet.drop('10.1.2.3', t0 + hour),
          { ...fleet.drop('10.1.2.4', t0 + hour), action: 'monitor' },
          fleet.drop('192.0.2.9', t0 + hour),
        ],
        t0,
      );
    fleet.protected = ['10.1.0.0/16'];
    const log = fleet.log('b');
    log.accept(bytesOf(issued), t0);
    assert.deepEqual(log.digest(), fleet.log('a').digest());
    assert.deepEqual(targetsOf(log), ['10.1.2.4', '192.0.2.9']);
    assert.deepEqual([...log.enforced.spared.keys()].sort(), ['10.0.0.0/8', '10.1.2.3']);
    const change = log.protect(['192.0.2.0/24'], t0);
    assert.deepEqual(change.add.map(({ target }) => target).sort(), ['10.0.0.0/8', '10.1.2.3']);
    assert.deepEqual(change.remove, ['192.0.2.9']);
  });

  it('keeps what is too wide and does not enforce it, whoever signed it', () => {
    using fleet = new FleetMembers(['a', 'b'], {}, t0);
    const log = fleet.log('b');
    // No member of ours issues it, so it is signed by hand.
    const decisions = ['128.0.0.0/7', '2000::/15', '12.0.0.0/8', '2001::/16'].map((target) => ({
      ...{ ...fleet.drop(target, t0 + hour), at: { ms: t0, counter: 0 } },
      shadowUntilMs: t0 + hour,
    }));
    const batch = {
      issuer: 'a',
      sequence: firstPlace,
      issuedAtMs: t0,
      expiresAtMs: t0 + hour,
      decisions,
    };
    const bytes = encodeBatch(batch, 'test', fleet.key('a'));
    assert.partialDeepStrictEqual(log.accept(bytes, t0), { kind: 'applied' });
    assert.deepEqual(targetsOf(log).sort(), ['12.0.0.0/8', '2001::/16']);
    assert.deepEqual([...log.enforced.spared.keys()].sort(), ['128.0.0.0/7', '2000::/15']);
  });

  it('goes on after its own numbers when it has lost its disk', () => {
    using fleet = new FleetMembers(['a', 'b'], {}, t0);
    const first = fleet.log('a').issue([fleet.drop('192.0.2.7', t0 + hour)], t0);
    fleet.log('b').accept(bytesOf(first), t0);
    fleet.wipe('a');
    const { batches } = fleet.log('b').piece({ buckets: null, after: null, bytesMax: 1e6 });
    assert.deepEqual(fleet.log('a').acceptAll(batches, t0).map(outcome), ['applied']);
    const second = fleet.log('a').issue([fleet.drop('192.0.2.8', t0 + hour)], t0);
    assert.ok((second.batches[0]?.sequence ?? 0) > (first.batches[0]?.sequence ?? 0));
    assert.equal(outcome(fleet.log('b').accept(bytesOf(second), t0)), 'applied');
    assert.equal(fleet.log('b').doubled.size, 0);
  });

  it('believes nothing of a member with another key, or that is no longer named', () => {
    using fleet = new FleetMembers(['a', 'b', 'c', 'd'], {}, t0);
    for (const [index, id] of ['a', 'c', 'd'].entries()) {
      const drop = fleet.drop(`192.0.2.${index}`, t0 + hour);
      fleet.log('b').accept(bytesOf(fleet.log(id).issue([drop], t0)), t0);
    }
    const [a, b, c, d] = fleet.trustFile.members;
    assert.ok(a && b && c && d);
    // c has a new key, d is gone, a is retired.
    const members = [{ ...a, retired: new Date(t0 + 1).toISOString() }, b, { ...c, key: d.key }];
    fleet.trust = parseTrust(JSON.stringify({ fleet: 'test', members }), 'trust.json');
    const log = fleet.restart('b');
    assert.deepEqual(targetsOf(log), ['192.0.2.0']);
    assert.equal(log.distrusted, 2);
    log.compact();
    assert.equal(fleet.restart('b').distrusted, 0);
  });

  it('has room for so many decisions and no more', () => {
    using fleet = new FleetMembers(['a', 'b'], {}, t0);
    fleet.entriesMax = 2;
    const [a, b] = [fleet.log('a'), fleet.log('b')];
    const drops = ['192.0.2.1', '192.0.2.2', '192.0.2.3'].map((target) =>
      fleet.drop(target, t0 + hour),
    );
    assert.throws(() => a.issue(drops, t0), {
      code: 'FLEET_LIST_FULL',
      message: /holds 0 of 2 decisions, and 3 more do not fit/,
    });
    const full = a.issue(drops.slice(0, 2), t0);
    b.issue(drops.slice(2), t0);
    assert.equal(outcome(b.accept(bytesOf(full), t0)), 'full a');
    b.expire(t0 + hour);
    assert.equal(b.entries, 0);
  });

  it('gives what another lacks in pieces', () => {
    using fleet = new FleetMembers(['a', 'b'], {}, t0);
    const [a, b] = [fleet.log('a'), fleet.log('b')];
    for (let index = 0; index < 20; index++)
      a.issue([fleet.drop(`192.0.2.${index}`, t0 + hour)], t0 + index);
    let after: string | null = null;
    let pieces = 0;
    do {
      const piece = a.piece({ buckets: null, after, bytesMax: 1_000 });
      assert.ok(piece.batches.length >= 1);
      assert.ok(piece.batches.reduce((sum, { length }) => sum + length, 0) <= 1_000);
      b.acceptAll(piece.batches, t0 + hour / 2);
      after = piece.next;
      pieces++;
    } while (after !== null);
    assert.ok(pieces > 1);
    assert.deepEqual(b.digest(), a.digest());
    const one = a.issue([fleet.drop('198.51.100.1', t0 + hour)], t0 + 100);
    const buckets = b.differing(a.digest().buckets);
    assert.equal(buckets.length, 1);
    const known = new Set(b.known(buckets));
    const lacking = a.piece({ buckets, after: null, known, bytesMax: 1e6 }).batches;
    assert.deepEqual(
      lacking.map((bytes) => Buffer.from(bytes)),
      [Buffer.from(bytesOf(one))],
    );
  });

  it('is one process at a time, and says so', () => {
    using fleet = new FleetMembers(['a'], {}, t0);
    fleet.log('a');
    const options = { directory: fleet.folderOf('a'), trust: fleet.trust, protected: [] };
    const self = { id: 'a', privateKey: fleet.key('a') };
    assert.throws(() => DecisionLog.open({ ...options, self }, t0), {
      code: 'STATE_UNUSABLE',
      message: /decisions\.db is in use by another process; stop it/,
    });
  });

  it('says what to do about a damaged file, and leaves it as it is', () => {
    using fleet = new FleetMembers(['a'], {}, t0);
    const file = join(fleet.folderOf('a'), 'decisions.db');
    const drops = Array.from({ length: 900 }, (_, index) =>
      fleet.drop(`10.0.${index >> 8}.${index & 255}`, t0 + hour),
    );
    fleet.log('a').issue(drops, t0);
    fleet.log('a').close();
    const good = readFileSync(file);
    const opens = () => fleet.restart('a');
    // The first page, and what is written in the middle of a batch.
    for (const [from, to] of [
      [0, 100],
      [good.indexOf('10.0.1.'), good.indexOf('10.0.1.') + 7],
    ] as const) {
      const bad = Buffer.from(good).fill(0x21, from, to);
      writeFileSync(file, bad);
      assert.throws(opens, {
        code: 'STATE_UNUSABLE',
        message: /damaged.*move (?:it|the file) away: the other members of the fleet fill it again/,
      });
      assert.ok(readFileSync(file).equals(bad));
    }
    writeFileSync(file, good);
    assert.equal(opens().entries, 900);
  });

  it('refuses a signature over another kind of text', () => {
    using fleet = new FleetMembers(['a', 'b'], {}, t0);
    const bytes = encodeBatch(batchOf(), 'test', fleet.key('a'));
    const unsigned = bytes.subarray(0, -64);
    const forged = Buffer.concat([unsigned, sign(null, unsigned, fleet.key('a'))]);
    assert.equal(outcome(fleet.log('b').accept(forged, t0)), 'unsigned null');
  });
});
