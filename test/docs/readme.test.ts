/** Every example of the README, run as it stands; only ports and the state folder are the test's own. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, describe, it } from 'node:test';
import { loadConfig } from '../../src/config/load.ts';
import { consoleExamples, inTurn } from '../support/console-blocks.ts';
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

  const skipOf = (command: string): string | false =>
    (command.startsWith('curl') && needs('curl')) ||
    (command.includes('fleet demo') && needsNats());
  const run = async (command: string): Promise<string> => {
    const here = command
      .replaceAll('127.0.0.1:8443', `127.0.0.1:${port()}`)
      .replaceAll('build/rules', join(root, 'build/rules'))
      .replace('npx weir', `${process.execPath} ${mainFile}`);
    const child = spawn('bash', ['-c', here], {
      cwd: demo.folder,
      env: { ...process.env, WEIR_STATE: demo.state },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const [said] = await Promise.all([text(child.stdout), once(child, 'close')]);
    return said.replace(/ ?\r/g, '').replaceAll(`127.0.0.1:${port()}`, '127.0.0.1:8443').trim();
  };
  const [left, all] = [
    examples.filter(({ command }) => skipOf(command) !== false),
    inTurn(
      examples.filter(({ command }) => skipOf(command) === false),
      run,
    ),
  ];
  for (const { command, expected, printed } of all)
    it(`prints what it says: ${command}`, async () => assert.match(await printed(), expected));
  for (const { command } of left)
    it(`prints what it says: ${command}`, { skip: skipOf(command) }, () => {});

  it('ends the demo with its last example', async () => {
    await all.at(-1)?.printed();
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
      const page = readFileSync(join(root, name), 'utf8');
      const base = join(root, name, '..');
      for (const [, target] of page.matchAll(/\]\(([^)#]+)\)/g)) {
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
