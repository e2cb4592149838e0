/** Every `cases.json` of the shipped modules, as `weir module test` runs it: verdicts, changes, refused configs. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { type TestReport, testModule } from '#toolchain/test-module.ts';
import { readCases } from '#wasm/cases/read-cases.ts';
import { buildRules } from '../../scripts/build-rules.ts';

const folder = join(import.meta.dirname, '../../wasm-rules/rules');

const built = new Map<string, string>();

before(async () => {
  for (const { name, path } of await buildRules()) built.set(name, path);
});

for (const name of readdirSync(folder)) {
  const file = join(folder, name, 'cases.json');
  if (!existsSync(file)) continue;
  describe(name, () => {
    const read = readCases(readFileSync(file, 'utf8'));
    if (!read.ok) {
      it('has cases that can be read', () => assert.deepEqual(read.problems, []));
      return;
    }
    let report: TestReport;

    before(() => {
      const bytes = readFileSync(built.get(name) ?? assert.fail(`${name} is not built`));
      report = testModule({ name, bytes, sourceMap: null }, read.cases);
    });

    for (const [index, item] of read.cases.entries())
      it(item.name, () => {
        const result = report.cases[index] ?? assert.fail('no result');
        assert.deepEqual(result.differences, [], item.why ?? item.name);
      });

    it('has a case for each of its rules', () => assert.deepEqual(report.rulesUnseen, []));
  });
}
