/** The terms of a rollout as people write them, and what is said of those that are none. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CliError } from '#cli/cli-error.ts';
import { ParsedArguments } from '#cli/parse-arguments.ts';
import { rolloutTerms, stagesOf } from '#cli/rollout-terms.ts';
import { runCliProcess } from '../support/cli-process.ts';

const given = (values: Readonly<Record<string, string>>): ParsedArguments =>
  new ParsedArguments([], new Map(Object.entries(values).map(([name, value]) => [name, [value]])));

describe('stages', () => {
  for (const [text, soakMs, expected] of [
    [null, null, ['1 nodes 60000', '25 percent 60000', '100 percent 60000']],
    [null, 5_000, ['1 nodes 5000', '25 percent 5000', '100 percent 5000']],
    ['1:10m,25%:1h,all', 30_000, ['1 nodes 600000', '25 percent 3600000', '100 percent 30000']],
    ['3,100%:0s', null, ['3 nodes 60000', '100 percent 0']],
  ] as const)
    it(`${text ?? 'none'} with ${soakMs ?? 'no'} soak are ${expected.join(', ')}`, () =>
      assert.deepEqual(
        stagesOf(text, soakMs).map((one) => `${one.amount} ${one.unit} ${one.soakMs}`),
        expected,
      ));

  for (const text of ['', '0', '101%', 'half', '1:', '1:x', '1,,all', '1001', '-1', '1%%'])
    it(`"${text}" is refused`, () => assert.throws(() => stagesOf(text, null), CliError));
});

describe('guards', () => {
  it('are shares, factors and whole numbers', () => {
    const terms = rolloutTerms(
      given({ errors: '2.5', blocks: '10%', latency: '1.5', failures: '3', requests: '10' }),
    ) as { guards: object };
    assert.deepEqual(terms.guards, {
      ...{ errorShareMax: 0.025, blockShareMax: 0.1, p99FactorMax: 1.5 },
      ...{ moduleFailuresMax: 3, requestsMin: 10 },
    });
  });

  for (const [name, value] of [
    ['errors', '101'],
    ['errors', '-1'],
    ['latency', '0.5'],
    ['failures', '1.5'],
    ['requests', '0'],
    ['soak', '8d'],
    ['baseline', '1x'],
  ] as const)
    it(`--${name} ${value} is refused`, () =>
      assert.throws(() => rolloutTerms(given({ [name]: value })), CliError));
});

describe('weir rollout', () => {
  for (const [argv, says] of [
    [['rollout', 'start', 'own'], /give one of --module, --policy and --sha256/],
    [['rollout', 'start', 'own', '--module', 'a', '--policy', 'b'], /give one of/],
    [['rollout', 'start', 'own', '--sha256', 'x'], /is no SHA-256/],
    [['rollout', 'show', 'Own!'], /"Own!" is no name of a rollout/],
    [['module', 'load', 'own', 'x.wasm', '--soak', '1m'], /--soak says something of a fleet/],
    [['fleet', 'policy', '../x'], /is no name/],
  ] as const)
    it(`says what is wrong with ${argv.join(' ')}`, async () => {
      const { exit, stderr } = await runCliProcess([...argv]);
      assert.equal(exit, 2);
      assert.match(stderr, says);
    });
});
