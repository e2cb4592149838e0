/** The bus against a real server: what it holds back, what it drops and counts, and what it says of it. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Bus, type BusEvent, type BusLimits } from '#fleet/bus.ts';
import { ensureStream, readStream, streamState } from '#fleet/jet-stream.ts';
import { KeyValue } from '#fleet/key-value.ts';
import { createLog } from '#telemetry/log.ts';
import { needsNats, startNatsServer } from '../support/nats-server.ts';
import { until } from '../support/until.ts';

const bytes = (text: string) => Buffer.from(text);
const text = (data: Uint8Array) => Buffer.from(data).toString();

function openBus(servers: readonly string[], limits: Partial<BusLimits> = {}) {
  const bus = new Bus({
    servers,
    name: 'test',
    inboxPrefix: '_INBOX_test',
    credentials: { kind: 'none' },
    tls: null,
    log: createLog('error', 'test'),
    limits: { redialMinMs: 10, redialMaxMs: 50, ...limits },
  });
  bus.open();
  return Object.assign(bus, { [Symbol.asyncDispose]: () => bus.close() });
}

const connected = (bus: Bus) => until('connected', () => bus.state === 'connected');

describe('bus', { skip: needsNats() }, () => {
  it('carries messages, answers requests, and names the server', async () => {
    await using server = await startNatsServer();
    await using a = openBus([server.url]);
    await using b = openBus([server.url]);
    await Promise.all([connected(a), connected(b)]);
    assert.match(b.server?.version ?? '', /^\d+\.\d+/);
    b.subscribe('weir.f.s.b', ({ bytes: asked, reply }) => {
      if (reply !== null) b.respond(reply, bytes(`${text(asked)} and back`));
    });
    await b.flush();
    assert.equal(
      text((await a.request('weir.f.s.b', bytes('there'), 2_000)).bytes),
      'there and back',
    );
    await assert.rejects(a.request('weir.f.s.c', bytes(''), 2_000), /nobody answers there/);
  });

  it('hears a message once, however many listen to its subject', async () => {
    await using server = await startNatsServer();
    await using bus = openBus([server.url]);
    await connected(bus);
    const heard: string[] = [];
    const first = bus.subscribe('weir.f.s.a', ({ bytes: said }) => heard.push(`1 ${text(said)}`));
    const second = bus.subscribe('weir.f.s.a', ({ bytes: said }) => heard.push(`2 ${text(said)}`));
    await bus.flush();
    bus.publish('weir.f.s.a', bytes('x'));
    await until('both have it', () => heard.length === 2);
    assert.deepEqual([heard.toSorted(), bus.counts.received], [['1 x', '2 x'], 1]);
    first.close();
    bus.publish('weir.f.s.a', bytes('y'));
    await until('the other has it', () => heard.length === 3);
    assert.deepEqual([heard.at(-1), bus.counts.received], ['2 y', 2]);
    second.close();
    bus.publish('weir.f.s.a', bytes('z'));
    await bus.flush();
    await bus.flush();
    assert.deepEqual([heard.length, bus.counts.received], [3, 2]);
  });

  it('keeps what is said without a server, up to a bound, and counts what it drops', async () => {
    const server = await startNatsServer();
    await server.kill();
    await using sender = openBus([server.url], { outboxEntriesMax: 3 });
    await until('a reason', () => sender.reason === 'connection refused');
    for (let at = 0; at < 5; at++) sender.publish('x', bytes(String(at)));
    assert.equal(sender.outboxEntries, 3);
    assert.equal(sender.counts.outboxDrops, 2);
    sender.publish('x', Buffer.alloc(17 * 1_048_576));
    assert.equal(sender.outboxEntries, 0, 'one longer than all of it goes, and all before it');
    sender.publish('x', bytes('last'));
    await using receiver = openBus([server.url]);
    const got: string[] = [];
    receiver.subscribe('x', (message) => got.push(text(message.bytes)));
    await server.start();
    await connected(receiver);
    await connected(sender);
    await sender.flush();
    // The receiver may have come second: nothing is kept for those who are not there.
    assert.ok(got.length <= 1);
    assert.equal(sender.outboxEntries, 0);
    await server[Symbol.asyncDispose]();
  });

  it('takes its subscriptions to a new connection, and says that there is a gap', async () => {
    await using server = await startNatsServer();
    await using bus = openBus([server.url]);
    const events: BusEvent[] = [];
    bus.onEvent((event) => {
      // Another reason is said anew.
      if (event !== events.at(-1)) events.push(event);
    });
    const got: string[] = [];
    bus.subscribe('x.*', ({ subject }) => got.push(subject));
    await connected(bus);
    await server.kill();
    await until('disconnected', () => bus.state === 'reconnecting');
    await server.start();
    await connected(bus);
    bus.publish('x.1', bytes('1'));
    await until('heard', () => got.length > 0);
    assert.deepEqual(got, ['x.1']);
    assert.deepEqual(events, ['connected', 'gap', 'disconnected', 'connected', 'gap']);
    assert.equal(bus.counts.connections, 2);
  });

  it('finds another server of its list', async () => {
    await using first = await startNatsServer();
    await using second = await startNatsServer();
    await using bus = openBus([first.url, second.url]);
    await connected(bus);
    const [gone, other] = (bus.server?.address ?? '').endsWith(String(first.port))
      ? [first, second]
      : [second, first];
    await gone.kill();
    await until('at the other', () => bus.server?.address.endsWith(String(other.port)) === true);
  });

  it('drops what comes faster than it is handled, and says that there is a gap', async () => {
    await using server = await startNatsServer();
    await using bus = openBus([server.url], { pendingEntriesMax: 10 });
    await connected(bus);
    let handled = 0;
    bus.subscribe('x', () => {
      handled++;
      // As slow as a sync of a file.
      const endsAt = performance.now() + 2;
      while (performance.now() < endsAt);
    });
    const gap = Promise.withResolvers<void>();
    bus.onEvent((event) => event === 'gap' && gap.resolve());
    for (let at = 0; at < 500; at++) bus.publish('x', bytes('x'));
    await gap.promise;
    await until('all came', () => handled + bus.counts.inboundDrops === 500);
    assert.ok(bus.counts.inboundDrops > 0);
  });

  it('says why a server does not take it', async () => {
    await using server = await startNatsServer({ config: 'authorization { token: "s3cret" }' });
    await using bus = openBus([server.url]);
    await until('refused', () => /: none are configured/.test(bus.reason ?? ''));
  });

  it('a stream is read from where somebody was, and one made anew is told apart', async () => {
    await using server = await startNatsServer();
    await using bus = openBus([server.url]);
    await connected(bus);
    assert.equal(await streamState(bus, 'f'), null);
    await ensureStream(bus, 'f');
    await ensureStream(bus, 'f');
    for (let at = 1; at <= 200; at++) bus.publish('weir.f.d.a', bytes(String(at)));
    await until('kept', async () => (await streamState(bus, 'f'))?.lastSequence === 200);
    const got: string[] = [];
    await readStream(bus, 'f', 101, 205, (data) => got.push(text(data)));
    assert.deepEqual([got.length, got[0], got[99]], [100, '101', '200']);
    const before = await streamState(bus, 'f');
    await server.kill();
    server.wipe();
    await server.start();
    await until('connected', () => bus.counts.connections === 2);
    assert.equal(await streamState(bus, 'f'), null);
    await ensureStream(bus, 'f');
    assert.notEqual((await streamState(bus, 'f'))?.created, before?.created);
  });

  it('without JetStream there is no stream, and that is no error', async () => {
    await using server = await startNatsServer({ jetstream: false });
    await using bus = openBus([server.url]);
    await connected(bus);
    await assert.rejects(ensureStream(bus, 'f'), /nobody answers there/);
  });

  it('a key is had by one, renewed by it, and free again when given up or when its time is over', async () => {
    await using server = await startNatsServer();
    await using bus = openBus([server.url]);
    await connected(bus);
    const store = new KeyValue(bus, 'WEIR_f');
    await store.ensure(1_000);
    await store.ensure(1_000);
    const first = await store.create('leader', bytes('a'));
    assert.ok(first !== null);
    assert.equal(await store.create('leader', bytes('b')), null);
    const second = await store.update('leader', bytes('a'), first);
    assert.ok(second !== null);
    assert.equal(await store.update('leader', bytes('b'), first), null);
    const held = await store.get('leader');
    assert.deepEqual([text(held?.bytes ?? bytes('')), held?.revision], ['a', second]);
    assert.equal(await store.delete('leader', second), true);
    assert.equal(await store.get('leader'), null);
    assert.ok((await store.create('leader', bytes('b'))) !== null);
    assert.equal(await store.create('leader', bytes('c')), null);
    await until('free again', async () => (await store.create('leader', bytes('c'))) !== null);
  });
});
