/** The guide to the orchestrator, run as it stands, in a fleet of two. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, describe, it } from 'node:test';
import { consoleExamples, inTurn } from '../support/console-blocks.ts';
import { mainFile, root } from '../support/edge-process.ts';
import { type FleetFolder, startFleet } from '../support/fleet-folder.ts';
import { startMember, type TestMember } from '../support/fleet-node.ts';
import { needsNats } from '../support/nats-server.ts';
import { needs } from '../support/needs.ts';
import { startTestOrchestrator, type TestOrchestrator } from '../support/orchestrator.ts';
import { until } from '../support/until.ts';

const page = readFileSync(join(root, 'docs/guide/orchestrator.md'), 'utf8');
const examples = consoleExamples(page);

describe('the guide to the orchestrator', {
  skip: needsNats() || needs('curl') || needs('jq'),
}, () => {
  let fleet: FleetFolder;
  let orchestrator: TestOrchestrator;
  const nodes: TestMember[] = [];
  before(async () => {
    fleet = await startFleet(['edge-1', 'edge-2'], 'shop');
    for (const id of ['edge-1', 'edge-2']) nodes.push(startMember(fleet, id));
    orchestrator = await startTestOrchestrator({ yaml: fleet.section('orchestrator') });
    await until('all there', async () => {
      const { body } = await orchestrator.call('GET', '/api/v1/nodes');
      const states = Object.values(body['nodes'] ?? {}).map(({ state }) => String(state));
      const { body: status } = await orchestrator.call('GET', '/api/v1/status');
      const isLeader = status['fleet']?.['isLeader'] as unknown;
      return states.join() === 'active,active' && isLeader === true;
    });
  });
  after(async () => {
    await orchestrator?.[Symbol.asyncDispose]();
    for (const node of nodes) await node[Symbol.asyncDispose]();
    await fleet?.[Symbol.asyncDispose]();
  });

  it('has examples', () => assert.ok(examples.length >= 9));

  const run = async (command: string): Promise<string> => {
    const here = command
      .replace('npx weir', `${process.execPath} ${mainFile}`)
      .replace('http://127.0.0.1:3030', orchestrator.address);
    const child = spawn('bash', ['-c', here], {
      env: { ...process.env, WEIR_ORCHESTRATOR_STATE: orchestrator.state },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [said] = await Promise.all([text(child.stdout), once(child, 'close')]);
    return said.trim();
  };
  for (const { command, expected, printed } of inTurn(examples, run))
    it(`prints what it says: ${command}`, async () => assert.match(await printed(), expected));
});
