/** What `weir orchestrator` says of a configuration that contradicts itself, before anything of it runs. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { loadOrchestrator } from '#config/load-orchestrator.ts';
import { formatProblem } from '#config/problem.ts';
import { writeFleetFiles } from '#fleet/fleet-files.ts';

const folder = mkdtempSync(join(tmpdir(), 'weir-check-orchestrator-'));

async function problemsOf(yaml: string): Promise<string> {
  const file = join(folder, 'orchestrator.yaml');
  writeFileSync(file, yaml);
  const loaded = await loadOrchestrator({ file, env: {}, defaults: '{}' });
  return loaded.ok ? '' : loaded.problems.map((problem) => formatProblem(problem, file)).join('\n');
}

const fleet = (id = 'orchestrator') => `
fleet:
  name: shop
  nodeId: ${id}
  nats: ["nats://127.0.0.1:4222"]
  auth: { nkeyFile: fleet/${id}/nats.nk }
  signingKey: fleet/${id}/signing.key
  trust: fleet/trust.json
`;

const cases: readonly (readonly [what: string, yaml: string, says: RegExp])[] = [
  ['is well as it was made', fleet(), /^$/],
  ['is well with twelve seconds', `${fleet()}nodes: { deadAfterMs: 12000 }`, /^$/],
  [
    'refuses a death before the next beat',
    `${fleet()}nodes: { deadAfterMs: 9000 }`,
    /:\d+:\d+ nodes\.deadAfterMs: 9000 ms is less than a node that is well may be silent: it beats each 10 s \(write 12000 or more/,
  ],
  [
    'refuses to forget the dead before anybody has seen them',
    `${fleet()}nodes: { deadAfterMs: 60000, forgetAfterMs: 30000 }`,
    /nodes\.forgetAfterMs: 30000 ms is less than nodes\.deadAfterMs \(60000 ms\)/,
  ],
  [
    'refuses room for fewer nodes than there are',
    `${fleet()}nodes: { max: 2 }`,
    /nodes\.max: 2 is less than the 3 nodes the trust file has/,
  ],
  [
    'refuses to be a node',
    fleet('a'),
    /fleet\.nodeId: a is an edge in .*trust\.json, and this is the configuration of an orchestrator \(name one of orchestrator, or make one: weir fleet add NAME --kind orchestrator\)/,
  ],
  [
    'refuses webhooks that nobody would call',
    'webhooks: [{ url: "https://x.example/", secretFile: secret }]',
    /webhooks: are told when a node of the fleet dies, and there is no fleet section/,
  ],
  [
    'refuses to hold nodes of no fleet',
    'rollouts: { hold: [canary] }',
    /rollouts\.hold: holds nodes of the fleet out of rollouts, and there is no fleet section/,
  ],
];

describe('the configuration of an orchestrator', () => {
  before(async () => {
    writeFileSync(join(folder, 'secret'), 'a'.repeat(40), { mode: 0o600 });
    await writeFleetFiles(join(folder, 'fleet'), {
      ...{ fleet: 'shop', nodes: ['a', 'b', 'c'], orchestrators: ['orchestrator'] },
      nats: { host: '127.0.0.1', port: 4222 },
    });
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  for (const [what, yaml, says] of cases)
    it(what, async () => assert.match(await problemsOf(yaml), says));
});
