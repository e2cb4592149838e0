/** Members that missed something come to know it, whoever speaks, and are sent what they lack and not what they have. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { connect, nkeyAuthenticator } from 'nats';
import { type FleetFolder, startFleet } from '../support/fleet-folder.ts';
import { block, startMember, type TestMember } from '../support/fleet-node.ts';
import { needsNats } from '../support/nats-server.ts';
import { startTestOrchestrator } from '../support/orchestrator.ts';
import { until } from '../support/until.ts';

const inStep = (...members: readonly TestMember[]) =>
  until('in step', () => {
    const roots = new Set(members.map(({ log }) => log.digest().root));
    return roots.size === 1 && members.every(({ bus }) => bus.state === 'connected');
  });
const batchOf = (at: number) =>
  Array.from({ length: 1_000 }, (_, host) => block(`10.${at}.${host >> 8}.${host & 255}`));
/** Somebody who has this key and says nothing of itself. */
const listener = (fleet: FleetFolder, id: string) =>
  connect({
    servers: fleet.server.url,
    authenticator: nkeyAuthenticator(fleet.seed(id)),
    inboxPrefix: `_INBOX_${id}`,
  });

describe('repair in a fleet', { skip: needsNats() }, () => {
  it('what one member alone knows comes to all as soon as anybody speaks', async () => {
    await using fleet = await startFleet(['a', 'b', 'c', 'd']);
    // Digests in turn come each minute: nobody waits for one here.
    await using a = startMember(fleet, 'a');
    await using b = startMember(fleet, 'b');
    await using c = startMember(fleet, 'c');
    await inStep(a, b, c);
    for (const { node } of [a, b, c])
      await until('caught up', () => node.status().lastExchange !== null);
    // Kept, and lost on the way.
    a.log.issue([block('192.0.2.1')], Date.now());
    await using d = startMember(fleet, 'd');
    await inStep(a, b, c, d);
    for (const member of [b, c, d]) assert.equal(member.enforced.get('192.0.2.1'), 'drop');
  });

  it('a member that lacks one decision of many is sent the batch it is in, and no other', async (test) => {
    await using fleet = await startFleet(['a', 'b', 'c']);
    await using a = startMember(fleet, 'a');
    await using b = startMember(fleet, 'b');
    await inStep(a, b);
    for (let at = 0; at < 9; at++) await a.node.issue(batchOf(at), 0);
    await inStep(a, b);
    const before = b.node.counts;
    const piece = a.log.piece.bind(a.log);
    const sent: number[] = [];
    test.mock.method(a.log, 'piece', (query: Parameters<typeof piece>[0]) => {
      const made = piece(query);
      sent.push(made.batches.length);
      return made;
    });
    // Of the others none is sent with it; a question from before may be on its way still, and ask for more.
    for (let at = 1; at <= 20 && !sent.includes(1); at++) {
      a.log.issue([block(`192.0.2.${at}`)], Date.now());
      b.node.catchUp();
      await inStep(a, b);
    }
    const fetched = () => b.node.counts.repair.batchesFetched - before.repair.batchesFetched;
    await until('counted', () => fetched() > 0);
    assert.ok(sent.includes(1), `${sent}`);
    const bytesOf = (known: ReadonlySet<string>) => {
      const buckets = [0];
      const { batches } = piece({ buckets, after: null, known, bytesMax: 1e9 });
      return batches.reduce((sum, { length }) => sum + length, 0);
    };
    const known = new Set(b.log.known([0], 3_000));
    test.diagnostic(
      `one bucket: ${bytesOf(new Set())} bytes, of what is not known ${bytesOf(known)}`,
    );
    assert.ok(bytesOf(new Set()) > 500_000);
    assert.equal(bytesOf(known), 0);
  });

  it('names as known no more than a message holds, and those that are longest first', async () => {
    await using fleet = await startFleet(['a']);
    await using a = startMember(fleet, 'a');
    await a.node.issue(batchOf(0), 0);
    for (let at = 0; at < 20; at++) await a.node.issue([block(`192.0.2.${at}`)], 0);
    const all = Array.from({ length: 256 }, (_, bucket) => bucket);
    const [longest] = a.log.known(all, 1);
    const known = new Set([longest ?? '']);
    const { batches } = a.log.piece({ buckets: all, after: null, known, bytesMax: 1e9 });
    assert.equal(batches.length, 20);
    assert.equal(a.log.known(all, 7).length, 7);
  });

  it('an orchestrator says what it knows, and answers who knows something else', async () => {
    await using fleet = await startFleet(['a', 'b']);
    const ears = await listener(fleet, 'b');
    const heard: string[] = [];
    const subscription = ears.subscribe('weir.f.n.*.digest', {
      callback: (_, { subject }) => heard.push(subject),
    });
    await ears.flush();
    await using orchestrator = await startTestOrchestrator({ yaml: fleet.section('orchestrator') });
    await until('said', () => heard.includes('weir.f.n.orchestrator.digest'));
    await orchestrator.call('POST', '/api/v1/blocklist', {
      body: { target: '192.0.2.3', ttlSeconds: 60, waitMs: 0 },
    });
    heard.length = 0;
    await using a = startMember(fleet, 'a');
    await until('has it', () => a.enforced.has('192.0.2.3'));
    await until('answered', () => heard.includes('weir.f.n.orchestrator.digest'));
    subscription.unsubscribe();
    await ears.close();
  });
});
