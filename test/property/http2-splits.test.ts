/** However the bytes of an HTTP/2 session are cut on their way, the origin gets the same and the client too. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import { simpleEdge, TestEdge } from '../support/edge.ts';
import { readMessages } from '../support/http-read.ts';
import {
  data,
  Http2Peer,
  headers,
  PREFACE,
  post,
  settings,
  simpleRequest,
} from '../support/http2-peer.ts';
import { propertySettings } from '../support/property.ts';
import { RawOrigin } from '../support/raw-origin.ts';

const word = fc.stringMatching(/^[a-z0-9]{1,12}$/);
const get = fc.array(
  fc.tuple(
    word.map((text) => `x-${text}`),
    word,
  ),
  { maxLength: 5 },
);
const bodies = fc.array(fc.nat(3_000), { maxLength: 4 });
const arbitraryStream = fc.record({ fields: get, sizes: fc.option(bodies) });

it('any cutting of the same frames gives the same requests at the origin and the same answers', async (test) => {
  await using origin = await RawOrigin.answering((request) => {
    const echo = request.replace(/(?:X-Request-Id|X-Forwarded-Host|Forwarded): .*\r\n/g, '');
    return `HTTP/1.1 200 OK\r\nContent-Length: ${echo.length}\r\n\r\n${echo}`;
  });
  await using edge = await TestEdge.start({
    ...simpleEdge(origin.url),
    listeners: [{ address: '127.0.0.1:0', plaintext: true, http2: true }],
  });

  async function answers(bytes: Buffer, cuts: readonly number[], ids: number[]): Promise<string[]> {
    using peer = await Http2Peer.connect(edge.address, false);
    const at = [
      0,
      ...cuts.map((cut) => cut % bytes.length).toSorted((a, b) => a - b),
      bytes.length,
    ];
    for (let i = 1; i < at.length; i++) {
      peer.send(bytes.subarray(at[i - 1], at[i]));
      await new Promise((resolve) => setImmediate(resolve));
    }
    const all = await Promise.all(ids.map((id) => peer.body(id)));
    assert.equal(peer.complaint, '');
    return all.map((body) => {
      const [request] = readMessages(body.toString('latin1')).messages;
      return JSON.stringify([request?.first, request?.fields, request?.body]);
    });
  }

  const property = fc.asyncProperty(
    fc.array(arbitraryStream, { minLength: 1, maxLength: 4 }),
    fc.array(fc.nat(20_000), { maxLength: 15 }),
    async (streams, cuts) => {
      const ids = streams.map((_, i) => i * 2 + 1);
      const frames = streams.flatMap(({ fields, sizes }, i) => {
        const id = ids[i] as number;
        if (sizes === null) return [headers(id, [...simpleRequest, ...fields])];
        return [
          post(id, fields),
          ...sizes.map((size) => data(id, Buffer.alloc(size, 'b'), 0)),
          data(id, 'end'),
        ];
      });
      const bytes = Buffer.concat([PREFACE, settings(), ...frames]);
      assert.deepEqual(await answers(bytes, cuts, ids), await answers(bytes, [], ids));
    },
  );
  await fc.assert(property, propertySettings(test, 100));
});
