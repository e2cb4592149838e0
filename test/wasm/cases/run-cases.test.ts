/** The runner of cases: what it compares, what a case leaves behind (nothing), and what a failure is. */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import type { CaseModule } from '#wasm/cases/run-cases.ts';
import { caseModule, problemsOf, resultsOf } from '../../support/case-run.ts';
import { buildTestGuest } from '../../support/guests.ts';

let module: CaseModule;

before(async () => {
  module = caseModule(await buildTestGuest('case-probe'));
});

const run = (...cases: object[]): string[] =>
  problemsOf(module, { cases: cases.map((item, index) => ({ name: `${index}`, ...item })) });
const to = (target: string, expected: object = {}): object => ({
  request: { target },
  ...expected,
});

describe('a case', () => {
  it('compares the keys that stand there, each by itself', () => {
    const verdict = { status: 404, rule: 'probe/other', target: 'path', matched: '/block' };
    assert.deepEqual(run(to('/block', { verdict, tags: ['x'], score: 1 })), [
      '0: verdict.status: expected 404, got 403',
      '0: verdict.rule: expected probe/other, got probe/block',
      '0: tags: expected ["x"], got []',
      '0: score: expected 1, got 0',
    ]);
    assert.deepEqual(run(to('/block', { verdict: { kind: 'block' } }), to('/block')), []);
    assert.deepEqual(
      run(to('/block', { verdict: 'allow' }), to('/', { verdict: { status: 403 } })),
      [
        '0: verdict: expected allow, got block 403 probe/block',
        '1: verdict: expected block 403, got allow',
      ],
    );
  });

  it('have trailers behind the body, the last stretch of it', async () => {
    const probe = caseModule(await buildTestGuest('trailer-probe'));
    const request = { method: 'POST', body: 'hello', trailers: [['X-Evil', 'yes']] };
    const verdict = { rule: 'probe/trailer', matched: 'yes' };
    const cases = [
      { name: 'whole', request, verdict },
      { name: 'in stretches', request: { ...request, chunks: [2] }, verdict },
      { name: 'none', request: { ...request, trailers: [] }, verdict: 'allow' },
      {
        name: 'of the response',
        request: {},
        response: { body: '', trailers: [['x-secret', 'key']] },
        verdict: { rule: 'probe/secret' },
      },
    ];
    assert.deepEqual(problemsOf(probe, { cases }), []);
  });

  it('in which the module fails does not hold, unless it is about that', () => {
    const failure = { kind: 'failure', reason: 'unreachable' };
    const other = { kind: 'failure', reason: 'no such thing' };
    const [unsaid, allowed, asked, differently] = [
      to('/trap'),
      to('/trap', { verdict: 'allow' }),
      to('/trap', { verdict: failure }),
      to('/trap', { verdict: other }),
    ];
    const problems = run(unsaid, allowed, asked, differently, to('/', { verdict: failure }));
    assert.match(
      problems[0] ?? '',
      /^0: verdict: expected no failure, got failure trap: unreachable/,
    );
    assert.match(problems[1] ?? '', /^1: verdict: expected allow, got failure trap: unreachable/);
    assert.match(
      problems[2] ?? '',
      /^3: verdict: expected failure no such thing, got failure trap/,
    );
    assert.match(problems[3] ?? '', /^4: verdict: expected failure unreachable, got allow/);
    assert.equal(problems.length, 4);
  });

  it('ends a loop without an end', () => {
    assert.deepEqual(
      run(to('/loop', { verdict: { kind: 'failure', reason: 'used up its fuel' } })),
      [],
    );
  });

  it('has a config of its own, and a refused one is a failure', () => {
    assert.deepEqual(
      run(
        to('/', { config: { status: 444 } }),
        to('/block', { config: { status: 444 }, verdict: { status: 444 } }),
        to('/block', { verdict: { status: 403 } }),
        to('/', { config: { status: 1 }, verdict: { kind: 'failure', reason: 'status: must be' } }),
      ),
      [],
    );
  });

  it('begins with what it says is there, and leaves nothing behind', () => {
    const counted = (log: string): object => to('/count', { log: [log] });
    assert.deepEqual(
      run(
        {
          requests: [
            counted('info: 1'),
            counted('info: 2'),
            { afterMs: 120_000, ...counted('info: 1') },
          ],
        },
        counted('info: 1'),
        to('/value', { values: { worker: { key: 'here' } }, log: ['info: here'] }),
        to('/value', { log: ['info: -'] }),
        to('/set', { log: [] }),
        to('/value', { log: ['info: -'] }),
        {
          requests: [
            to('/set'),
            to('/value', { log: ['info: set'] }),
            { afterMs: 1_000, ...to('/value', { log: ['info: -'] }) },
          ],
        },
      ),
      [],
    );
  });

  it('says what the time is, and databases, and sees what is blocked', () => {
    const databases = { geo: { '203.0.113.7': { 'country.iso_code': 'DE' } } };
    assert.deepEqual(
      run(
        to('/now', { now: 1_234, log: ['info: 1234'] }),
        to('/geo', { databases, log: ['info: DE'] }),
        to('/ban', { blocks: ['203.0.113.7 for 60 s: asked for'] }),
      ),
      [],
    );
  });

  it('knows rules seen and named, and what was used up', () => {
    const [blocked, passed] = resultsOf(module, {
      cases: [
        { name: 'a', ...to('/block', { verdict: { rule: 'probe/block' } }) },
        { name: 'b', ...to('/') },
      ],
    });
    assert.deepEqual(blocked?.rulesSeen, ['probe/block']);
    assert.deepEqual(blocked?.rulesNamed, ['probe/block']);
    assert.deepEqual(passed?.rulesSeen, []);
    assert((passed?.fuel ?? 0) > 10 && (passed?.fuel ?? 0) < 10_000);
  });

  it('does not pass in a module that cannot be made', () => {
    const broken = caseModule(new Uint8Array([0, 97, 115, 109]));
    assert.match(
      problemsOf(broken, { cases: [{ name: 'a', ...to('/') }] })[0] ?? '',
      /^a: verdict: expected no failure/,
    );
  });
});
