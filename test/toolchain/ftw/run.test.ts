/** The runner against engines that are none: it must fail exactly what they fail. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { responseOf } from '#toolchain/ftw/exchange.ts';
import { idsOf } from '#toolchain/ftw/judge.ts';
import { runTests, summaryOf } from '#toolchain/ftw/run.ts';
import { type FtwTest, parseTests, readTests } from '#toolchain/ftw/test-file.ts';
import { startDummyEngine } from '../../support/ftw-engine.ts';
import { missingShared, sharedFolder } from '../../support/shared-file.ts';

function testsOf(...outputs: readonly string[]): readonly FtwTest[] {
  const items = outputs.map(
    (output, index) =>
      `  - test_id: ${index}\n    stages:\n      - { input: {}, output: ${output} }`,
  );
  return parseTests(`rule_id: 7\ntests:\n${items.join('\n')}`, 'a.yaml');
}

async function outcomes(tests: readonly FtwTest[], options = {}) {
  await using engine = await startDummyEngine(options);
  const results = await runTests(tests, engine);
  return { results, engine, outcomes: results.map(({ outcome }) => outcome) };
}

const wanted = '{ log: { expect_ids: [5] } }';
const silent = '{ log: { no_expect_ids: [5] } }';

describe('a stage', () => {
  const cases: readonly {
    readonly output: string;
    readonly options: object;
    readonly holds: boolean;
  }[] = [
    { output: wanted, options: { ids: [5, 6] }, holds: true },
    { output: wanted, options: { ids: [55] }, holds: false },
    { output: '{ log: { expect_ids: [5, 6] } }', options: { ids: [5] }, holds: false },
    { output: silent, options: { ids: [6] }, holds: true },
    { output: silent, options: { ids: [5] }, holds: false },
    { output: '{ log: { match_regex: "Matched .id .5" } }', options: { ids: [5] }, holds: true },
    { output: '{ log: { match_regex: "Matched .id .5" } }', options: {}, holds: false },
    { output: '{ log: { no_match_regex: "id .[0-9]+" } }', options: { ids: [5] }, holds: false },
    { output: '{ log: { no_match_regex: "id .[0-9]+" } }', options: {}, holds: true },
    { output: '{ isolated: true, log: { expect_ids: [5] } }', options: { ids: [5] }, holds: true },
    {
      output: '{ isolated: true, log: { expect_ids: [5] } }',
      options: { ids: [5, 6] },
      holds: false,
    },
    { output: '{ status: 200 }', options: {}, holds: true },
    { output: '{ status: 400 }', options: {}, holds: false },
    { output: '{ status: 200 }', options: { answer: 'nonsense\r\n\r\n' }, holds: false },
    {
      output: '{ expect_error: true, status: 400 }',
      options: { answer: 'nonsense\r\n\r\n' },
      holds: true,
    },
    { output: '{ expect_error: true }', options: { answer: '' }, holds: true },
    { output: '{ expect_error: true }', options: {}, holds: false },
    { output: '{ expect_error: false }', options: {}, holds: true },
    { output: '{ response_contains: "OK\\r" }', options: {}, holds: true },
    { output: '{ response_contains: "Not" }', options: {}, holds: false },
  ];
  for (const { output, options, holds } of cases) {
    it(`${output} ${holds ? 'holds' : 'does not hold'} with ${JSON.stringify(options)}`, async () => {
      const run = await outcomes(testsOf(output), options);
      assert.deepEqual(run.outcomes, [holds ? 'pass' : 'fail'], JSON.stringify(run.results));
    });
  }

  it('does not count for the one after it', async () => {
    const run = await outcomes(testsOf(wanted, silent), { ids: [5] });
    assert.deepEqual(run.outcomes, ['pass', 'fail']);
  });

  it('of a test must hold, not only the last', async () => {
    const text = `rule_id: 7\ntests:\n  - test_id: 1\n    stages:\n      - { input: {}, output: ${wanted} }\n      - { input: {}, output: { status: 200 } }`;
    assert.deepEqual((await outcomes(parseTests(text, 'a.yaml'))).outcomes, ['fail']);
  });

  it('is run once more only where the test says so', async () => {
    const run = await outcomes(testsOf('{ retry_once: true, log: { expect_ids: [5] } }', wanted));
    assert.deepEqual(run.outcomes, ['fail', 'fail']);
    assert.equal(run.engine.requests.length, 3);
  });

  it('waits for markers that a log holds back, and gives up with the reason', async () => {
    assert.deepEqual((await outcomes(testsOf('{ status: 200 }'), { markersLost: 3 })).outcomes, [
      'pass',
    ]);
    await assert.rejects(
      outcomes(testsOf(silent), { markersLost: 1_000 }),
      /the marker .* is not in/,
    );
  });
});

describe('ids in log lines', () => {
  it('are read from both shapes, and not from quoted payloads', () => {
    assert.deepEqual(idsOf('x [id "942100"] [msg "a"] [id "7"]'), [942_100, 7]);
    assert.deepEqual(idsOf('{"a":1,"ruleId":942100,"id": "5"}'), [942_100, 5]);
    assert.deepEqual(idsOf('[data "\\x5bid \\x22942100\\x22\\x5d"]'), []);
  });
});

describe('an answer', () => {
  it('is read when its head is whole, interim ones passed over', () => {
    assert.equal(responseOf('HTTP/1.1 200 OK\r\n'), null);
    assert.equal(responseOf('HTTP/1.1 100 Continue\r\n\r\n'), null);
    const answer = responseOf('HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 403 No\r\n\r\n');
    assert(answer?.kind === 'response' && answer.status === 403);
    assert.equal(responseOf('<html>')?.kind, 'error');
    assert.equal(responseOf('HTTP/2.0 200 OK\r\n\r\n')?.kind, 'error');
  });
});

const crs = join(sharedFolder, 'crs/tests');
describe('the tests of the Core Rule Set', { skip: missingShared('crs/tests') }, () => {
  // One folder in which every kind of expectation stands.
  const tests = () => readTests(crs).filter(({ file }) => /REQUEST-9(?:11|20|22|49)-/.test(file));
  const stages = (list: readonly FtwTest[]) => list.flatMap((test) => test.stages);

  it('are all read', () => {
    const all = readTests(crs);
    assert.equal(all.length, 2_929);
    assert.equal(stages(all).length, 2_930);
    assert.equal(stages(all).filter(({ output }) => output.expectIds.length > 0).length, 2_332);
  });

  it('hold on a dead engine exactly where they ask for nothing', async () => {
    const list = tests();
    const { results } = await outcomes(list);
    const idle = list.filter(({ stages: all }) =>
      all.every(
        ({ output }) =>
          output.expectIds.length === 0 &&
          output.matchRegex === null &&
          (output.status ?? 200) === 200 &&
          output.expectError !== true,
      ),
    );
    const passed = results.filter(({ outcome }) => outcome === 'pass').map(({ name }) => name);
    assert.deepEqual(
      passed,
      idle.map(({ name }) => name),
    );
    const summary = summaryOf(results);
    assert.equal(summary.positive.passed, 0);
    assert(summary.positive.stages > 100 && summary.negative.passed > 50, JSON.stringify(summary));
  });

  it('hold on an engine that logs everything only where silence is not asked for', async () => {
    const list = tests();
    const ids = [
      ...new Set(
        stages(list).flatMap(({ output }) => [...output.expectIds, ...output.noExpectIds]),
      ),
    ];
    const { results } = await outcomes(list, { ids });
    const summary = summaryOf(results);
    const isQuiet = ({ output: { noExpectIds, noMatchRegex } }: FtwTest['stages'][number]) =>
      noExpectIds.length === 0 &&
      (noMatchRegex === null || !new RegExp(noMatchRegex).test('Matched [id "5"] [msg "x"]'));
    for (const { name, outcome } of results) {
      const test = list.find((one) => one.name === name);
      if (outcome === 'pass') assert(test?.stages.every(isQuiet), name);
    }
    const held = stages(list).filter(
      (stage) =>
        isQuiet(stage) &&
        stage.output.expectIds.length > 0 &&
        stage.output.matchRegex === null &&
        stage.output.expectError !== true &&
        (stage.output.status ?? 200) === 200,
    );
    assert.equal(summary.positive.passed, held.length);
    assert(held.length > 100);
  });
});
