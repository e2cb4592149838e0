/** Every page of the guide, run as it stands. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { allProblems } from '#config/check.ts';
import { loadConfig } from '#config/load.ts';
import { configSchema } from '#config/schema.ts';
import { schemaNode } from '#config/schema-node.ts';
import { inTurn } from '../support/console-blocks.ts';
import { root } from '../support/edge-process.ts';
import { GuideFolder, pagesBelow, RunningGuide, readPage } from '../support/guide-pages.ts';
import { needs } from '../support/needs.ts';

// A page shows sums; with one worker they are there at once.
process.env['WEIR_EDGE_WORKERS'] = '1';

const own = ['docs/guide/certificates.md', 'docs/guide/envoy-filters.md', 'README.md'];
const pages = ['README.md', 'ARCHITECTURE.md', ...pagesBelow('docs')].map(readPage);

describe('the pages', () => {
  it('have examples', () => {
    const examples = pages.flatMap(({ guides }) => guides.flatMap(({ examples }) => examples));
    assert.ok(examples.length >= 20, String(examples.length));
  });

  for (const { file, text, guides } of pages) {
    for (const [index, { yaml, rules }] of guides.entries()) {
      it(`show a configuration without a problem: ${file}, ${index + 1}`, async () => {
        using folder = await GuideFolder.make();
        folder.writeRules(rules);
        await folder.buildPlugins(yaml);
        // Files beside the configuration, wherever the page has them.
        const config = folder.put(
          yaml.replaceAll(
            /(?<=[ "](?:cert|key|ca): )(?:certs\/)?(?=[a-z-]+\.(?:crt|key|pem))/g,
            'certs/',
          ),
        );
        assert.deepEqual(await allProblems(loadConfig({ file: config, env: {} })), []);
      });
    }

    it(`link to what exists: ${file}`, () => {
      for (const [, target] of text.matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g))
        assert.ok(existsSync(join(root, file, '..', target ?? '')), target ?? '');
    });
  }
});

describe('the pages name', () => {
  const metrics = readFileSync(join(root, 'docs/reference/metrics.md'), 'utf8');
  const keys = new Set(keysOf(schemaNode(configSchema), ''));

  for (const { file, text } of pages.filter(({ file: name }) => name.startsWith('docs/guide/'))) {
    it(`metrics and keys that exist: ${file}`, () => {
      for (const [, name] of text.matchAll(/`(weir_[a-z0-9_]+)/g))
        assert.ok(metrics.includes(`\`${name}\``), name ?? '');
      for (const [, key] of text.matchAll(
        /`((?:edge|upstreams|routes|acme|fleet|waf|admin|accessLog|log|kernel)[.[][^`\s{:]*)`/g,
      ))
        assert.ok(keys.has((key ?? '').replaceAll('[]', '')), key ?? '');
    });
  }
});

for (const { file, guides } of pages.filter((page) => !own.includes(page.file))) {
  for (const [index, { yaml, examples, rules }] of guides.entries()) {
    if (examples.length === 0) continue;
    describe(`${file}, configuration ${index + 1}`, { skip: needs('curl') }, () => {
      let guide: RunningGuide;
      before(async () => {
        guide = await RunningGuide.start(yaml, rules);
      });
      after(() => guide[Symbol.asyncDispose]());

      const run = (command: string): Promise<string> => guide.run(command);
      for (const { command, expected, printed } of inTurn(examples, run))
        it(`prints what it says: ${command}`, async () => assert.match(await printed(), expected));
    });
  }
}

/** Every key of the schema with its parents, lists and mappings alike. */
function keysOf(node: ReturnType<typeof schemaNode>, path: string): string[] {
  const below = (name: string, inner: ReturnType<typeof schemaNode>) => {
    const at = path === '' ? name : `${path}.${name}`;
    return [at, ...keysOf(inner, at)];
  };
  if (node.kind === 'object')
    return [...node.properties].flatMap(([name, property]) => below(name, property.node));
  if (node.kind === 'record') return below('NAME', node.entry);
  return node.kind === 'array' ? keysOf(node.items, path) : [];
}
