/** The socket over which a node takes another packet program: who may, and what is said to who may not. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { peerProblem, SwapService } from '#roles/swap-service.ts';
import {
  closeAll,
  DescriptorConnection,
  DescriptorListener,
  descriptorsMax,
} from '#synproxy/descriptor-socket.ts';
import { keepObject, readObject } from '#synproxy/object-copy.ts';
import { expectMessage, shieldSocket } from '#synproxy/swap-message.ts';
import { createLog } from '#telemetry/log.ts';
import { needs, needsRoot } from '../support/needs.ts';
import { until } from '../support/until.ts';

const skip = needsRoot();

class Folder implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), 'weir-swap-'));
  readonly socket = join(this.path, shieldSocket);

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

describe('messages with descriptors', { skip }, () => {
  it('arrive whole, with other numbers for the same files, and end with null', async () => {
    using folder = new Folder();
    const { promise, resolve } = Promise.withResolvers<DescriptorConnection>();
    const listener = DescriptorListener.listen(folder.socket, resolve);
    const client = DescriptorConnection.connect(folder.socket);
    const server = await promise;
    assert.equal(server.peerPid, process.pid);
    const object = keepObject(Buffer.from('an object'));
    const many = Array.from({ length: descriptorsMax }, () => object);
    client.send({ a: 'ü'.repeat(1_000) }, many);
    client.send({ b: 2 });
    const first = await server.receive(5_000);
    assert.deepEqual(first?.body, { a: 'ü'.repeat(1_000) });
    assert.equal(new Set(first?.descriptors).size, descriptorsMax);
    for (const fd of first?.descriptors ?? []) assert.equal(String(readObject(fd)), 'an object');
    assert.deepEqual(await server.receive(5_000), { body: { b: 2 }, descriptors: [] });
    closeAll([...(first?.descriptors ?? []), object]);
    client.close();
    assert.equal(await server.receive(5_000), null);
    server.close();
    listener.close();
    assert(!existsSync(folder.socket));
  });

  it('take a bound: one more descriptor, or a message too long, is our own mistake', async () => {
    using folder = new Folder();
    const listener = DescriptorListener.listen(folder.socket, (one) => one.close());
    const client = DescriptorConnection.connect(folder.socket);
    const many = Array.from({ length: descriptorsMax + 1 }, () => 1);
    assert.throws(() => client.send({}, many), /bounds/);
    assert.throws(() => client.send({ a: 'x'.repeat(16_384) }), /bounds/);
    client.close();
    listener.close();
  });

  it('are not waited for longer than is said', async () => {
    using folder = new Folder();
    const listener = DescriptorListener.listen(folder.socket, () => {});
    const client = DescriptorConnection.connect(folder.socket);
    await assert.rejects(client.receive(10), /said nothing for 0.01 s/);
    client.close();
    listener.close();
  });

  it('need a path that a socket can have, and leave the file of another process alone', () => {
    using folder = new Folder();
    const long = join(folder.path, 'x'.repeat(100));
    assert.throws(() => DescriptorListener.listen(long, () => {}), /too long for a socket/);
    const old = DescriptorListener.listen(folder.socket, () => {});
    const successor = DescriptorListener.listen(folder.socket, () => {});
    old.close();
    assert(existsSync(folder.socket));
    successor.close();
    assert(!existsSync(folder.socket));
  });
});

describe('the socket of the shield', { skip }, () => {
  const handover = {
    step: 'xdp-native',
    refused: [],
    interfaces: [],
    descriptors: {},
    objectSha256: 'a'.repeat(64),
  } as const;
  const ask = async (messages: readonly object[], descriptors: Record<string, number> = {}) => {
    using folder = new Folder();
    const swaps: unknown[] = [];
    const service = new SwapService({
      statePath: folder.path,
      log: createLog('fatal', 'test'),
      handover: () => ({ ...handover, descriptors }),
      swap: async (next) => void swaps.push(next),
      setDegraded: () => {},
    });
    service.listen();
    const client = DescriptorConnection.connect(folder.socket);
    try {
      let answer = null;
      for (const message of messages) {
        client.send(message);
        answer = await client.receive(5_000);
        closeAll(answer?.descriptors ?? []);
      }
      return { body: answer?.body, swaps };
    } finally {
      client.close();
      service.close();
    }
  };
  const offer = { kind: 'offer', sha256: 'b'.repeat(64) };
  const loaded = { kind: 'loaded', sha256: 'b'.repeat(64), kept: [], made: [] };

  for (const { name, messages, says } of [
    { name: 'what is no message', messages: [{ kind: 'hello' }], says: /"offer" was due/ },
    { name: 'an offer with a bad hash', messages: [{ ...offer, sha256: '..' }], says: /"offer"/ },
    {
      name: 'a node whose object was not kept',
      messages: [offer],
      says: /stop the node and start/,
    },
  ])
    it(`refuses ${name}`, async () => {
      const { body, swaps } = await ask(messages);
      assert.throws(() => expectMessage('live', { body, descriptors: [] }), says);
      assert.deepEqual(swaps, []);
    });

  for (const { name, second, says } of [
    { name: 'no program', second: loaded, says: /no program, or not the object/ },
    {
      name: 'names of nothing',
      second: { ...loaded, made: ['program', 'object'] },
      says: /2 names, 0/,
    },
    { name: 'another order', second: offer, says: /"loaded" was due/ },
  ])
    it(`refuses ${name}`, async () => {
      const object = keepObject(Buffer.from('x'));
      const { body, swaps } = await ask([offer, second], {
        object,
        config: object,
        program: object,
      });
      closeAll([object]);
      assert.throws(() => expectMessage('live', { body, descriptors: [] }), says);
      assert.deepEqual(swaps, []);
    });

  it('is for who could make the maps: not without the rights, nor with those of another user namespace', {
    skip: needs('unshare') || needs('setpriv'),
  }, async () => {
    assert.equal(peerProblem(process.pid), null);
    const run = async (command: string, ...words: readonly string[]) => {
      const child = spawn(command, [...words, 'sleep', '60'], { stdio: 'ignore' });
      await until('it runs', () => /sleep/.test(readFileSync(`/proc/${child.pid}/comm`, 'utf8')));
      const problem = peerProblem(Number(child.pid));
      child.kill('SIGKILL');
      await once(child, 'exit');
      return problem;
    };
    assert.match(
      String(await run('setpriv', '--bounding-set', '-all', '--inh-caps', '-all')),
      /has no CAP_BPF and CAP_NET_ADMIN/,
    );
    assert.match(
      String(await run('unshare', '--user', '--map-root-user')),
      /another user namespace/,
    );
    assert.match(String(peerProblem(2 ** 30)), /cannot be read/);
  });
});
