/** A challenge from the verdict to the request that goes on, without sockets. */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { ChallengeMetrics } from '#proxy/challenge/challenge-metrics.ts';
import { Challenges, challengeMs } from '#proxy/challenge/challenges.ts';
import { findSolution } from '#proxy/challenge/solver.ts';
import type { OwnAnswer } from '#proxy/error-page.ts';
import { MetricRegistry } from '#telemetry/metrics.ts';
import { viewOf } from '../../support/view.ts';

const settings = { difficultyBits: 6, passMinutes: 30 };
const browser = [
  ['Host', 'shop.test'],
  ['Accept', 'text/html,*/*'],
] as const;
type Fields = readonly (readonly [string, string])[];

class Bench {
  nowMs = 1_800_000_000_000;
  readonly registry = new MetricRegistry();
  readonly challenges = new Challenges(new ChallengeMetrics(this.registry), () => this.nowMs);

  ask(headers: Fields = browser, address = '192.0.2.1', method = 'GET', bits = 6) {
    const challenged = {
      request: viewOf({ method, target: '/', headers }),
      requestId: 'id-1',
      facts: { clientAddress: address, tls: true },
    };
    const asked = { ...settings, difficultyBits: bits };
    if (this.challenges.admits(challenged, asked)) return null;
    const answer = this.challenges.issue(challenged, asked, true, 'challenged');
    return { ...answer, body: String(answer.body) };
  }

  solve(
    field: string,
    address = '192.0.2.1',
    host = 'shop.test',
    method = 'POST',
    target = '/.well-known/weir/challenge',
  ): OwnAnswer | null {
    const headers: Fields = [
      ['Host', host],
      ['Weir-Challenge', field],
    ];
    return this.challenges.solve(viewOf({ method, target, headers }), address, true, settings);
  }

  count(key: string): number {
    return this.registry.samples().get(key) ?? 0;
  }
}

const challengeIn = (answer: OwnAnswer | null): string =>
  /data-challenge="([^"]+)"/.exec(String(answer?.body))?.[1] as string;
const worked = (challenge: string): string =>
  `${challenge}.${findSolution(challenge, settings.difficultyBits, 0, 1_000_000)}`;
const passIn = (answer: OwnAnswer | null): string =>
  /__weir_pass=([^;]+)/.exec(answer?.fields ?? '')?.[1] as string;
const withPass = (pass: string): Fields => [...browser, ['Cookie', `a=1; __weir_pass=${pass}`]];

test('who has solved the challenge of its page goes on', () => {
  const bench = new Bench();
  const page = bench.ask();
  assert.equal(page?.status, 403);
  const solved = bench.solve(worked(challengeIn(page)));
  assert.equal(solved?.status, 200);
  assert.match(
    solved.fields,
    /^Set-Cookie: __weir_pass=[\w-]{104}; Path=\/; Max-Age=2100; HttpOnly; SameSite=Lax; Secure\r\n$/,
  );
  assert.equal(bench.ask(withPass(passIn(solved))), null);
  assert.equal(bench.count('weir_challenges_issued_total{as="page"}'), 1);
  assert.equal(bench.count('weir_challenges_solved_total'), 1);
  assert.equal(bench.count('weir_challenges_passed_total'), 1);
});

test('a pass ends, and no solution makes it longer', () => {
  const bench = new Bench();
  const solution = worked(challengeIn(bench.ask()));
  const first = passIn(bench.solve(solution));
  bench.nowMs += challengeMs - 1;
  assert.equal(passIn(bench.solve(solution)), first, 'the same pass again');
  bench.nowMs++;
  assert.match(bench.solve(solution)?.reason ?? '', /expired/);
  bench.nowMs += 30 * 60_000 - 1;
  assert.equal(bench.ask(withPass(first)), null);
  bench.nowMs++;
  assert.equal(bench.ask(withPass(first))?.status, 403);
  assert.equal(bench.count('weir_challenges_failed_total{what="pass",reason="expired"}'), 1);
});

test('a pass is worth nothing elsewhere, and less work than is asked now does not count', () => {
  const bench = new Bench();
  const pass = passIn(bench.solve(worked(challengeIn(bench.ask()))));
  assert.equal(bench.ask(withPass(pass), '198.51.100.1')?.status, 403);
  const host = withPass(pass).map(([name, value]) => [name, name === 'Host' ? 'b.test' : value]);
  assert.equal(bench.ask(host as unknown as Fields)?.status, 403);
  assert.equal(bench.ask(withPass(pass), '192.0.2.1', 'GET', 7)?.status, 403);
  for (const reason of ['address', 'host', 'difficulty'])
    assert.equal(bench.count(`weir_challenges_failed_total{what="pass",reason="${reason}"}`), 1);
  assert.equal(bench.ask(withPass(`x; __weir_pass=${pass}`)), null, 'another one beside it');
});

test('a challenge is solved by who got it, on its host, in time, and by work', () => {
  const bench = new Bench();
  const challenge = challengeIn(bench.ask());
  const solution = worked(challenge);
  assert.match(bench.solve(solution, '198.51.100.1')?.reason ?? '', /address/);
  assert.match(bench.solve(solution, '192.0.2.1', 'b.test')?.reason ?? '', /host/);
  let wrong = 0;
  const bits = (number: number): number =>
    Math.clz32(createHash('sha256').update(`${challenge}.${number}`).digest().readUInt32BE(0));
  while (bits(wrong) >= settings.difficultyBits) wrong++;
  assert.match(bench.solve(`${challenge}.${wrong}`)?.reason ?? '', /work/);
  for (const reason of ['address', 'host', 'work'])
    assert.equal(
      bench.count(`weir_challenges_failed_total{what="solution",reason="${reason}"}`),
      1,
    );
  assert.equal(bench.solve(solution)?.status, 200, 'what others tried takes nothing from it');
});

test('whatever else goes to that path goes on to its route', () => {
  const bench = new Bench();
  const solution = worked(challengeIn(bench.ask()));
  const [challenge, number] = solution.split('.') as [string, string];
  const pass = passIn(bench.solve(solution));
  const forged = new Bench().ask();
  for (const field of [
    '',
    '.',
    challenge,
    `${challenge}.`,
    `${challenge}.0${number}`,
    `${challenge}.-1`,
    `${challenge}.1e5`,
    `${challenge}.${number}.`,
    `${challenge}.${'9'.repeat(14)}`,
    `.${number}`,
    `${pass}.${number}`,
    worked(challengeIn(forged)),
    `${randomBytes(78).toString('base64url')}.1`,
  ])
    assert.equal(bench.solve(field), null, field);
  const address = '192.0.2.1';
  for (const method of ['GET', 'HEAD', 'PUT', 'POSTS', 'post'])
    assert.equal(bench.solve(solution, address, 'shop.test', method), null, method);
  for (const path of ['/.well-known/weir/challenges', '/.well-known/weir/Challenge', '/'])
    assert.equal(bench.solve(solution, address, 'shop.test', 'POST', path), null, path);
  const twice: Fields = [
    ['Host', 'shop.test'],
    ['Weir-Challenge', solution],
    ['Weir-Challenge', solution],
  ];
  const path = '/.well-known/weir/challenge';
  const view = viewOf({ method: 'POST', target: path, headers: twice });
  assert.equal(bench.challenges.solve(view, address, true, settings), null);
  const body = viewOf({ method: 'POST', target: path, headers: twice.slice(0, 2) });
  body.contentLength = 1;
  assert.equal(bench.challenges.solve(body, address, true, settings), null);
  body.contentLength = -1;
  body.chunked = true;
  assert.equal(bench.challenges.solve(body, address, true, settings), null);
  body.chunked = false;
  assert.equal(bench.challenges.solve(body, address, true, settings)?.status, 200);
});

test('programs are told in JSON, whatever the method; a form is told to be sent again', () => {
  const bench = new Bench();
  const accepts: readonly Fields[] = [[], [['Accept', '*/*']], [['Accept', 'application/json']]];
  for (const accept of accepts) {
    const answer = bench.ask([['Host', 'shop.test'], ...accept]);
    assert.equal(answer?.status, 403);
    assert.equal(answer.contentType, 'application/problem+json');
    assert.deepEqual(Object.keys(JSON.parse(answer.body) as object), [
      'type',
      'title',
      'status',
      'detail',
      'requestId',
    ]);
  }
  assert.equal(bench.count('weir_challenges_issued_total{as="problem"}'), 3);
  assert.match(bench.ask()?.body ?? '', /data-get="yes"/);
  const form: Fields = [...browser, ['Sec-Fetch-Mode', 'navigate']];
  assert.match(bench.ask(form, '192.0.2.1', 'POST')?.body ?? '', /data-get=""/);
});

test('the page runs its own script and style, takes nothing from elsewhere, and works unscripted', () => {
  const page = new Bench().ask();
  assert.ok(page !== null);
  for (const tag of ['script', 'style']) {
    const text = new RegExp(`<${tag}>([\\s\\S]*?)</${tag}>`).exec(page.body)?.[1] as string;
    const hash = createHash('sha256').update(text).digest('base64');
    assert.ok(page.fields.includes(`${tag}-src 'sha256-${hash}'`), tag);
  }
  assert.match(page.fields, /default-src 'none'/);
  assert.doesNotMatch(page.body, /\b(?:src|href|action)=/);
  assert.match(page.body, /<html lang="en">/);
  assert.match(page.body, /role="status"/);
  assert.match(page.body, /<noscript>[\s\S]*JavaScript[\s\S]*<\/noscript>/);
  assert.match(page.body, /<code>id-1<\/code>/);
});

test('the keys of the supervisor take the place of its own, and the one before still counts', () => {
  const bench = new Bench();
  const [first, second, third] = [randomBytes(32), randomBytes(32), randomBytes(32)];
  bench.challenges.setKeys([first]);
  const pass = passIn(bench.solve(worked(challengeIn(bench.ask()))));
  bench.challenges.setKeys([second, first]);
  assert.equal(bench.ask(withPass(pass)), null);
  bench.challenges.setKeys([third, second]);
  assert.equal(bench.ask(withPass(pass))?.status, 403);
  assert.equal(bench.count('weir_challenges_failed_total{what="pass",reason="signature"}'), 1);
});
