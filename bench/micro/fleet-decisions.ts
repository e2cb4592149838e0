/**
 * Question: where does the time go when a node takes in a long list of its fleet?
 *
 *     node bench/micro/fleet-decisions.ts [--entries 100000] [--rounds 5]
 *
 * CPU of each stage that a joiner, or a node that was away, goes through, by itself: the rounds' median, after one that is
 * not counted. `taken` is all of decisions.db but the disk; what the list comes to be in a worker is the last two rows.
 * Ends are checked: the digest of the taker is the issuer's, the worker refuses the last address.
 */
import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { parseArgs } from 'node:util';
import { deserialize, serialize } from 'node:v8';
import { encodeBatch, isSignedBy, readBatchHead, readDecisions } from '#decisions/batch.ts';
import { BlockList } from '#proxy/block-list.ts';
import { packBlocks, unpackBlocks } from '#roles/packed-blocks.ts';
import { FleetMembers } from '../../test/support/fleet-members.ts';
import { machine } from '../support/results.ts';

const { values } = parseArgs({
  options: {
    entries: { type: 'string', default: '100000' },
    rounds: { type: 'string', default: '5' },
  },
});
const entries = Number(values.entries);
const rounds = Number(values.rounds);
const nowMs = Date.now();
const targets = Array.from(
  { length: entries },
  (_, at) => `30.${(at >> 16) & 255}.${(at >> 8) & 255}.${at & 255}`,
);
const cpuMs = new Map<string, number[]>();

/** CPU of this process, its collector of garbage included; the disk is waited for without any. */
function timed<T>(stage: string, work: () => T): T {
  const before = process.cpuUsage();
  const result = work();
  const { user, system } = process.cpuUsage(before);
  const times = cpuMs.get(stage) ?? [];
  times.push((user + system) / 1_000);
  cpuMs.set(stage, times);
  return result;
}

function round(): void {
  using fleet = new FleetMembers(['a', 'b'], { a: { budget: entries } }, nowMs);
  fleet.protected = ['10.250.0.0/16', '127.0.0.0/8', '::1', '192.168.1.1', '2001:db8::/32'];
  const [a, b] = [fleet.log('a'), fleet.log('b')];
  const wanted = targets.map((target) => fleet.drop(target, nowMs + 3_600_000));
  const { batches } = timed('decided, signed, on disk', () => a.issue(wanted, nowMs));
  const member = fleet.trust.member('a');
  assert.ok(member !== null);
  timed('  hashed', () => batches.map(({ bytes }) => hash('sha256', bytes, 'hex')));
  timed('  signatures checked', () =>
    assert.ok(batches.every(({ bytes }) => isSignedBy(bytes, fleet.trust.fleet, member.key))),
  );
  const read = timed('  parsed', () =>
    batches.map(({ bytes }) => {
      const head = readBatchHead(bytes);
      const decisions = head === null ? null : readDecisions(bytes, head);
      assert.ok(head !== null && decisions !== null);
      return { ...head, decisions };
    }),
  );
  const key = fleet.key('a');
  timed('  signed anew', () => read.map((batch) => encodeBatch(batch, fleet.trust.fleet, key)));
  const changes = timed('taken', () =>
    batches.map(({ bytes }) => {
      const result = b.take(bytes, nowMs);
      assert.ok(result.kind === 'applied');
      return result.change;
    }),
  );
  timed('written, one commit', () => b.write());
  assert.equal(b.digest().root, a.digest().root);
  timed('loaded from disk', () => fleet.restart('b', nowMs));
  const items = changes.flatMap(({ add }) =>
    add.map(({ target, expiresAtMs, action }) => ({ target, expiresAtMs, action })),
  );
  const sent = timed('packed for a worker', () => serialize(packBlocks(items)));
  const list = new BlockList();
  timed('in force in a worker', () =>
    list.apply(1, unpackBlocks(deserialize(sent) as ReturnType<typeof packBlocks>), []),
  );
  assert.equal(list.refuses(targets.at(-1) ?? ''), true);
}

round();
cpuMs.clear();
for (let at = 0; at < rounds; at++) round();
process.stdout.write(`${entries} decisions, ${rounds} rounds, ${machine}\n`);
for (const [stage, times] of cpuMs) {
  const median = times.toSorted((x, y) => x - y)[times.length >> 1] ?? 0;
  const each = (median * 1_000) / entries;
  process.stdout.write(
    `${stage.padEnd(26)} ${median.toFixed(0).padStart(6)} ms ${each.toFixed(2).padStart(6)} µs each\n`,
  );
}
