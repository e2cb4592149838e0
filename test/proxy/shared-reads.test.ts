/** Reads past the stream: whole, in order, each in memory of its own, and only while the socket is not paused. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { after, describe, it } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { connect as connectTls, TLSSocket } from 'node:tls';
import { readShared } from '#proxy/shared-reads.ts';
import { makeDevelopmentCertificate } from '../../certs/development-certificate.ts';

const server = createServer({ pauseOnConnect: true }).listen(0, '127.0.0.1');
const sockets: Socket[] = [];
after(() => {
  for (const socket of sockets) socket.destroy();
  server.close();
});
await once(server, 'listening');

async function pair(): Promise<{ client: Socket; accepted: Socket }> {
  const client = connect((server.address() as { port: number }).port, '127.0.0.1');
  const [accepted] = (await once(server, 'connection')) as [Socket];
  sockets.push(client, accepted);
  client.on('error', () => {});
  accepted.on('error', () => {});
  return { client, accepted };
}

/** What has come so far, and a wait for so much. */
function collected(socket: Socket): { reads: Buffer[]; until: (size: number) => Promise<string> } {
  const reads: Buffer[] = [];
  let wake = (): void => {};
  readShared(socket, (bytes) => {
    reads.push(bytes);
    wake();
  });
  const until = async (size: number): Promise<string> => {
    while (Buffer.concat(reads).length < size) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    return Buffer.concat(reads).toString('latin1');
  };
  return { reads, until };
}

describe('a socket read into the shared buffer', () => {
  it('gives what came in order, and nothing of it changes with the next read', async () => {
    const one = await pair();
    const other = await pair();
    const first = collected(one.accepted);
    const second = collected(other.accepted);
    one.accepted.resume();
    other.accepted.resume();
    one.client.write('first');
    assert.equal(await first.until(5), 'first');
    other.client.write('SECOND');
    assert.equal(await second.until(6), 'SECOND');
    one.client.write('third');
    assert.equal(await first.until(10), 'firstthird');
    assert.equal(first.reads[0]?.toString('latin1'), 'first');
    const large = 'x'.repeat(1_000_000);
    other.client.end(large);
    assert.equal((await second.until(1_000_006)).slice(6), large);
    await once(other.accepted, 'end');
    one.client.destroy();
  });

  it('does not go through the stream', async () => {
    const { client, accepted } = await pair();
    let events = 0;
    const { until } = collected(accepted);
    accepted.on('data', () => events++);
    accepted.resume();
    client.write('a');
    await until(1);
    assert.equal(events, 0);
    client.destroy();
  });

  it('has what was put back first', async () => {
    const { client, accepted } = await pair();
    accepted.unshift(Buffer.from('put back, '));
    const { until } = collected(accepted);
    client.write('and new');
    await nextTurn();
    accepted.resume();
    assert.equal(await until(17), 'put back, and new');
    client.destroy();
  });

  it('is not read while it is paused', async () => {
    const { client, accepted } = await pair();
    const { reads, until } = collected(accepted);
    accepted.resume();
    client.write('a');
    await until(1);
    accepted.pause();
    client.write('b');
    // Another connection's bytes come after these, and are there.
    const witness = await pair();
    const seen = collected(witness.accepted);
    witness.accepted.resume();
    witness.client.write('w');
    await seen.until(1);
    assert.equal(reads.length, 1);
    accepted.resume();
    assert.equal(await until(2), 'ab');
    client.destroy();
    witness.client.destroy();
  });

  it('is not read while it is paused, whatever node:tls has opened by then', async () => {
    const { certificate: cert, privateKey: key } = await makeDevelopmentCertificate(['localhost']);
    const { client, accepted } = await pair();
    const inner = new TLSSocket(accepted, { isServer: true, cert, key });
    const outer = connectTls({ socket: client, rejectUnauthorized: false });
    await Promise.all([once(inner, 'secure'), once(outer, 'secureConnect')]);
    let size = 0;
    let isPaused = false;
    const { promise, resolve } = Promise.withResolvers<void>();
    const sent = randomBytes(1_000_000);
    const seen: Buffer[] = [];
    readShared(inner, (bytes) => {
      assert.equal(isPaused, false, 'read while it is paused');
      seen.push(bytes);
      size += bytes.length;
      inner.pause();
      isPaused = true;
      setImmediate(() => {
        isPaused = false;
        inner.resume();
      });
      if (size === sent.length) resolve();
    });
    inner.resume();
    outer.write(sent);
    await promise;
    assert.ok(Buffer.concat(seen).equals(sent));
    outer.destroy();
    inner.destroy();
  });

  it('may be closed already', async () => {
    const { client, accepted } = await pair();
    accepted.destroy();
    readShared(accepted, () => assert.fail('nothing was sent'));
    client.destroy();
  });
});
