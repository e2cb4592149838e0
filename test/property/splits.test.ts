/** However a request's bytes are cut on their way, the origin gets the same request and the client the same answer. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import { arbitraryRequest, requestBytes } from '../support/arbitrary-request.ts';
import { simpleEdge, TestEdge } from '../support/edge.ts';
import { readMessages } from '../support/http-read.ts';
import { propertySettings } from '../support/property.ts';
import { RawClient } from '../support/raw-client.ts';
import { RawOrigin } from '../support/raw-origin.ts';

const withoutId = (text: string): string => text.replace(/X-Request-Id: .*\r\n/g, '');

it('any cutting of the same bytes gives the same requests at the origin and the same answers', async (test) => {
  await using origin = await RawOrigin.answering((request) => {
    const echo = withoutId(request);
    return `HTTP/1.1 200 OK\r\nContent-Length: ${echo.length}\r\n\r\n${echo}`;
  });
  await using edge = await TestEdge.start(simpleEdge(origin.url));

  async function answers(text: string, cuts: readonly number[], count: number): Promise<string[]> {
    using client = await RawClient.connect(edge.address);
    await client.sendSplit(text, cuts);
    // What the origin read comes back as the body; chunks of its own may differ, payload may not.
    return (await client.responses(count)).map((response) => {
      const [request] = readMessages(response.body).messages;
      return JSON.stringify([response.first, request?.first, request?.fields, request?.body]);
    });
  }

  const requests = fc.array(arbitraryRequest, { minLength: 1, maxLength: 3 });
  const property = fc.asyncProperty(
    requests,
    fc.array(fc.nat(1_000), { maxLength: 12 }),
    async (several, cuts) => {
      const text = several.map(requestBytes).join('');
      const whole = await answers(text, [], several.length);
      assert.deepEqual(
        await answers(
          text,
          cuts.map((cut) => cut % text.length),
          several.length,
        ),
        whole,
      );
    },
  );
  await fc.assert(property, propertySettings(test, 150));
});
