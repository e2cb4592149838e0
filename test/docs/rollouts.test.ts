/** The guide to rollouts, run as it stands, over two shipped edges. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, describe, it } from 'node:test';
import { consoleExamples, inTurn } from '../support/console-blocks.ts';
import { mainFile, root } from '../support/edge-process.ts';
import { needsNats } from '../support/nats-server.ts';
import { needs } from '../support/needs.ts';
import { passing, type RolloutFleet, startRolloutFleet } from '../support/rollout-fleet.ts';

const page = readFileSync(join(root, 'docs/guide/rollouts.md'), 'utf8');
const examples = consoleExamples(page);

describe('the guide to rollouts', { skip: needsNats() || needs('jq') }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'weir-guide-'));
  let all: RolloutFleet;
  before(async () => {
    const [, policy = ''] = /```yaml\n# strict\.yaml\n([\s\S]*?)```/.exec(page) ?? [];
    writeFileSync(join(folder, 'strict.yaml'), policy);
    writeFileSync(join(folder, 'new.wasm'), passing('new'));
    // It begins as a module does, and is none.
    writeFileSync(join(folder, 'bad.wasm'), passing('new').subarray(0, 40));
    all = await startRolloutFleet({ nodes: ['edge-1', 'edge-2'] });
  });
  after(async () => {
    await all?.[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });

  it('has examples', () => assert.ok(examples.length >= 8));

  const run = async (command: string): Promise<string> => {
    const here = command.replaceAll('npx weir', `${process.execPath} ${mainFile}`);
    const child = spawn('bash', ['-c', here], {
      cwd: folder,
      env: { ...process.env, WEIR_ORCHESTRATOR_STATE: all.orchestrator.state },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [said] = await Promise.all([text(child.stdout), once(child, 'close')]);
    return said.trim();
  };
  for (const { command, expected, printed } of inTurn(examples, run))
    it(`prints what it says: ${command}`, async () => assert.match(await printed(), expected));
});
