/** Every rule of `builtin:core` matches what it is there for and passes its near neighbour, through the very engine. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readModule } from '#wasm/seclang/module-file.ts';
import { buildCore, caseOf, coreCases } from '../../support/core-rules.ts';
import { SeclangRules } from '../../support/seclang.ts';

const bytes = buildCore(4);
const rules = new SeclangRules(bytes);
const facts = (readModule(bytes)?.facts.rules ?? []).filter(
  ({ tags }) => tags.includes('builtin-core') && !tags.includes('anomaly-evaluation'),
);
const cases = coreCases();

test('every rule has a message, a severity, data for the log, its tags and cases both ways', () => {
  assert.ok(facts.length > 0);
  const wrong = facts.flatMap(({ id, message, severity, hasLogData, tags }) => {
    const own = cases.filter(({ rule }) => rule === id);
    const problems = [
      ...(message === '' ? ['no msg'] : []),
      ...(severity === null ? ['no severity'] : []),
      ...(hasLogData ? [] : ['no logdata']),
      ...(tags.some((tag) => tag.startsWith('attack-')) ? [] : ['no tag attack-…']),
      ...(tags.some((tag) => /^paranoia-level\/[1-4]$/.test(tag)) ? [] : ['no tag paranoia-level']),
      ...(own.some(({ matches }) => matches.length > 0) ? [] : ['no case that it matches']),
      ...(own.some(({ passes }) => passes.length > 0) ? [] : ['no case that it passes']),
    ];
    return problems.map((problem) => `${id}: ${problem}`);
  });
  assert.deepEqual(wrong, []);
});

test('every case is of a rule that there is', () => {
  const known = new Set(facts.map(({ id }) => id));
  assert.deepEqual(
    cases.filter(({ rule }) => !known.has(rule)).map(({ rule }) => rule),
    [],
  );
});

test('every rule matches what it is there for, and passes its near neighbour', () => {
  const wrong: string[] = [];
  for (const { rule, matches, passes } of cases) {
    for (const request of matches)
      if (!idsOf(request).includes(rule))
        wrong.push(`${rule} does not match ${JSON.stringify(request)}`);
    for (const request of passes)
      if (idsOf(request).includes(rule)) wrong.push(`${rule} matches ${JSON.stringify(request)}`);
  }
  assert.deepEqual(wrong, []);
});

function idsOf(request: Parameters<typeof caseOf>[0]): readonly number[] {
  const { ids, failures } = rules.run(caseOf(request));
  assert.deepEqual(failures, [], JSON.stringify(request));
  return ids;
}
