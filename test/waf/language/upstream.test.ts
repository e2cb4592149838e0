/** Rules that others wrote: the Core Rule Set loads whole, and what ModSecurity refuses is refused here. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { loadRules } from '#waf/language/load.ts';
import { findRuleFolder, sourcesOf } from '#waf/language/rule-files.ts';
import { diskReader } from '#waf/language/rule-reader.ts';
import { dataReader } from '../../support/seclang-data.ts';
import { missingShared, sharedFolder } from '../../support/shared-file.ts';

const crs = { path: join(sharedFolder, 'crs'), skip: missingShared('crs') };
const seclang = { path: join(sharedFolder, 'seclang'), skip: missingShared('seclang') };

describe('the Core Rule Set', { skip: crs.skip }, () => {
  it('loads from its folder without a problem, every directive accounted for', () => {
    const folder = findRuleFolder(crs.path, diskReader);
    assert(folder !== null);
    const { problems, ruleSet, files } = loadRules(sourcesOf(folder), { isFolding: false });
    assert.deepEqual(problems, []);
    assert.equal(files.length, 2 + 3 + 27);
    // 622 heads and 7 SecAction of the rules, 1 of the setup, 7 of the engine's file.
    assert.equal(ruleSet.dispositions.length, 637);
    assert(ruleSet.dispositions.every(({ fate }) => fate === 'loaded'));
    assert.equal(ruleSet.rules.filter(({ kind }) => kind === 'marker').length, 30);
  });
});

type Case = {
  readonly title: string;
  readonly rules?: readonly string[];
  readonly expected: { readonly parser_error?: string };
};

describe('rules that ModSecurity refuses to load', { skip: seclang.skip }, () => {
  const folder = join(seclang.path, 'regression');
  const files = seclang.skip === false ? readdirSync(folder) : [];
  for (const file of files) {
    const cases = JSON.parse(readFileSync(join(folder, file), 'utf8')) as readonly Case[];
    for (const { title, rules, expected } of cases) {
      if (expected.parser_error === undefined) continue;
      it(`${file}: ${title}`, () => {
        const text = (rules ?? []).join('\n');
        const source = { kind: 'text' as const, name: file, text, folder: '/nowhere' };
        const { problems } = loadRules([source], { reader: dataReader });
        assert(problems.length > 0, text);
        for (const { position, fix } of problems) {
          assert(position.line >= 1 && position.column >= 1);
          assert.notEqual(fix, '');
        }
      });
    }
  }
});
