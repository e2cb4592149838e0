/**
 * A fleet that rolls out: shipped edges with one module named `own`, a real nats-server, an orchestrator, an origin
 * that answers everything, and load on every node whose answers are looked at.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CheckedLoad, type CheckedResult } from './checked-load.ts';
import { startEchoOrigin } from './echo-origin.ts';
import { type EdgeProcess, restamped, startEdgeProcess } from './edge-process.ts';
import { type FleetFolder, startFleet } from './fleet-folder.ts';
import { guest } from './hostile-guest.ts';
import { type Json, startTestOrchestrator, type TestOrchestrator } from './orchestrator.ts';
import { until } from './until.ts';
import { largeField, largeViewBytes, statusGuest } from './versioned-guest.ts';
import { op } from './wasm-builder.ts';

const plain = guest([op.const(0)]);
/** A module that lets everything pass; each stamp has a hash of its own. */
export const passing = (stamp: string): Uint8Array => restamped(plain, stamp);
/** The same, but that it traps on large requests. */
export const trapping = (): Uint8Array =>
  guest([
    ...[op.local(0), [0x28, 0x02, 0x00], op.const(largeViewBytes), [0x4b]],
    ...[[0x04, 0x40], op.unreachable, [0x0b]],
    op.const(0),
  ]);
/** Blocks everything. */
export const blocking = (): Uint8Array => statusGuest(403);

export type RolloutFleet = AsyncDisposable & {
  readonly fleet: FleetFolder;
  readonly nodes: Map<string, EdgeProcess>;
  readonly orchestrator: TestOrchestrator;
  /** Of a node, so that it starts again where it was. */
  readonly stateOf: (name: string) => string;
  startNode(name: string): Promise<EdgeProcess>;
  stopNode(name: string): Promise<void>;
};

export type RolloutFleetOptions = {
  readonly nodes: readonly string[];
  /** Names that the fleet knows and that are not started. */
  readonly later?: readonly string[];
  readonly orchestrators?: readonly string[];
  /** In the `fleet` section of a node. */
  readonly more?: (name: string) => string;
  readonly canaryMs?: number;
  /** Sections beside those that all have. */
  readonly sections?: string;
  /** In place of the one that answers everything. */
  readonly origin?: string;
};

const edgeConfig = (folder: string, origin: string, canaryMs: number, section: string) => `
edge:
  workers: 1
  trustedProxies: [127.0.0.1]
  listeners: [{ address: "127.0.0.1:0", plaintext: true }]
upstreams: { app: { servers: [{ url: "${origin}" }] } }
routes: [{ match: { host: "*", path: / }, upstream: app, waf: { rules: [own] } }]
waf:
  canaryMs: ${canaryMs}
  rules: { own: { module: "${folder}/own.wasm" } }
kernel: { xdp: off }
${section}`;

export async function startRolloutFleet(options: RolloutFleetOptions): Promise<RolloutFleet> {
  const { nodes: names, later = [], orchestrators = ['orchestrator'], canaryMs = 0 } = options;
  const folder = mkdtempSync(join(tmpdir(), 'weir-rollout-'));
  writeFileSync(join(folder, 'own.wasm'), passing('own'));
  const origin = await startEchoOrigin(['x-number']);
  const fleet = await startFleet([...names, ...later], 'f', orchestrators);
  const nodes = new Map<string, EdgeProcess>();
  const stateOf = (name: string) => join(folder, name);
  const startNode = async (name: string): Promise<EdgeProcess> => {
    mkdirSync(stateOf(name), { recursive: true, mode: 0o700 });
    const section = fleet.section(name, options.more?.(name) ?? '');
    const config = edgeConfig(folder, options.origin ?? origin.url, canaryMs, section);
    const edge = await startEdgeProcess(`${config}\n${options.sections ?? ''}`, stateOf(name));
    nodes.set(name, edge);
    return edge;
  };
  const stopNode = async (name: string): Promise<void> => {
    await nodes.get(name)?.[Symbol.asyncDispose]();
    nodes.delete(name);
  };
  // One after another: two cores.
  for (const name of names) await startNode(name);
  const orchestrator = await startTestOrchestrator({
    yaml: fleet.section(orchestrators[0] ?? ''),
  });
  const made: RolloutFleet = {
    ...{ fleet, nodes, orchestrator, stateOf, startNode, stopNode },
    [Symbol.asyncDispose]: async () => {
      await orchestrator[Symbol.asyncDispose]();
      await Promise.all([...nodes.values()].map((edge) => edge[Symbol.asyncDispose]()));
      await fleet[Symbol.asyncDispose]();
      await origin[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true, force: true });
    },
  };
  await allThere(orchestrator, names.length);
  return made;
}

/** Every node has said of its rules, and there is a leader. */
export async function allThere(orchestrator: TestOrchestrator, count: number): Promise<void> {
  let seen: unknown;
  await until(
    () => `all there: ${JSON.stringify(seen)}`,
    async () => {
      const { body: status } = await orchestrator.call('GET', '/api/v1/status');
      const { body } = await orchestrator.call('GET', '/api/v1/nodes');
      const nodes = Object.values(body['nodes'] ?? {});
      seen = [nodes.map(({ id, state, ruleSet }) => [id, state, ruleSet]), status['fleet']];
      const isLeader = status['fleet']?.['isLeader'] as unknown;
      const active = nodes.filter(({ state, ruleSet }) => {
        const [life, said] = [state as unknown, ruleSet as unknown];
        return life === 'active' && said !== null;
      });
      return isLeader === true && active.length === count;
    },
  );
}

/** After the bus was away somebody has to lead again. */
export const isLed = (orchestrator: TestOrchestrator): Promise<void> =>
  until('a leader', async () => {
    const { body } = await orchestrator.call('GET', '/api/v1/status');
    const { isLeader, bus } = body['fleet'] as unknown as { isLeader: boolean; bus: string };
    return isLeader && bus === 'connected';
  });

/** Without waiting for anything but what the rollout itself does. */
export const quickTerms = {
  baselineMs: 3_000,
  stages: [
    { amount: 1, unit: 'nodes', soakMs: 2_500 },
    { amount: 50, unit: 'percent', soakMs: 1_500 },
    { amount: 100, unit: 'percent', soakMs: 1_500 },
  ],
} as const;

export async function upload(
  orchestrator: TestOrchestrator,
  bytes: Uint8Array,
  name = 'own',
  sourceMap?: string,
): Promise<string> {
  const { status, body } = await orchestrator.call('POST', `/api/v1/modules/${name}`, {
    body: {
      module: Buffer.from(bytes).toString('base64'),
      ...(sourceMap === undefined ? {} : { sourceMap }),
    },
  });
  if (status !== 200) throw new Error(JSON.stringify(body));
  return String(body['sha256']);
}

export async function startRollout(
  orchestrator: TestOrchestrator,
  sha256: string,
  more: object = {},
): Promise<Json> {
  const { status, body } = await orchestrator.call('POST', '/api/v1/rollouts', {
    body: { kind: 'module', name: 'own', sha256, ...quickTerms, ...more },
  });
  if (status !== 200) throw new Error(JSON.stringify(body));
  return body;
}

export const rolloutOf = async (orchestrator: TestOrchestrator, id: string): Promise<Json> =>
  (await orchestrator.call('GET', `/api/v1/rollouts/${id}`)).body;

export async function reachesState(
  orchestrator: TestOrchestrator,
  id: string,
  state: string,
): Promise<Json> {
  let seen: Json = {} as Json;
  await until(
    () => `${state}: ${JSON.stringify(seen)}`,
    async () => {
      seen = await rolloutOf(orchestrator, id);
      const at = String(seen['state']);
      if (at !== state && ['done', 'rolled-back'].includes(at))
        throw new Error(`${at} in place of ${state}: ${JSON.stringify(seen)}`);
      return at === state;
    },
  );
  return seen;
}

/** The hash of the module that a node runs, asked of the node itself. */
export async function runs(edge: EdgeProcess, name = 'own'): Promise<string> {
  const { body } = await edge.call('GET', '/api/v1/modules');
  const modules = body['modules'] as { name: string; sha256: string }[];
  return modules.find((one) => one.name === name)?.sha256 ?? '';
}

export type FleetLoad = AsyncDisposable & {
  answered(): number;
  /** By node. */
  stop(): Promise<Map<string, CheckedResult>>;
};

/** On every node that runs now; every answer must be 200. One of `largeEvery` requests is a large one. */
export function startLoad(fleet: RolloutFleet, largeEvery = 10): FleetLoad {
  const loads = [...fleet.nodes].map(([name, edge]) => {
    const load = new CheckedLoad(edge.ports[0] as number, Number.MAX_SAFE_INTEGER, (index) => {
      const large = index % largeEvery === 0 ? `x-large: ${largeField['x-large']}\r\n` : '';
      return {
        text: `GET / HTTP/1.1\r\nhost: x\r\nx-number: ${index}\r\n${large}\r\n`,
        problemOf: ({ status }) => (status === 200 ? null : `status ${status}`),
      };
    });
    return { name, load, done: load.run(1) };
  });
  const stop = async () => {
    for (const { load } of loads) load.stop();
    return new Map(
      await Promise.all(loads.map(async ({ name, done }) => [name, await done] as const)),
    );
  };
  return {
    answered: () => loads.reduce((sum, { load }) => sum + load.answered, 0),
    stop,
    [Symbol.asyncDispose]: async () => {
      await stop();
    },
  };
}
