/** The routes about rollouts: what is uploaded, started, stopped and taken back, and what the fleet runs. */
import type { FastifyInstance } from 'fastify';
import { moduleLoadBodyBytesMax } from '#admin/module-schema.ts';
import { errorAnswer, noQuery, nothing } from '#admin/schema.ts';
import { WeirError } from '#core/errors.ts';
import { moduleBytesMax } from '#core/module-files.ts';
import { guardDefaults } from '#rollout/guards.ts';
import { setOf } from '#rollout/plan.ts';
import type { NodeView } from '#rollout/progress.ts';
import { itemOf, type Rollout } from '#rollout/rollout.ts';
import type { SetItem } from '#rollout/rule-set.ts';
import { stageDefaults } from '#rollout/stages.ts';
import type { OrchestratorParts } from './parts.ts';
import * as schema from './rollout-schema.ts';
import type { RolloutChange, Rollouts } from './rollouts.ts';

const errors = { '4xx': errorAnswer, '5xx': errorAnswer };

export function addRolloutRoutes(app: FastifyInstance, parts: OrchestratorParts): void {
  addUploadRoutes(app, parts);
  addPolicyRoutes(app, parts);
  app.get(
    '/api/v1/rollouts',
    { schema: { querystring: noQuery, response: { 200: schema.rolloutListAnswer, ...errors } } },
    async () => {
      const { rollouts } = parts.fleet();
      return { rollouts: rollouts.list().map((one) => rolloutAnswer(rollouts, one)) };
    },
  );
  app.get<{ Params: { id: string } }>(
    '/api/v1/rollouts/:id',
    {
      schema: {
        querystring: noQuery,
        params: schema.rolloutParams,
        response: { 200: schema.rolloutAnswer, ...errors },
      },
    },
    async ({ params }) => {
      const { rollouts } = parts.fleet();
      return rolloutAnswer(rollouts, rollouts.find(params.id));
    },
  );
  app.post<{ Body: schema.RolloutBody }>(
    '/api/v1/rollouts',
    {
      schema: {
        querystring: noQuery,
        body: schema.rolloutBody,
        response: { 200: schema.rolloutAnswer, ...errors },
      },
    },
    async ({ body, caller }) => {
      const { rollouts } = parts.fleet();
      const wanted = {
        ...{ only: [], hold: [], note: '', stages: stageDefaults },
        ...{ baselineMs: schema.baselineMsDefault, applyMs: schema.applyMsDefault },
        ...body,
        guards: { ...guardDefaults, ...body.guards },
      };
      return rolloutAnswer(rollouts, await rollouts.start(wanted, caller?.name ?? ''));
    },
  );
  for (const change of ['pause', 'resume', 'abort', 'rollback'] as const)
    addChangeRoute(app, parts, change);
}

function addChangeRoute(
  app: FastifyInstance,
  parts: OrchestratorParts,
  change: RolloutChange,
): void {
  app.post<{ Params: { id: string } }>(
    `/api/v1/rollouts/:id/${change}`,
    {
      schema: {
        querystring: noQuery,
        params: schema.rolloutParams,
        body: nothing,
        response: { 200: schema.rolloutAnswer, ...errors },
      },
    },
    async ({ params, caller }) => {
      const { rollouts } = parts.fleet();
      const changed = await rollouts.change(params.id, change, caller?.name ?? '');
      return rolloutAnswer(rollouts, changed);
    },
  );
}

/** Who may send code may send it to all nodes at once, so these are for admins. */
function addUploadRoutes(app: FastifyInstance, parts: OrchestratorParts): void {
  app.post<{ Params: { name: string }; Body: schema.ModuleUploadBody }>(
    '/api/v1/modules/:name',
    {
      config: { needs: 'admin' },
      bodyLimit: moduleLoadBodyBytesMax,
      schema: {
        querystring: noQuery,
        params: schema.contentParams,
        body: schema.moduleUploadBody,
        response: { 200: schema.contentAnswer, ...errors },
      },
    },
    async ({ params: { name }, body }) => {
      const module = Buffer.from(body.module, 'base64');
      if (module.length > moduleBytesMax)
        throw new WeirError('MODULE_INVALID', `a module has at most ${moduleBytesMax} bytes`);
      const { signature = null, cases = null, sourceMap = null } = body;
      const { rollouts } = parts.fleet();
      const beside = { signature, cases, sourceMap };
      const { kind, sha256, bytes } = await rollouts.uploadModule(name, module, beside);
      return { kind, name, sha256, bytes };
    },
  );
  app.post<{ Params: { name: string }; Body: schema.PolicyUploadBody }>(
    '/api/v1/policies/:name',
    {
      config: { needs: 'admin' },
      bodyLimit: schema.policyUploadBytesMax,
      schema: {
        querystring: noQuery,
        params: schema.contentParams,
        body: schema.policyUploadBody,
        response: { 200: schema.contentAnswer, ...errors },
      },
    },
    async ({ params: { name }, body }) => {
      const { kind, sha256, bytes } = await parts.fleet().rollouts.uploadPolicy(name, body.policy);
      return { kind, name, sha256, bytes };
    },
  );
}

function addPolicyRoutes(app: FastifyInstance, parts: OrchestratorParts): void {
  app.get(
    '/api/v1/policies',
    { schema: { querystring: noQuery, response: { 200: schema.policyListAnswer, ...errors } } },
    async () => policyList(parts.fleet().rollouts),
  );
  app.get<{ Params: { name: string } }>(
    '/api/v1/policies/:name',
    {
      schema: {
        querystring: noQuery,
        params: schema.contentParams,
        response: { 200: schema.policyAnswer, ...errors },
      },
    },
    async ({ params: { name } }) => {
      const { rollouts } = parts.fleet();
      const item = currentItems(rollouts).find((one) => one.kind === 'policy' && one.name === name);
      const policy = item?.content == null ? null : await rollouts.policyText(item.content.sha256);
      if (item?.content == null || policy === null)
        throw new WeirError('CONTENT_UNKNOWN', `the fleet has no policy "${name}"`, {
          details: ['weir fleet rules says which it has'],
        });
      return { name, sha256: item.content.sha256, rollout: item.rollout, policy };
    },
  );
}

function currentItems({ conductor }: Rollouts): readonly SetItem[] {
  const head = { v: 1, fleet: '', issuer: '', sequence: 0, issuedAtMs: 0 } as const;
  return setOf(conductor.plan, head).items;
}

function policyList(rollouts: Rollouts): schema.PolicyListAnswer {
  const { conductor } = rollouts;
  const { sequence, reports } = conductor;
  const nodes = conductor.nodeViews({ kind: 'module', name: '', id: '' });
  const present = nodes.filter(({ life }) => life === 'there' || life === 'silent');
  return {
    sequence,
    items: currentItems(rollouts).map((item) => ({
      ...{ kind: item.kind, name: item.name, rollout: item.rollout },
      ...{ only: item.only, hold: item.hold, sha256: item.content?.sha256 ?? null },
      nodes: conductor
        .nodeViews({ kind: item.kind, name: item.name, id: item.rollout })
        .filter(({ life }) => life === 'there' || life === 'silent')
        .map((node) => nodeAnswer(node, item.nodes === null || item.nodes.includes(node.id))),
    })),
    behind: present
      .filter(({ id }) => (reports.latest(id)?.sequence ?? 0) < sequence)
      .map(({ id }) => id),
  };
}

function nodeAnswer({ id, item }: NodeView, told: boolean): schema.RolloutAnswer['nodes'][number] {
  return item === null
    ? { id, told, state: 'silent', running: null, reason: '' }
    : { id, told, state: item.state, running: item.running, reason: item.reason };
}

function rolloutAnswer(rollouts: Rollouts, rollout: Rollout): schema.RolloutAnswer {
  const { id, kind, name, content, state, phase, stage, stages, guards, only, hold } = rollout;
  const { startedBy, note, startedAtMs, endedAtMs, why, stoppedBy, told, liveAtMs, steps } =
    rollout;
  const wasTold = new Set(told);
  const isAll = itemOf(rollout).nodes === null;
  const nodes = rollouts.conductor
    .nodeViews(rollout)
    .filter((node) => wasTold.has(node.id) || node.life === 'there')
    .map((node) => nodeAnswer(node, isAll || wasTold.has(node.id)));
  return {
    ...{ id, kind, name, sha256: content.sha256, before: rollout.before?.content?.sha256 ?? null },
    ...{ state, phase, stage: stage + 1, stages, guards, only, hold, startedBy, note },
    startedAt: rfc3339(startedAtMs),
    endedAt: endedAtMs === null ? null : rfc3339(endedAtMs),
    ...{ why, stoppedBy, told: told.length, live: Object.keys(liveAtMs).length },
    steps: steps.map(({ atMs, text }) => ({ at: rfc3339(atMs), text })),
    nodes,
  };
}

const rfc3339 = (ms: number): string => new Date(ms).toISOString();
