/** The edge's own answers. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { errorAnswer, wantsHtml } from '#proxy/error-page.ts';
import { parseProblem, problemOf } from '#proxy/http1/parse-problem.ts';
import { viewOf } from '../support/view.ts';

describe('an error answer', () => {
  it('is HTML only where HTML is asked for by name', () => {
    for (const [accept, expected] of [
      ['text/html', true],
      ['text/html,application/xhtml+xml,*/*;q=0.8', true],
      ['application/json, text/html;q=0.5', true],
      ['*/*', false],
      ['text/*', false],
      ['application/json', false],
    ] as const) {
      assert.equal(
        wantsHtml(viewOf({ target: '/', headers: [['aCCept', accept]] })),
        expected,
        accept,
      );
    }
    assert.equal(wantsHtml(viewOf({ target: '/', headers: [['X-Html', 'text/html']] })), false);
    assert.equal(wantsHtml(viewOf({ target: '/' })), false);
  });

  it('is well-formed for every status the edge gives', () => {
    const statuses = new Set([
      403,
      404,
      405,
      408,
      413,
      502,
      503,
      504,
      ...Object.values(parseProblem).map((one) => problemOf(one).status),
    ]);
    for (const status of statuses) {
      const json = errorAnswer(status, 'id-1', false);
      const problem = JSON.parse(json.body) as Record<string, unknown>;
      assert.equal(json.contentType, 'application/problem+json');
      assert.equal(problem['status'], status);
      assert.equal(problem['requestId'], 'id-1');
      assert.notEqual(problem['detail'], '', `${status} says what it means`);
      const html = errorAnswer(status, 'id-1', true);
      assert.ok(html.body.startsWith('<!doctype html>'));
      assert.ok(html.body.includes('<code>id-1</code>'));
    }
  });

  it('has an answer for a status that is not in the table', () => {
    assert.equal(
      (JSON.parse(errorAnswer(599, 'x', false).body) as { title: string }).title,
      'Error',
    );
  });
});
