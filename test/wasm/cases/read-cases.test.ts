/** Files of cases: what is wrong in one is said with its place and what to do. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import Type from 'typebox';
import { Compile } from 'typebox/schema';
import { formatProblem } from '#config/problem.ts';
import { casesJsonSchema } from '#wasm/cases/cases-json-schema.ts';
import { readCases } from '#wasm/cases/read-cases.ts';

function problemsIn(text: string): string[] {
  const read = readCases(text);
  return read.ok ? [] : read.problems.map((problem) => formatProblem(problem, 'cases.json'));
}

const one = (item: string): string => `{"cases": [\n{"name": "a",\n${item}}]}`;

describe('a file of cases', () => {
  for (const [what, text, problem] of [
    ['that is no JSON', '[{"name": "a"', /^cases\.json:1:\d+ is no valid JSON/],
    ['that is neither list nor object', '"cases"', /must be a mapping with/],
    ['without a name', '[{"request": {}}]', /^cases\.json:1:\d+ cases\[0\]\.name: is missing/],
    [
      'with a slip in a key',
      one('"request": {"taget": "/"}'),
      /taget: .* \(did you mean target\?\)/,
    ],
    [
      'with a number as text',
      one('"request": {}, "score": "5"'),
      /^cases\.json:3:\d+ cases\[0\]\.score: must be a whole number/,
    ],
    [
      'with an odd verdict',
      one('"request": {}, "verdict": "deny"'),
      /verdict: must be a mapping with kind, status/,
    ],
    [
      'with a pair of one',
      one('"request": {"headers": [["Host"]]}'),
      /headers\[0\]: holds 1 entries; at least 2/,
    ],
    [
      'with a name no field has',
      one('"request": {"headers": [["Ho st", "a"]]}'),
      /headers\[0\]: "Ho st" is no field name/,
    ],
    [
      'with a line break in a value',
      one('"request": {"headers": [["A", "b\\r\\nc: d"]]}'),
      /holds what no field can/,
    ],
    [
      'with a blank in a target',
      one('"request": {"target": "/a b"}'),
      /request\.target: holds a blank/,
    ],
    [
      'with two bodies',
      one('"request": {"body": "a", "bodyBase64": "YQ=="}'),
      /bodyBase64: stands beside body/,
    ],
    ['with no base64', one('"request": {"bodyBase64": "!"}'), /bodyBase64: is no base64/],
    [
      'with no request',
      one('"score": 1'),
      /cases\[0\]: has no request \(say request, requests for several, or packets\)/,
    ],
    [
      'with requests and one thing more',
      one('"requests": [{"request": {}}], "score": 1'),
      /score: stands beside requests/,
    ],
    [
      'with a config that is a list',
      one('"request": {}, "config": []'),
      /config: must be an object/,
    ],
    [
      'with an "allow" that says more',
      one('"request": {}, "verdict": {"kind": "allow", "rule": "x"}'),
      /verdict\.rule: says more than "allow"/,
    ],
  ] as const) {
    it(`${what} is refused`, () => {
      const problems = problemsIn(text);
      assert.match(problems[0] ?? '', problem);
      assert.equal(problems.length, 1, problems.join('\n'));
    });
  }

  it('may be a bare list', () => {
    const read = readCases('[{"name": "a", "request": {}, "verdict": "allow"}]');
    assert(read.ok);
    assert.equal(read.cases[0]?.steps[0]?.verdict?.kind, 'allow');
    assert.match(
      problemsIn('[{"name": "a"},\n{"name": "b", "request": 1}]')[0] ?? '',
      /^cases\.json:2:/,
    );
  });

  it('says for all its cases what they do not say for themselves', () => {
    const read = readCases(
      JSON.stringify({
        config: { a: 1 },
        now: 5,
        cases: [
          { name: 'one', request: {} },
          { name: 'two', request: {}, config: { a: 2 }, now: 6 },
        ],
      }),
    );
    assert(read.ok);
    assert.deepEqual(
      read.cases.map(({ config, nowMs }) => [config, nowMs]),
      [
        ['{"a":1}', 5],
        ['{"a":2}', 6],
      ],
    );
  });
});

describe('the JSON Schema of cases', () => {
  const schema = Compile(Type.Unsafe(casesJsonSchema()));
  const rules = join(import.meta.dirname, '../../../wasm-rules');
  const files = [
    'template/cases.json',
    ...readdirSync(join(rules, 'rules')).map((name) => `rules/${name}/cases.json`),
  ];

  for (const file of files) {
    it(`takes ${file}`, () => {
      const value: unknown = JSON.parse(readFileSync(join(rules, file), 'utf8'));
      assert.deepEqual(schema.Errors(value)[1].slice(0, 3), []);
    });
  }

  it('refuses what the reader refuses', () => {
    for (const wrong of [[{}], [{ name: 'a', request: {}, verdict: 'deny' }], { cases: 1 }])
      assert.equal(schema.Check(wrong), false, JSON.stringify(wrong));
  });
});
