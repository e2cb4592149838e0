/** Members of a fleet over a real server: what one decides holds at all, whatever happens in between. */
import assert from 'node:assert/strict';
import { createPrivateKey } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { connect, nkeyAuthenticator } from 'nats';
import { encodeBatch } from '#decisions/batch.ts';
import { type Command, encodeCommand } from '#fleet/command.ts';
import { ensureStream, streamState } from '#fleet/jet-stream.ts';
import { startFleet } from '../support/fleet-folder.ts';
import { block, startMember, type TestMember } from '../support/fleet-node.ts';
import { needsNats } from '../support/nats-server.ts';
import { until } from '../support/until.ts';

const connected = (...members: readonly TestMember[]) =>
  until('connected', () => members.every(({ bus }) => bus.state === 'connected'));
const has = (member: TestMember, target: string) =>
  until(
    () => `${target}: ${JSON.stringify(member.node.status())}`,
    () => member.enforced.has(target),
  );

describe('members of a fleet', { skip: needsNats() }, () => {
  it('a block and its end hold at all of them, and whoever issued it knows how many', async () => {
    await using fleet = await startFleet(['a', 'b', 'c']);
    await using a = startMember(fleet, 'a');
    await using b = startMember(fleet, 'b');
    await using c = startMember(fleet, 'c');
    await connected(a, b, c);
    await Promise.all([a.bus.flush(), b.bus.flush(), c.bus.flush()]);
    const answer = await a.node.issue([block('192.0.2.1')], 5_000);
    assert.deepEqual(
      [answer.acknowledged, answer.others, answer.isPublished, answer.enforced.workers],
      [2, 2, true, 1],
    );
    for (const member of [a, b, c]) assert.equal(member.enforced.get('192.0.2.1'), 'drop');
    const cleared = await b.node.issue([block('192.0.2.1', 'clear')], 5_000);
    assert.equal(cleared.acknowledged, 2);
    for (const member of [a, b, c]) assert.equal(member.enforced.size, 0);
    assert.equal(a.log.digest().root, c.log.digest().root);
  });

  it('a member that comes late is told by the others, without a stream', async () => {
    await using fleet = await startFleet(['a', 'b']);
    await using a = startMember(fleet, 'a');
    await connected(a);
    for (let at = 0; at < 10; at++)
      await a.node.issue(
        Array.from({ length: 300 }, (_, host) => block(`10.${at}.${host >> 8}.${host & 255}`)),
        0,
      );
    await using b = startMember(fleet, 'b');
    await until('in step', () => b.enforced.size === 3_000);
    assert.equal(a.log.digest().root, b.log.digest().root);
  });

  it('what was decided while the server was away reaches the others when it is back', async () => {
    await using fleet = await startFleet(['a', 'b']);
    await using a = startMember(fleet, 'a');
    await using b = startMember(fleet, 'b');
    await connected(a, b);
    await fleet.server.kill();
    await until('away', () => a.bus.state === 'reconnecting' && b.bus.state === 'reconnecting');
    const answer = await a.node.issue([block('192.0.2.2')], 0);
    assert.equal(answer.isPublished, false);
    assert.equal(a.enforced.get('192.0.2.2'), 'drop');
    assert.match(a.degraded.get('fleet') ?? '', /what is known is enforced/);
    await fleet.server.start();
    await has(b, '192.0.2.2');
    await until('well again', () => !a.degraded.has('fleet'));
  });

  it('what the bus lost is found by digest', async () => {
    await using fleet = await startFleet(['a', 'b']);
    await using a = startMember(fleet, 'a', { digestMs: 500 });
    await using b = startMember(fleet, 'b', { digestMs: 500 });
    await connected(a, b);
    // Both have caught up and heard of each other: what comes now comes by comparing.
    for (const { node } of [a, b])
      await until('in step', () => node.status().peers.some(({ inStep }) => inStep === true));
    // Decided and kept, and never published.
    a.log.issue([block('192.0.2.3')], Date.now());
    await has(b, '192.0.2.3');
  });

  it('a member that starts without a server enforces what it knows', async () => {
    await using fleet = await startFleet(['a', 'b']);
    const directory = mkdtempSync(join(tmpdir(), 'weir-member-'));
    {
      await using a = startMember(fleet, 'a', { directory });
      await a.node.issue([block('192.0.2.4')], 0);
    }
    await fleet.server.kill();
    await using again = startMember(fleet, 'a', { directory });
    assert.equal(again.enforced.get('192.0.2.4'), 'drop');
    await until('says so', () => again.node.status().reason === 'connection refused');
    await again.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  it('a stream brings what its issuer cannot tell any more', async () => {
    await using fleet = await startFleet(['a', 'b']);
    await using control = startMember(fleet, 'orchestrator');
    await connected(control);
    await ensureStream(control.bus, 'f');
    {
      await using a = startMember(fleet, 'a');
      await connected(a);
      await a.node.issue([block('192.0.2.5')], 0);
      await a.bus.flush();
    }
    await control.stop();
    await using b = startMember(fleet, 'b');
    await has(b, '192.0.2.5');
  });

  it('a stream that was wiped takes nothing away, and is filled again', async () => {
    await using fleet = await startFleet(['a', 'b', 'c']);
    await using control = startMember(fleet, 'orchestrator');
    await connected(control);
    await ensureStream(control.bus, 'f');
    await using a = startMember(fleet, 'a');
    await connected(a);
    await a.node.issue([block('192.0.2.6'), block('192.0.2.7')], 0);
    await until('kept', async () => (await streamState(control.bus, 'f'))?.lastSequence === 1);
    // Reads it, and so knows where it was.
    a.node.catchUp();
    await until('read', () => a.node.counts.repair.runs > 1);
    await fleet.server.kill();
    fleet.server.wipe();
    await fleet.server.start();
    await connected(control, a);
    await ensureStream(control.bus, 'f');
    a.node.catchUp();
    await until(
      'filled',
      async () => ((await streamState(control.bus, 'f'))?.lastSequence ?? 0) > 0,
    );
    assert.equal(a.enforced.size, 2);
    await until('the control plane too', () => control.enforced.size === 2);
  });

  it('takes nothing that is forged, replayed, expired or of another fleet', async () => {
    await using fleet = await startFleet(['a', 'b', 'c']);
    await using other = await startFleet(['a', 'b'], 'g');
    await using a = startMember(fleet, 'a');
    await using stranger = startMember(other, 'a');
    await connected(a, stranger);
    await using thief = startMember(fleet, 'c');
    // Signs, and is not there to be asked.
    await thief.node.close();
    const good = thief.log.issue([block('192.0.2.8')], Date.now()).batches[0]?.bytes;
    const foreign = stranger.log.issue([block('192.0.2.9')], Date.now()).batches[0]?.bytes;
    assert.ok(good !== undefined && foreign !== undefined);
    const forged = Buffer.from(good);
    forged[forged.length - 70] = (forged[forged.length - 70] as number) ^ 1;
    const nc = await connect({
      servers: fleet.server.url,
      authenticator: nkeyAuthenticator(fleet.seed('c')),
      inboxPrefix: '_INBOX_c',
    });
    const before = a.log.digest().root;
    for (const bytes of [forged, foreign, Buffer.from(''), Buffer.from('{}'), good.subarray(0, 40)])
      nc.publish('weir.f.d.c', bytes);
    for (const text of ['', 'nul', '{}', '{"v":2}', JSON.stringify({ v: 1, node: 'b' })])
      for (const kind of ['hello', 'digest']) nc.publish(`weir.f.n.c.${kind}`, text);
    await nc.flush();
    const refused = () =>
      Object.values(a.node.status().refused).reduce((sum, count) => sum + count, 0);
    await until(
      () => `all refused: ${JSON.stringify(a.node.status())}`,
      () => refused() === 15,
    );
    assert.equal(a.log.digest().root, before);
    assert.equal(a.enforced.size, 0);
    // The same good one twice changes nothing the second time.
    nc.publish('weir.f.d.c', good);
    await has(a, '192.0.2.8');
    const once = a.log.digest().root;
    nc.publish('weir.f.d.c', good);
    await nc.flush();
    await until('seen', () => a.node.counts.intake.duplicates > 0);
    assert.equal(a.log.digest().root, once);
    await nc.close();
  });

  it('obeys a command once, in its time, and of those who may', async () => {
    await using fleet = await startFleet(['a', 'b']);
    const directory = mkdtempSync(join(tmpdir(), 'weir-member-'));
    const key = (id: string) =>
      createPrivateKey(readFileSync(join(fleet.folder, id, 'signing.key')));
    const command = (change: Partial<Command> = {}): Command => ({
      ...{ v: 1, fleet: 'f', issuer: 'orchestrator', node: 'a', sequence: 5, kind: 'drain' },
      ...{ issuedAtMs: Date.now(), expiresAtMs: Date.now() + 60_000, graceMs: null, origin: 'me' },
      ...change,
    });
    const nc = await connect({
      servers: fleet.server.url,
      authenticator: nkeyAuthenticator(fleet.seed('orchestrator')),
      inboxPrefix: '_INBOX_orchestrator',
    });
    const refusedAs = (member: TestMember, reason: string) =>
      until(reason, () => (member.node.status().refused[`command-${reason}`] ?? 0) > 0);
    {
      await using a = startMember(fleet, 'a', { directory });
      await connected(a);
      await a.bus.flush();
      const cases: readonly (readonly [string, Uint8Array])[] = [
        ['malformed', Buffer.from('drain')],
        ['unsigned', encodeCommand(command(), key('b'))],
        ['not-allowed', encodeCommand(command({ issuer: 'b' }), key('b'))],
        ['unknown-issuer', encodeCommand(command({ issuer: 'x' }), key('b'))],
        ['not-for-us', encodeCommand(command({ node: 'b' }), key('orchestrator'))],
        ['expired', encodeCommand(command({ expiresAtMs: Date.now() - 1 }), key('orchestrator'))],
        [
          'future',
          encodeCommand(
            command({ issuedAtMs: Date.now() + 90_000, expiresAtMs: Date.now() + 95_000 }),
            key('orchestrator'),
          ),
        ],
      ];
      for (const [reason, bytes] of cases) {
        nc.publish('weir.f.o.a', bytes);
        await refusedAs(a, reason);
      }
      assert.deepEqual(a.commands, []);
      const answer = await nc.request('weir.f.o.a', encodeCommand(command(), key('orchestrator')));
      assert.deepEqual(answer.json(), { v: 1, node: 'a', sequence: 5, taken: true, reason: '' });
      await until('obeyed', () => a.commands.length === 1);
    }
    // The same one again, after a restart.
    await using again = startMember(fleet, 'a', { directory });
    await connected(again);
    await again.bus.flush();
    nc.publish('weir.f.o.a', encodeCommand(command(), key('orchestrator')));
    await refusedAs(again, 'replayed');
    assert.deepEqual(again.commands, []);
    await nc.close();
    await again.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  it('a member with a hundred thousand decisions fills one that joins, in turns of the event loop', async () => {
    await using fleet = await startFleet(['a']);
    await using control = startMember(fleet, 'orchestrator');
    await connected(control);
    const count = 100_000;
    const target = (at: number) => `10.${at >> 16}.${(at >> 8) & 255}.${at & 255}`;
    for (let at = 0; at < count; at += 10_000)
      control.log.issue(
        Array.from({ length: 10_000 }, (_, index) => block(target(at + index))),
        Date.now(),
      );
    await using a = startMember(fleet, 'a');
    let turns = 0;
    const counting = setInterval(() => turns++, 1);
    await until('all of it', () => a.enforced.size === count);
    clearInterval(counting);
    assert.ok(turns > 20, `${turns} turns`);
    assert.equal(a.log.digest().root, control.log.digest().root);
  });

  it('says when a clock is off', async () => {
    await using fleet = await startFleet(['a', 'b']);
    await using a = startMember(fleet, 'a', { digestMs: 500 });
    await using b = startMember(fleet, 'b', { digestMs: 500, skewMs: 60_000 });
    await until('said', () => a.degraded.get('fleet clock')?.includes('60 s apart') === true);
    // It may not have heard the other yet.
    await until('seen', () => Math.abs((b.node.status().clockSkewMs ?? 0) + 60_000) < 5_000);
  });

  it('says whose numbers were given out twice', async () => {
    await using fleet = await startFleet(['a', 'b', 'c']);
    await using a = startMember(fleet, 'a', { digestMs: 500 });
    await using b = startMember(fleet, 'b', { digestMs: 500 });
    const key = createPrivateKey(readFileSync(join(fleet.folder, 'c', 'signing.key')));
    const issuedAtMs = Date.now();
    const expiresAtMs = issuedAtMs + 60_000;
    const sequence = Math.floor(issuedAtMs / 60_000) * 2 ** 20;
    for (const target of ['192.0.2.1', '192.0.2.2']) {
      const at = { ms: issuedAtMs, counter: 0 };
      const words = { reason: '', origin: 'test' };
      const times = { at, expiresAtMs, shadowUntilMs: expiresAtMs };
      const decisions = [{ target, action: 'drop' as const, ...times, ...words }];
      const batch = { issuer: 'c', sequence, issuedAtMs, expiresAtMs, decisions };
      assert.equal(a.log.accept(encodeBatch(batch, 'f', key), issuedAtMs).kind, 'applied');
    }
    await connected(a, b);
    await until('said', () => a.degraded.get('fleet keys')?.startsWith('c gave') === true);
    await until('both', () => b.log.entries === 2);
  });
});
