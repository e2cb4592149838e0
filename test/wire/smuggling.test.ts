/**
 * Requests whose framing or syntax is disputed (`../shared/corpora/smuggling`), each onto a fresh
 * connection, against an origin that records raw bytes and keeps its connections.
 *
 * `reject` wants a refusal and a closed connection, `normalise` that or exactly the requests listed,
 * `accept` that the good request gets through: a proxy that refuses everything fails as well.
 * `scripts/replay-smuggling.ts` runs the same against the shipped process and keeps the table.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { makeDevelopmentCertificate } from '../../certs/development-certificate.ts';
import { TestEdge } from '../support/edge.ts';
import { parserDifference } from '../support/parser-cases.ts';
import { ReplayOrigin } from '../support/replay-origin.ts';
import { type ParserCase, type SmugglingCase, smugglingCases } from '../support/smuggling-cases.ts';
import { isAsExpected, isCritical, type Judgement } from '../support/smuggling-judge.ts';
import {
  offersH2,
  type ReplayTarget,
  replay,
  replayTimeouts,
} from '../support/smuggling-replay.ts';

/** Most cases wait for a time limit, so several edges go side by side; each sees one case at a time. */
const lanes = 8;
const made = await makeDevelopmentCertificate(['localhost', '127.0.0.1']);

type Lane = ReplayTarget & AsyncDisposable;

async function startLane(): Promise<Lane> {
  const origin = await ReplayOrigin.start();
  const edge = await TestEdge.start({
    edge: { timeouts: replayTimeouts },
    listeners: [
      { address: '127.0.0.1:0', plaintext: true },
      { address: '127.0.0.1:0', tls: { certificates: [{ cert: 'site.crt', key: 'site.key' }] } },
    ],
    certificates: [{ listener: 1, cert: made.certificate, key: made.privateKey }],
    upstreams: { app: { servers: [{ url: origin.url }] } },
    routes: [{ upstream: 'app' }],
  });
  const [plain = '', secure = ''] = edge.addresses;
  return {
    plain,
    tlsPort: Number(secure.slice(secure.lastIndexOf(':') + 1)),
    origin,
    [Symbol.asyncDispose]: async () => {
      await edge[Symbol.asyncDispose]();
      await origin[Symbol.asyncDispose]();
    },
  };
}

async function replayAll(
  cases: readonly SmugglingCase[],
): Promise<{ readonly one: SmugglingCase; readonly judgement: Judgement }[]> {
  const queue = [...cases];
  const judged: { one: SmugglingCase; judgement: Judgement }[] = [];
  const run = async (): Promise<void> => {
    await using lane = await startLane();
    for (let one = queue.shift(); one !== undefined; one = queue.shift())
      judged.push({ one, judgement: await replay(one, lane) });
  };
  await Promise.all(Array.from({ length: lanes }, run));
  return judged;
}

const asExpectedShareMin = 0.99;

async function assertHolds(cases: readonly SmugglingCase[]): Promise<void> {
  const judged = await replayAll(cases);
  const line = ({ one, judgement }: (typeof judged)[number]): string =>
    `${one.id} (${one.expected}, ${one.note}): ${judgement.outcome}, ${judgement.why}`;
  const critical = judged.filter(({ judgement }) => isCritical(judgement.outcome));
  assert.deepEqual(critical.map(line), [], 'nothing smuggled, unclean or changed');
  const lost = judged.filter(
    ({ one, judgement }) => one.expected === 'accept' && judgement.outcome !== 'ok',
  );
  assert.deepEqual(lost.map(line), [], 'every good request gets through');
  const off = judged.filter(({ judgement }) => !isAsExpected(judgement.outcome));
  assert.ok(off.length <= cases.length * (1 - asExpectedShareMin), off.map(line).join('\n'));
}

describe('disputed requests', () => {
  const h1 = smugglingCases('h1');
  it(
    'over HTTP/1.1: none smuggled, the good ones pass, nearly all refused as they should be',
    {
      skip: h1.skip,
    },
    () => assertHolds(h1.cases),
  );

  const h2 = smugglingCases('h2');
  it('over HTTP/2: none smuggled, the good ones pass, nearly all refused as they should be', {
    skip: h2.skip,
  }, async () => {
    await using lane = await startLane();
    assert.ok(await offersH2(lane.tlsPort as number), 'the edge offers h2');
    await assertHolds(h2.cases);
  });

  const parser = smugglingCases<ParserCase>('parser-llhttp');
  it('the parser says what llhttp, strict, says, or there is a reason', {
    skip: parser.skip,
  }, () => {
    const unexplained = parser.cases
      .map(parserDifference)
      .filter((difference) => difference?.reason === '')
      .map(
        (difference) =>
          `${difference?.one.id}: llhttp ${difference?.one.parser}, ours ${difference?.ours}`,
      );
    assert.deepEqual(unexplained, []);
  });

  it('the page of the reference has all of them, and every difference to llhttp with its reason', {
    skip: h1.skip || h2.skip || parser.skip,
  }, () => {
    const file = new URL('../../docs/reference/smuggling.md', import.meta.url);
    const page = readFileSync(file, 'utf8');
    const counts = new Map<string, number>();
    for (const { proto, family, expected } of [...h1.cases, ...h2.cases]) {
      const group = `| ${proto} | ${family} | ${expected} |`;
      counts.set(group, (counts.get(group) ?? 0) + 1);
    }
    const rows = page.split('\n');
    const mend = 'run: node scripts/replay-smuggling.ts --write';
    for (const [group, count] of counts)
      assert.ok(
        rows.some((row) => row.startsWith(`${group} ${count} |`)),
        `${group} ${count}: ${mend}`,
      );
    assert.match(
      page,
      new RegExp(`^${h1.cases.length + h2.cases.length} cases, 0 critical, `, 'm'),
    );
    for (const difference of parser.cases.map(parserDifference))
      if (difference !== null)
        assert.ok(
          rows.some(
            (row) =>
              row.startsWith(`| ${difference.one.id} |`) &&
              row.endsWith(`| ${difference.reason} |`),
          ),
          `${difference.one.id}: ${mend}`,
        );
  });
});
