/** The routes about the nodes of the fleet: who they are, how they are, and what they are told to do. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { errorAnswer, graceMsDefault, noQuery, nothing } from '#admin/schema.ts';
import { WeirError } from '#core/errors.ts';
import { fleetStatistics } from './fleet-statistics.ts';
import type { KnownNode } from './node-registry.ts';
import { outOfStep, ruleSetOf } from './node-steps.ts';
import type { OrchestratorFleet } from './orchestrator-fleet.ts';
import type { OrchestratorParts } from './parts.ts';
import * as schema from './schema.ts';

const errors = { '4xx': errorAnswer, '5xx': errorAnswer };

export function addNodeRoutes(app: FastifyInstance, parts: OrchestratorParts): void {
  app.get(
    '/api/v1/nodes',
    { schema: { querystring: noQuery, response: { 200: schema.nodeListAnswer, ...errors } } },
    async () => {
      const fleet = parts.fleet();
      return { nodes: fleet.registry.list().map((node) => nodeAnswer(node, fleet)) };
    },
  );
  app.get<{ Params: { id: string } }>(
    '/api/v1/nodes/:id',
    {
      schema: {
        querystring: noQuery,
        params: schema.nodeParams,
        response: { 200: schema.nodeAnswer, ...errors },
      },
    },
    async ({ params }) => {
      const fleet = parts.fleet();
      return nodeAnswer(knownNode(fleet, params.id), fleet);
    },
  );
  app.get<{ Params: { id: string } }>(
    '/api/v1/nodes/:id/metrics',
    {
      schema: {
        querystring: noQuery,
        params: schema.nodeParams,
        response: { 200: schema.nodeMetricsAnswer, ...errors },
      },
    },
    async ({ params }) => {
      const { id, state, beat, beatAtMs } = knownNode(parts.fleet(), params.id);
      const at = beatAtMs === null ? null : rfc3339(beatAtMs);
      return { id, state, at, metrics: beat?.metrics ?? {} };
    },
  );
  app.get(
    '/api/v1/fleet',
    { schema: { querystring: noQuery, response: { 200: schema.fleetAnswer, ...errors } } },
    async () => fleetAnswer(parts.fleet()),
  );
  addCommandRoutes(app, parts);
}

function addCommandRoutes(app: FastifyInstance, parts: OrchestratorParts): void {
  app.post<{ Params: { id: string } }>(
    '/api/v1/nodes/:id/drain',
    {
      schema: {
        querystring: noQuery,
        params: schema.nodeParams,
        body: nothing,
        response: { 200: schema.commandAnswer, ...errors },
      },
    },
    (request) => command(parts, request, request.params.id, 'drain', null),
  );
  app.post<{ Params: { id: string }; Body: schema.TerminateBody | undefined }>(
    '/api/v1/nodes/:id/terminate',
    {
      schema: {
        querystring: noQuery,
        params: schema.nodeParams,
        body: schema.terminateBody,
        response: { 200: schema.commandAnswer, ...errors },
      },
    },
    (request) => {
      const graceMs = request.body?.graceMs ?? graceMsDefault;
      return command(parts, request, request.params.id, 'terminate', graceMs);
    },
  );
}

async function command(
  parts: OrchestratorParts,
  { caller }: FastifyRequest,
  id: string,
  kind: 'drain' | 'terminate',
  graceMs: number | null,
) {
  const fleet = parts.fleet();
  fleet.checkLeads();
  const node = knownNode(fleet, id);
  if (node.state === 'gone' || node.state === 'dead')
    throw new WeirError('NODE_ENDED', `${id} is ${node.state}; there is nobody to tell`);
  const sequence = await fleet.commands.send(id, kind, graceMs, caller?.name ?? '');
  fleet.registry.plan(id, kind === 'drain' ? 'draining' : 'terminating');
  return { id, state: knownNode(fleet, id).state, sequence };
}

/** Throws NODE_UNKNOWN. */
export function knownNode(fleet: OrchestratorFleet, id: string): KnownNode {
  const node = fleet.registry.find(id);
  if (node !== null) return node;
  throw new WeirError('NODE_UNKNOWN', `no node "${id}" has registered`, {
    details: ['weir node list says which have'],
  });
}

const rfc3339 = (ms: number): string => new Date(ms).toISOString();

function nodeAnswer(
  { id, state, stateAtMs, registeredAtMs, beatAtMs, hello, beat }: KnownNode,
  { rollouts: { conductor } }: OrchestratorFleet,
): schema.NodeAnswer {
  const { version, region, tags, addresses, admin, shield, startedAtMs } = hello;
  const report = conductor.reports.latest(id);
  return {
    ...{ id, state, version, region, tags, addresses, admin, shield },
    // A hello comes once a minute, a report when something has changed.
    modules: report?.modules ?? hello.modules,
    stateSince: rfc3339(stateAtMs),
    registeredAt: rfc3339(registeredAtMs),
    lastBeatAt: beatAtMs === null ? null : rfc3339(beatAtMs),
    startedAt: rfc3339(startedAtMs),
    rules: beat?.rules ?? null,
    decisions: beat?.digestRoot ?? null,
    ruleSet: report === null ? null : ruleSetOf(report, conductor.sequence),
    degraded: beat?.degraded ?? [],
    metrics: beat?.metrics ?? {},
  };
}

function fleetAnswer(fleet: OrchestratorFleet): schema.FleetAnswer {
  const { name, registry, blocks } = fleet;
  const found = fleetStatistics(registry.list());
  const away = outOfStep(fleet);
  const skew = (['versions', 'rules', 'decisions'] as const).filter(
    (part) => found[part].length > 1,
  );
  const shares = (part: 'versions' | 'rules' | 'decisions' | 'shield') =>
    found[part].map(({ value, nodes }) => ({ value, nodes: [...nodes] }));
  return {
    name,
    nodes: found.nodes,
    sums: found.sums,
    eventLoopP99Ms: found.eventLoopP99Ms,
    versions: shares('versions'),
    rules: shares('rules'),
    decisions: shares('decisions'),
    shield: shares('shield'),
    blocks: blocks.count,
    skew: away.length === 0 ? skew : [...skew, 'fleet rules'],
    outOfStep: away,
  };
}
