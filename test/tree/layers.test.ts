import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));
const biome = join(root, 'node_modules/.bin/biome');

const folders = [
  'core',
  'config',
  'telemetry',
  'state',
  'waf',
  'wasm',
  'toolchain',
  'proxy',
  'admin',
  'orchestrator',
  'cli',
  'demo',
  'acme',
  'roles',
] as const;
type Folder = (typeof folders)[number];

/** Who may import whom, besides itself. Everything else is refused. */
const may: Readonly<Record<Folder, readonly Folder[]>> = {
  core: [],
  config: ['core'],
  telemetry: ['core'],
  state: ['core'],
  waf: ['core'],
  wasm: ['waf', 'config', 'telemetry', 'core'],
  toolchain: ['wasm', 'waf', 'config', 'core'],
  proxy: ['wasm', 'waf', 'config', 'telemetry', 'core'],
  admin: ['config', 'telemetry', 'state', 'core'],
  orchestrator: ['admin', 'config', 'telemetry', 'state', 'core'],
  cli: ['toolchain', 'admin', 'orchestrator', 'config', 'telemetry', 'state', 'core'],
  demo: ['config', 'telemetry', 'core'],
  acme: ['config', 'telemetry', 'state', 'core'],
  roles: [
    'proxy',
    'admin',
    'orchestrator',
    'cli',
    'demo',
    'acme',
    'toolchain',
    'wasm',
    'waf',
    'config',
    'telemetry',
    'state',
    'core',
  ],
};

/** Lints these files under the configuration of the product; `file rule` of each finding. */
function lint(files: Readonly<Record<string, string>>): string[] {
  const directory = mkdtempSync(join(tmpdir(), 'weir-layers-'));
  try {
    copyFileSync(join(root, 'biome.json'), join(directory, 'biome.json'));
    writeFileSync(
      join(directory, 'package.json'),
      '{ "type": "module", "imports": { "#*": "./src/*" } }\n',
    );
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(directory, path)), { recursive: true });
      writeFileSync(join(directory, path), text);
    }
    const ran = spawnSync(biome, ['lint', '--colors=off', '--max-diagnostics=none', '.'], {
      cwd: directory,
      encoding: 'utf8',
    });
    assert.match(ran.stderr + ran.stdout, /Checked \d+ files?/);
    const found = (ran.stderr + ran.stdout).matchAll(/^(\S+?):\d+:\d+ (lint\/\S+)/gm);
    return [...found].map(([, path, rule]) => `${path} ${rule}`).toSorted();
  } finally {
    rmSync(directory, { recursive: true });
  }
}

test('every import against the arrows is refused, and no other', () => {
  const files: Record<string, string> = { 'src/main.ts': 'export const main = 1;\n' };
  const refused: string[] = [];
  for (const from of folders) {
    files[`src/${from}/leaf.ts`] = 'export const leaf = 1;\n';
    for (const to of folders) {
      if (to === from) continue;
      const file = `src/${from}/to-${to}.ts`;
      files[file] = `export { leaf } from '#${to}/leaf.ts';\n`;
      if (!may[from].includes(to)) refused.push(`${file} lint/style/noRestrictedImports`);
    }
    files[`src/${from}/to-main.ts`] = "export { main } from '#main.ts';\n";
    refused.push(`src/${from}/to-main.ts lint/style/noRestrictedImports`);
  }
  assert.deepEqual(lint(files), refused.toSorted());
});

for (const [way, text] of [
  ['a type', "import type { A } from '#proxy/a.ts';\nexport type B = A;\n"],
  ['an import at run time', "export const load = () => import('#proxy/a.ts');\n"],
  ['a file deep in the folder', "export { a } from '#proxy/deep/er/a.ts';\n"],
] as const) {
  test(`${way} counts as an import`, () => {
    assert.deepEqual(lint({ 'src/waf/b.ts': text }), [
      'src/waf/b.ts lint/style/noRestrictedImports',
    ]);
  });
}

test('a cycle inside a folder is refused', () => {
  const found = lint({
    'src/core/a.ts': "import { b } from '#core/b.ts';\nexport const a = () => b;\n",
    'src/core/b.ts': "import { a } from './a.ts';\nexport const b = () => a;\n",
  });
  assert.deepEqual(found, [
    'src/core/a.ts lint/suspicious/noImportCycles',
    'src/core/b.ts lint/suspicious/noImportCycles',
  ]);
});

test('rules in AssemblyScript, which is not TypeScript, are left aside', () => {
  assert.deepEqual(
    lint({
      'wasm-rules/sdk/a.ts': '@inline\nexport function a(b: any): bool { return b == 0; }\n',
    }),
    [],
  );
});
