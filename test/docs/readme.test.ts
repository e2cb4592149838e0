/** Every example of the README, run as it stands; only ports and the state folder are the test's own. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { loadConfig } from '../../src/config/load.ts';
import { consoleExamples } from '../support/console-blocks.ts';
import { type DemoProcess, startDemoProcess } from '../support/demo-process.ts';
import { mainFile, root } from '../support/edge-process.ts';
import { needsNats } from '../support/nats-server.ts';
import { needs } from '../support/needs.ts';

const readme = readFileSync(join(root, 'README.md'), 'utf8');

describe('the README', () => {
  let demo: DemoProcess;
  before(async () => {
    demo = await startDemoProcess();
  });
  after(() => demo[Symbol.dispose]());

  const port = () => /edge\s+https:\/\/127\.0\.0\.1:(\d+)/.exec(demo.output())?.[1] ?? '';
  const examples = consoleExamples(readme);

  it('has examples', () => assert.ok(examples.length >= 7));

  for (const { command, expected } of examples) {
    it(`prints what it says: ${command}`, {
      skip:
        (command.startsWith('curl') && needs('curl')) ||
        (command.includes('fleet demo') && needsNats()),
    }, () => {
      const here = command
        .replaceAll('127.0.0.1:8443', `127.0.0.1:${port()}`)
        .replaceAll('build/rules', join(root, 'build/rules'))
        .replace('npx weir', `${process.execPath} ${mainFile}`);
      const environment = { ...process.env, WEIR_STATE: demo.state };
      const { stdout } = spawnSync('bash', ['-c', here], {
        encoding: 'utf8',
        cwd: demo.folder,
        env: environment,
      });
      assert.match(
        stdout.replace(/ ?\r/g, '').replaceAll(`127.0.0.1:${port()}`, '127.0.0.1:8443').trim(),
        expected,
      );
    });
  }

  it('ends the demo with its last example', async () => {
    const [code] = await demo.exit;
    assert.equal(code, 0);
  });

  it('shows configurations that load', () => {
    const blocks = [...readme.matchAll(/```yaml\n([\s\S]*?)```/g)];
    assert.ok(blocks.length > 0);
    for (const [, yaml] of blocks) {
      const loaded = loadConfig({ file: null, defaults: yaml as string, env: {} });
      assert.deepEqual(loaded.ok ? [] : loaded.problems, []);
    }
  });

  it('links to files that exist', () => {
    for (const name of ['README.md', 'ARCHITECTURE.md', 'docs/decisions/README.md']) {
      const text = readFileSync(join(root, name), 'utf8');
      const base = join(root, name, '..');
      for (const [, target] of text.matchAll(/\]\(([^)#]+)\)/g)) {
        assert.doesNotThrow(
          () => readFileOrFolder(join(base, target as string)),
          `${name} links to ${target}`,
        );
      }
    }
  });
});

function readFileOrFolder(path: string): void {
  if (!path.endsWith('/')) readFileSync(path);
}
