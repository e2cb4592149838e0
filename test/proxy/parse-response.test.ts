/** The response parser over `test/corpus/http1/responses.json`. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { complete, incomplete, parseProblem } from '#proxy/http1/parse-problem.ts';
import { parseResponse } from '#proxy/http1/parse-response.ts';
import { ResponseView } from '#waf/response-view.ts';
import responses from '../corpus/http1/responses.json' with { type: 'json' };

function parse(text: string, headBytesMax = 65_536) {
  const view = new ResponseView(16);
  const bytes = Buffer.from(text, 'latin1');
  return { view, result: parseResponse(view, bytes, 0, bytes.length, headBytesMax) };
}

describe('a response head', () => {
  for (const { name, bytes, expect } of responses) {
    it(name, () => {
      const { view, result } = parse(bytes);
      if ('problem' in expect) {
        assert.equal(
          Object.entries(parseProblem).find(([, value]) => value === result)?.[0],
          expect.problem,
        );
        return;
      }
      assert.equal(result, 'incomplete' in expect ? incomplete : complete);
      const got: Record<string, unknown> = {
        incomplete: true,
        status: view.status,
        reason: view.bytes.toString('latin1', view.reasonStart, view.reasonEnd),
        minor: view.minor,
        contentLength: view.contentLength,
        chunked: view.chunked,
        keepAlive: view.connectionKeepAlive,
      };
      for (const [key, value] of Object.entries(expect)) assert.deepEqual(got[key], value, key);
    });
  }

  it('is bounded in size', () => {
    const head = 'HTTP/1.1 200 OK\r\nA: b\r\n\r\n';
    assert.equal(parse(head, head.length).result, complete);
    assert.equal(parse(head, head.length - 1).result, parseProblem.headTooLarge);
  });
});
