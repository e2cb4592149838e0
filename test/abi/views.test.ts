/** Verdicts of every kind, and the views of responses, bodies and logs, as a guest writes and sees them. */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import type { CaseModule } from '#wasm/cases/run-cases.ts';
import { caseModule, problemsOf, resultsOf } from '../support/case-run.ts';
import { buildTestGuest } from '../support/guests.ts';

let module: CaseModule;

before(async () => {
  module = caseModule(await buildTestGuest('views-probe'));
});

function holds(name: string, item: object): void {
  it(name, () => assert.deepEqual(problemsOf(module, { cases: [{ name, ...item }] }), []));
}

describe('what a guest says', () => {
  holds('marks and changes, in order', {
    request: { target: '/marks' },
    verdict: 'allow',
    tags: ['probe/one'],
    score: 5,
    requestEdits: ['set x-one: 1', 'add x-two: 2', 'remove x-three', 'set x-path: /marks'],
    responseEdits: ['set x-four: 4'],
  });
  holds('nothing', { request: { target: '/nothing' }, verdict: 'allow', tags: [], score: 0 });
  holds('a tag, and then a block', {
    request: { target: '/both' },
    verdict: { status: 403, rule: 'probe/both', reason: 'after a tag', matched: '/both' },
    tags: ['probe/first'],
  });
  holds('a challenge', {
    request: { target: '/challenge' },
    verdict: { kind: 'challenge', status: 403, rule: 'probe/challenge', target: 'path' },
  });
  holds('the parts of a request as strings', {
    request: {
      method: 'PUT',
      target: '/strings?q=a+b%21',
      headers: [
        ['Host', 'a.example'],
        ['X-A', 'one'],
        ['Cookie', 'b=1; c=two'],
      ],
    },
    requestEdits: ['set x-said: PUT /strings a.example 203.0.113.7 one a b! two'],
  });
  holds('strings that are not there', {
    request: { target: '/strings', http10: true, client: '2001:db8::1' },
    requestEdits: ['set x-said: GET /strings  2001:db8::1 - - -'],
  });
  holds('at most 64 things', {
    request: { target: '/65-marks' },
    verdict: { kind: 'failure', reason: 'a call says at most 64 things' },
    tags: [],
  });
  holds('a limit: five of two from ten in a minute, and one more after a fifth of it', {
    requests: [
      ...Array.from({ length: 5 }, () => ({ request: { target: '/limit' }, verdict: 'allow' })),
      { request: { target: '/limit' }, verdict: { kind: 'limited', status: 429 } },
      { request: { target: '/limit', client: '203.0.113.8' }, verdict: 'allow' },
      { afterMs: 12_000, request: { target: '/limit' }, verdict: 'allow' },
      { request: { target: '/limit' }, verdict: { kind: 'limited', rule: 'probe/limit' } },
    ],
  });
});

describe('what a guest sees', () => {
  holds('of a response', {
    request: { target: '/response' },
    response: {
      status: 404,
      reason: 'Not Found',
      headers: [
        ['Server', 'x'],
        ['Content-Type', 'text/html'],
      ],
    },
    verdict: 'allow',
    score: 406,
    responseEdits: ['set x-type: text/html', 'set x-reason: Not Found'],
  });
  holds('of a body that is there at once', {
    request: { target: '/body', body: 'h\u00e9llo' },
    verdict: { status: 407, target: 'body 7 0 0 6 0', matched: 'h\u00c3\u00a9llo' },
  });
  holds('of an empty body', {
    request: { target: '/body', body: '' },
    verdict: { status: 407, target: 'body 7 0 0 0 0', matched: '' },
  });
  holds('of the first stretch of a body', {
    request: { target: '/body', bodyBase64: 'AAECAw==', chunks: [3] },
    verdict: { status: 401, target: 'body 1 0 0 3 0', matched: '\u0000\u0001\u0002' },
  });
  holds('of a response and its body', {
    request: { target: '/body' },
    response: { status: 201, headers: [['A', 'b']], body: 'made' },
    verdict: { status: 415, target: 'body 15 0 0 4 201', matched: 'made' },
  });
  holds('of the end of a request', {
    request: { target: '/log', body: 'abc' },
    response: { status: 200, body: 'defgh' },
    verdict: 'allow',
  });

  it('of the end of a request, its numbers', () => {
    const [result] = resultsOf(module, {
      cases: [{ name: 'log', request: { target: '/x', body: 'abc' }, response: {}, log: [] }],
    });
    const logged = result?.differences.find(({ what }) => what === 'log')?.actual ?? '';
    assert.match(logged, /^\["info: \/x 0 200 3 0 \d+ \d+ 0 "\]$/);
  });

  it('of the end of a blocked request, the rule', () => {
    const [result] = resultsOf(module, {
      cases: [{ name: 'log', request: { target: '/both' }, log: [] }],
    });
    const logged = result?.differences.find(({ what }) => what === 'log')?.actual ?? '';
    assert.match(logged, /^\["info: \/both 1 403 0 0 \d+ \d+ 0 probe\/both"\]$/);
  });
});
