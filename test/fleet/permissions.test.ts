/**
 * What the permissions of `weir fleet init` let a member do, asked of a real server: a node whose key is in
 * somebody else's hands speaks as itself and as nobody else.
 */
import assert from 'node:assert/strict';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { connect, type NatsConnection, nkeyAuthenticator } from 'nats';
import { writeFleetFiles } from '#fleet/fleet-files.ts';
import { startFleet } from '../support/fleet-folder.ts';
import { needsNats } from '../support/nats-server.ts';
import { until } from '../support/until.ts';

type Attempt = readonly [does: 'publish' | 'subscribe', subject: string];

/** Of the node `a` in a fleet of a, b and an orchestrator. */
const forbidden: readonly Attempt[] = [
  // As another.
  ['publish', 'weir.f.d.b'],
  ['publish', 'weir.f.d.orchestrator'],
  ['publish', 'weir.f.d.x'],
  ['publish', 'weir.f.n.b.hello'],
  ['publish', 'weir.f.n.b.beat'],
  ['publish', 'weir.f.n.b.digest'],
  ['publish', 'weir.f.n.b.roster'],
  ['publish', 'weir.f.n.b.ack.a'],
  ['publish', 'weir.f.n.orchestrator.digest'],
  ['publish', 'weir.f.n.x.hello'],
  ['publish', 'weir.f.c.b'],
  ['publish', 'weir.f.c.orchestrator'],
  // As the control plane.
  ['publish', 'weir.f.o.a'],
  ['publish', 'weir.f.o.b'],
  // Answers nobody asked it for.
  ['publish', '_INBOX_b.x'],
  ['publish', '_INBOX_orchestrator.x'],
  ['publish', '_INBOX.x'],
  // Another fleet.
  ['publish', 'weir.g.d.a'],
  ['publish', 'weir.g.n.a.hello'],
  ['publish', 'anything'],
  // Streams, consumers and messages of JetStream.
  ['publish', '$JS.API.INFO'],
  ['publish', '$JS.API.STREAM.LIST'],
  ['publish', '$JS.API.STREAM.NAMES'],
  ['publish', '$JS.API.STREAM.CREATE.WEIR_f_D'],
  ['publish', '$JS.API.STREAM.CREATE.MINE'],
  ['publish', '$JS.API.STREAM.UPDATE.WEIR_f_D'],
  ['publish', '$JS.API.STREAM.DELETE.WEIR_f_D'],
  ['publish', '$JS.API.STREAM.PURGE.WEIR_f_D'],
  ['publish', '$JS.API.STREAM.MSG.DELETE.WEIR_f_D'],
  ['publish', '$JS.API.STREAM.MSG.GET.WEIR_f_D'],
  ['publish', '$JS.API.STREAM.SNAPSHOT.WEIR_f_D'],
  ['publish', '$JS.API.STREAM.RESTORE.WEIR_f_D'],
  ['publish', '$JS.API.STREAM.INFO.KV_WEIR_f'],
  ['publish', '$JS.API.CONSUMER.CREATE.WEIR_f_D'],
  ['publish', '$JS.API.CONSUMER.DURABLE.CREATE.WEIR_f_D.mine'],
  ['publish', '$JS.API.CONSUMER.DELETE.WEIR_f_D.mine'],
  ['publish', '$JS.ACK.WEIR_f_D.mine.1.1.1.1.0'],
  // Who leads.
  ['publish', '$KV.WEIR_f.leader'],
  ['publish', '$JS.API.DIRECT.GET.KV_WEIR_f'],
  ['publish', '$JS.API.STREAM.DELETE.KV_WEIR_f'],
  // Rules.
  ['publish', '$KV.WEIR_f_R.set'],
  ['publish', '$KV.WEIR_f_R.plan'],
  ['publish', '$O.WEIR_f_R.C.x'],
  ['publish', '$O.WEIR_f_R.M.x'],
  ['publish', '$JS.API.STREAM.CREATE.KV_WEIR_f_R'],
  ['publish', '$JS.API.STREAM.PURGE.OBJ_WEIR_f_R'],
  ['publish', '$JS.API.STREAM.DELETE.OBJ_WEIR_f_R'],
  ['publish', 'weir.f.n.b.rules'],
  // The server itself.
  ['publish', '$SYS.REQ.SERVER.PING'],
  // What is said to others.
  ['subscribe', '>'],
  ['subscribe', '*'],
  ['subscribe', 'weir.>'],
  ['subscribe', 'weir.f.>'],
  ['subscribe', 'weir.f.o.b'],
  ['subscribe', 'weir.f.o.*'],
  ['subscribe', 'weir.f.s.b'],
  ['subscribe', 'weir.f.n.>'],
  ['subscribe', 'weir.f.n.*.ack.b'],
  ['subscribe', '_INBOX_b.>'],
  ['subscribe', '_INBOX.>'],
  ['subscribe', '$KV.WEIR_f.leader'],
  ['subscribe', '$KV.WEIR_f_R.>'],
  ['subscribe', '$O.WEIR_f_R.>'],
  ['subscribe', 'weir.f.n.*.rules'],
  ['subscribe', '$SYS.>'],
  ['subscribe', 'weir.g.d.*'],
  ['subscribe', 'weir.g.c.*'],
];

const allowed: readonly Attempt[] = [
  ['publish', 'weir.f.d.a'],
  ['publish', 'weir.f.n.a.hello'],
  ['publish', 'weir.f.n.a.beat'],
  ['publish', 'weir.f.n.a.digest'],
  ['publish', 'weir.f.n.a.roster'],
  ['publish', 'weir.f.n.a.ack.b'],
  ['publish', 'weir.f.s.b'],
  ['publish', 'weir.f.c.a'],
  ['subscribe', 'weir.f.c.*'],
  ['publish', '$JS.API.STREAM.INFO.WEIR_f_D'],
  ['publish', '$JS.API.DIRECT.GET.WEIR_f_D'],
  ['publish', '$JS.API.DIRECT.GET.KV_WEIR_f_R'],
  ['publish', '$JS.API.DIRECT.GET.OBJ_WEIR_f_R'],
  ['publish', 'weir.f.n.a.rules'],
  ['subscribe', '$KV.WEIR_f_R.set'],
  ['subscribe', 'weir.f.d.*'],
  ['subscribe', 'weir.f.n.*.hello'],
  ['subscribe', 'weir.f.n.*.digest'],
  ['subscribe', 'weir.f.n.*.roster'],
  ['subscribe', 'weir.f.n.*.ack.a'],
  ['subscribe', 'weir.f.o.a'],
  ['subscribe', 'weir.f.s.a'],
  ['subscribe', '_INBOX_a.>'],
];

describe('permissions of a fleet', { skip: needsNats() }, () => {
  it(`lets a node do ${allowed.length} things, and refuses ${forbidden.length} others`, async () => {
    await using fleet = await startFleet(['a', 'b']);
    const connection = await dial(fleet.server.url, fleet.seed('a'));
    const refused = new Set<string>();
    void listen(connection, refused);
    for (const [does, subject] of [...forbidden, ...allowed]) {
      if (does === 'publish') connection.publish(subject, '{}');
      else connection.subscribe(subject, { callback: () => {} });
    }
    await allSaid(connection, refused);
    const missing = forbidden.filter(([does, subject]) => !refused.has(`${does} ${subject}`));
    assert.deepEqual(missing, [], 'nothing of this may have gone through');
    const wrong = allowed.filter(([does, subject]) => refused.has(`${does} ${subject}`));
    assert.deepEqual(wrong, []);
    assert.ok(forbidden.length >= 40);
  });

  it('an orchestrator commands, and makes the stream; it cannot take it away', async () => {
    await using fleet = await startFleet(['a', 'b']);
    const connection = await dial(fleet.server.url, fleet.seed('orchestrator'));
    const refused = new Set<string>();
    void listen(connection, refused);
    const attempts = [
      'weir.f.o.a',
      '$JS.API.STREAM.CREATE.WEIR_f_D',
      '$KV.WEIR_f.leader',
      '$KV.WEIR_f_R.set',
      '$O.WEIR_f_R.C.x',
      '$JS.API.STREAM.CREATE.OBJ_WEIR_f_R',
      'weir.f.d.a',
      'weir.f.n.a.beat',
      '$JS.API.STREAM.DELETE.WEIR_f_D',
      '$JS.API.STREAM.PURGE.WEIR_f_D',
      '$JS.API.STREAM.CREATE.MINE',
      '$JS.API.STREAM.DELETE.OBJ_WEIR_f_R',
      '$JS.API.STREAM.PURGE.KV_WEIR_f_R',
    ];
    for (const subject of attempts) connection.publish(subject, '{}');
    await allSaid(connection, refused);
    assert.deepEqual(
      attempts.filter((subject) => refused.has(`publish ${subject}`)),
      attempts.slice(6),
    );
  });

  it('a node may answer a request once, and no more', async () => {
    await using fleet = await startFleet(['a', 'b']);
    const a = await dial(fleet.server.url, fleet.seed('a'), '_INBOX_a');
    const b = await dial(fleet.server.url, fleet.seed('b'), '_INBOX_b');
    b.subscribe('weir.f.s.b', {
      callback: (_, message) => {
        for (const answer of ['one', 'two', 'three']) message.respond(answer);
      },
    });
    await b.flush();
    const answers: string[] = [];
    a.subscribe('_INBOX_a.mine', { callback: (_, message) => answers.push(message.string()) });
    a.publish('weir.f.s.b', 'ask', { reply: '_INBOX_a.mine' });
    await a.flush();
    await b.flush();
    await a.flush();
    assert.deepEqual(answers, ['one']);
    await Promise.all([a.close(), b.close()]);
  });

  it('a key that is none of the fleet is not let in', async () => {
    await using fleet = await startFleet(['a']);
    await using other = await startFleet(['a']);
    await assert.rejects(dial(fleet.server.url, other.seed('a')), /Authorization/i);
    await assert.rejects(
      connect({ servers: fleet.server.url, reconnect: false }),
      /Authorization/i,
    );
  });

  it('secrets are for their owner alone, and nothing is ever written over', async () => {
    await using fleet = await startFleet(['a', 'b']);
    for (const file of ['a/nats.nk', 'a/signing.key', 'orchestrator/signing.key'])
      assert.equal(statSync(join(fleet.folder, file)).mode & 0o777, 0o600, file);
    const before = readFileSync(join(fleet.folder, 'a/signing.key'), 'utf8');
    const again = writeFleetFiles(fleet.folder, {
      fleet: 'f',
      nodes: ['a', 'c'],
      orchestrators: [],
      nats: { host: '127.0.0.1', port: 4222 },
    });
    await assert.rejects(again, /exists, and keys are never written over/);
    assert.equal(readFileSync(join(fleet.folder, 'a/signing.key'), 'utf8'), before);
  });
});

function dial(url: string, seed: Uint8Array, inboxPrefix = '_INBOX_a'): Promise<NatsConnection> {
  const authenticator = nkeyAuthenticator(seed);
  return connect({ servers: url, authenticator, inboxPrefix, reconnect: false });
}

async function listen(connection: NatsConnection, refused: Set<string>): Promise<void> {
  for await (const { permissionContext: at } of connection.status())
    if (at !== undefined)
      refused.add(`${at.operation === 'subscription' ? 'subscribe' : at.operation} ${at.subject}`);
}

/** The server answers in order: once the last is refused, so is all that is before it. */
async function allSaid(connection: NatsConnection, refused: Set<string>): Promise<void> {
  connection.publish('the.last');
  await until('the last is refused', () => refused.has('publish the.last'));
  await connection.close();
}
