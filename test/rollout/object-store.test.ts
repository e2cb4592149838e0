/** Bytes over a real server: they come back as they went, or not at all. */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { Bus } from '#fleet/bus.ts';
import { ObjectStore } from '#rollout/object-store.ts';
import { createLog } from '#telemetry/log.ts';
import { needsNats, startNatsServer } from '../support/nats-server.ts';
import { until } from '../support/until.ts';

const hashOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

async function open(url: string): Promise<AsyncDisposable & { bus: Bus; store: ObjectStore }> {
  const bus = new Bus({
    ...{ servers: [url], name: 'test', inboxPrefix: '_INBOX_test' },
    ...{ credentials: { kind: 'none' }, tls: null, log: createLog('error', 'test') },
  });
  bus.open();
  await until('connected', () => bus.state === 'connected');
  const store = new ObjectStore(bus, 'WEIR_f_R');
  await store.ensure();
  return { bus, store, [Symbol.asyncDispose]: () => bus.close() };
}

describe('the object store', { skip: needsNats() }, () => {
  it('hands back what it was given, of any size, and once is enough', async () => {
    await using server = await startNatsServer();
    await using at = await open(server.url);
    for (const size of [1, 524_288, 524_289, 3_000_000]) {
      const bytes = randomBytes(size);
      const sha256 = hashOf(bytes);
      assert.equal(await at.store.get({ sha256, bytes: size }), null, 'not there yet');
      await at.store.put(sha256, bytes);
      const published = at.bus.counts.published;
      await at.store.put(sha256, bytes);
      assert.equal(at.bus.counts.published, published);
      assert.deepEqual(await at.store.get({ sha256, bytes: size }), bytes);
      assert.equal(await at.store.has({ sha256, bytes: size }), true);
      await at.store.remove(sha256);
      assert.equal(await at.store.has({ sha256, bytes: size }), false);
    }
  });

  it('what was cut short, exchanged, or is of another size is not there', async () => {
    await using server = await startNatsServer();
    await using at = await open(server.url);
    const bytes = randomBytes(700_000);
    const sha256 = hashOf(bytes);
    await at.store.put(sha256, bytes);
    assert.equal(await at.store.get({ sha256, bytes: 699_999 }), null, 'another size');
    const token = `M.${Buffer.from(sha256).toString('base64url')}`;
    const say = (meta: object) =>
      at.bus.request(`$O.WEIR_f_R.${token}`, Buffer.from(JSON.stringify(meta)), 3_000, {
        'Nats-Rollup': 'sub',
      });
    const other = randomBytes(700_000);
    await at.store.put(hashOf(other), other);
    for (const meta of [
      { nuid: 'nobody', size: 700_000, chunks: 2 },
      { nuid: '>', size: 700_000, chunks: 2 },
      { nuid: 'nobody', size: 700_000, chunks: 2 ** 40 },
      { nuid: 'nobody', size: 700_000, chunks: 0 },
      { nuid: 7 },
    ]) {
      await say(meta);
      assert.equal(await at.store.get({ sha256, bytes: 700_000 }), null, JSON.stringify(meta));
    }
  });
});
