import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { readTree } from '../../scripts/tidy.ts';
import { type Tree, tidyRules } from '../../scripts/tidy-rules.ts';

const header = '/** What it is. */\n';
const begin = '-----BEGIN';
const someone = `/${'home'}/someone/`;

/** A small tree with nothing wrong; each row below changes it. */
const clean: Readonly<Record<string, string | null>> = {
  'package.json': JSON.stringify({ dependencies: { yaml: '1' } }),
  'docs/dependencies.md': '- `yaml`: reads the configuration\n',
  'biome.json':
    '{ "overrides": [{ "includes": ["src/core/**"] }, { "includes": ["src/waf/**"] }] }',
  'README.md': '# Weir\n',
  'src/main.ts': `${header}import { a } from '#core/a.ts';\nimport('#waf/lazy.ts');\nnew URL('./waf/thread.ts', import.meta.url);\n`,
  'src/core/a.ts': `${header}import type { B } from './b.ts';\n`,
  'src/core/b.ts': `${header}`,
  'src/waf/lazy.ts': `${header}import { a } from '#core/a.ts';\n`,
  'src/waf/thread.ts': header,
  'src/waf/ambient.d.ts': header,
  'scripts/start.mjs': "import './run-child.mjs';\n",
  'scripts/run-child.mjs': '',
  'wasm-rules/rules/own/index.ts': "import { scan } from '../../sdk/scan';\n",
  'wasm-rules/sdk/scan.ts': `const path = '${someone}.ssh/';\n`,
  'test/corpus/operators/beginsWith.json': '[]',
  'test/core/a.test.ts': `const text = '${begin} PRIVATE KEY-----';\n`,
};

function problemsOf(change: Readonly<Record<string, string | null>>): Record<string, string[]> {
  const tree: Tree = new Map(Object.entries({ ...clean, ...change }));
  const found = Object.entries(tidyRules).map(([name, rule]) => [name, rule(tree)] as const);
  return Object.fromEntries(found.filter(([, problems]) => problems.length > 0));
}

test('a tree in shape has no problems', () => assert.deepEqual(problemsOf({}), {}));

const cases: readonly {
  readonly rule: string;
  readonly change: Readonly<Record<string, string | null>>;
  readonly says: RegExp;
  readonly why: string;
}[] = [
  {
    rule: 'unreachedFiles',
    why: 'a file nobody imports',
    change: { 'src/core/lost.ts': header },
    says: /^src\/core\/lost\.ts: no entry point reaches it/,
  },
  {
    rule: 'unreachedFiles',
    why: 'a file that only its test imports',
    change: {
      'src/core/lost.ts': header,
      'test/core/lost.test.ts': "import '../../src/core/lost.ts';\n",
    },
    says: /^src\/core\/lost\.ts/,
  },
  {
    rule: 'unreachedFiles',
    why: 'two files that import each other alone',
    change: {
      'src/core/p.ts': `${header}import './q.ts';\n`,
      'src/core/q.ts': `${header}import './p.ts';\n`,
    },
    says: /^src\/core\/p\.ts.*\n?/,
  },
  {
    rule: 'unreachedFiles',
    why: 'a script nobody calls',
    change: { 'scripts/lost.mjs': '' },
    says: /^scripts\/lost\.mjs/,
  },
  {
    rule: 'unreachedFiles',
    why: 'a part of the SDK no rule uses',
    change: { 'wasm-rules/sdk/lost.ts': '' },
    says: /^wasm-rules\/sdk\/lost\.ts/,
  },
  {
    rule: 'relativeImportsBetweenFolders',
    why: 'a way around the layers',
    change: { 'src/core/b.ts': `${header}import '../waf/lazy.ts';\n` },
    says: /^src\/core\/b\.ts: imports src\/waf\/lazy\.ts by a relative name; write #waf\/lazy\.ts$/,
  },
  {
    rule: 'foldersWithoutLayer',
    why: 'a folder without a layer',
    change: {
      'src/new/a.ts': header,
      'src/main.ts': `${clean['src/main.ts']}import '#new/a.ts';\n`,
    },
    says: /^src\/new: biome\.json/,
  },
  {
    rule: 'fileNames',
    why: 'a name in camel case',
    change: {
      'src/core/b.ts': `${header}import './camelCase.ts';\n`,
      'src/core/camelCase.ts': header,
    },
    says: /^src\/core\/camelCase\.ts: is no kebab-case name/,
  },
  {
    rule: 'fileNames',
    why: 'a folder with an underscore',
    change: { 'docs/my_guide/index.md': '' },
    says: /^docs\/my_guide/,
  },
  {
    rule: 'longFiles',
    why: 'a file of 501 lines',
    change: { 'src/core/b.ts': header + '\n'.repeat(500) },
    says: /^src\/core\/b\.ts: 501 lines/,
  },
  {
    rule: 'headers',
    why: 'a source without a header',
    change: { 'src/core/b.ts': 'export const b = 1;\n' },
    says: /^src\/core\/b\.ts: begins without a header/,
  },
  {
    rule: 'binaries',
    why: 'a binary',
    change: { 'bench/data.bin': null },
    says: /^bench\/data\.bin: is a binary/,
  },
  {
    rule: 'privateKeys',
    why: 'a private key',
    change: { 'test/core/a.test.ts': `x\n${begin} EC PRIVATE KEY-----\n${'Ab+/'.repeat(16)}\n` },
    says: /^test\/core\/a\.test\.ts:2: holds a private key/,
  },
  {
    rule: 'homePaths',
    why: 'a home directory',
    change: { 'README.md': `cd ${someone}weir\n` },
    says: /^README\.md:1: names a home directory/,
  },
  {
    rule: 'registryNames',
    why: 'a package registry',
    change: { 'README.md': `\nfrom registry.${'npmjs'}.org\n` },
    says: /^README\.md:2: names a package registry/,
  },
  {
    rule: 'silencedChecks',
    why: 'a check switched off',
    change: { 'src/core/b.ts': `${header}// biome-${'ignore'} lint: no\n` },
    says: /^src\/core\/b\.ts:2: silences a check/,
  },
  {
    rule: 'silencedChecks',
    why: 'something left for later',
    change: { 'test/core/a.test.ts': `// ${'TO'}DO later\n` },
    says: /^test\/core\/a\.test\.ts:1/,
  },
  {
    rule: 'undocumentedDependencies',
    why: 'a dependency without a reason',
    change: { 'docs/dependencies.md': '' },
    says: /docs\/dependencies\.md does not say why `yaml` is needed/,
  },
];

for (const { rule, why, change, says } of cases) {
  test(`${why} is found, and nothing else with it`, () => {
    const problems = problemsOf(change);
    assert.deepEqual(Object.keys(problems), [rule]);
    assert.match(problems[rule]?.[0] ?? '', says);
  });
}

test('every rule has a case that shows it fires', () => {
  assert.deepEqual(new Set(cases.map(({ rule }) => rule)), new Set(Object.keys(tidyRules)));
});

test('what .gitignore names is not part of the tree, and a zero byte makes a binary', (context) => {
  const root = mkdtempSync(join(tmpdir(), 'weir-tree-'));
  context.after(() => rmSync(root, { recursive: true }));
  writeFileSync(join(root, '.gitignore'), '# comment\nnode_modules/\n*.log\ncerts/*.key\n');
  for (const folder of ['node_modules', 'certs', 'deep/node_modules', '.git'])
    mkdirSync(join(root, folder), { recursive: true });
  for (const file of [
    'node_modules/a.js',
    'deep/node_modules/b.js',
    'certs/site.key',
    'deep/x.log',
    '.git/HEAD',
    'kept.key',
    'certs/README.md',
  ]) {
    writeFileSync(join(root, file), 'text');
  }
  writeFileSync(join(root, 'deep/bytes'), Buffer.from([1, 0, 2]));
  assert.deepEqual(Object.fromEntries(readTree(root)), {
    '.gitignore': '# comment\nnode_modules/\n*.log\ncerts/*.key\n',
    'certs/README.md': 'text',
    'deep/bytes': null,
    'kept.key': 'text',
  });
});
