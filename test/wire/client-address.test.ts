/** A listener's rule for the client's address, and who may use it. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type EdgeOptions, simpleEdge, TestEdge } from '../support/edge.ts';
import { statusOf } from '../support/http-read.ts';
import { RawClient } from '../support/raw-client.ts';
import { plainAnswer, RawOrigin } from '../support/raw-origin.ts';

const get = 'GET / HTTP/1.1\r\nHost: a.test\r\nCF-Connecting-IP: 192.0.2.7\r\n\r\n';

function ruled(url: string, trustedProxies: readonly string[]): EdgeOptions {
  return {
    ...simpleEdge(url, { trustedProxies }),
    listeners: [
      { address: '127.0.0.1:0', plaintext: true, clientAddress: { header: 'CF-Connecting-IP' } },
      { address: '127.0.0.1:0', plaintext: true },
    ],
  };
}

async function ask(address: string): Promise<number> {
  using client = await RawClient.connect(address);
  client.send(get);
  return statusOf(await client.response());
}

describe('the client’s address by a listener’s rule', () => {
  it('is believed from a trusted proxy, on that listener alone, and is what is blocked', async () => {
    await using origin = await RawOrigin.answering(plainAnswer);
    await using edge = await TestEdge.start(ruled(origin.url, ['127.0.0.1']));
    const [first = '', second = ''] = edge.addresses;
    await ask(first);
    await ask(second);
    edge.proxy.applyBlocks(1, [{ target: '192.0.2.7', expiresAtMs: null }], []);
    assert.equal(await ask(first), 403);
    assert.equal(await ask(second), 200);
    assert.deepEqual(
      (await edge.accessLines(4)).map(({ client }) => client),
      ['192.0.2.7', '127.0.0.1', '192.0.2.7', '127.0.0.1'],
    );
  });

  it('is not believed from anybody else', async () => {
    await using origin = await RawOrigin.answering(plainAnswer);
    await using edge = await TestEdge.start(ruled(origin.url, ['10.0.0.0/8']));
    edge.proxy.applyBlocks(1, [{ target: '192.0.2.7', expiresAtMs: null }], []);
    assert.equal(await ask(edge.address), 200);
    assert.equal((await edge.accessLines(1))[0]?.['client'], '127.0.0.1');
  });
});
