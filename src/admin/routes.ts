/**
 * The routes of the management API. Each one is its schemas and the call it stands for; what guards
 * them is in `#admin/server.ts`, what becomes of an error in `#admin/answers.ts`.
 */
import type { FastifyInstance } from 'fastify';
import Type, { type TSchema } from 'typebox';
import { addCertificateRoutes } from '#admin/certificate-routes.ts';
import type { NodeControl } from '#admin/control.ts';
import { addFleetRoutes } from '#admin/fleet-routes.ts';
import { addModuleRoutes } from '#admin/module-routes.ts';
import { addPartRoutes } from '#admin/part-routes.ts';
import { type ReloadBody, reloadBody } from '#admin/replay-schema.ts';
import { addRuleRoutes } from '#admin/rule-routes.ts';
import * as schema from '#admin/schema.ts';
import { addShieldRoutes } from '#admin/shield-routes.ts';

const errors = { '4xx': schema.errorAnswer, '5xx': schema.errorAnswer };
/** 503 is a normal answer of the health routes, and what a failing control call may end in as well. */
const orError = (answer: TSchema) => Type.Union([answer, schema.errorAnswer]);

export function addRoutes(app: FastifyInstance, control: NodeControl): void {
  addHealthRoutes(app, control);
  addBlockRoutes(app, control);
  addRuleRoutes(app, control);
  addFleetRoutes(app, control);
  addModuleRoutes(app, control);
  addCertificateRoutes(app, control);
  addShieldRoutes(app, control);
  addPartRoutes(app, control);
  addProcessRoutes(app, control);
}

function addHealthRoutes(app: FastifyInstance, control: NodeControl): void {
  app.get(
    '/health',
    {
      config: { needs: 'public' },
      schema: {
        querystring: schema.noQuery,
        response: { 200: schema.healthAnswer, 503: orError(schema.healthAnswer), ...errors },
      },
    },
    async (_request, reply) => {
      const { state } = control.life;
      return state === 'draining' ? reply.code(503).send({ status: 'draining' }) : { status: 'ok' };
    },
  );

  app.get(
    '/ready',
    {
      config: { needs: 'public' },
      schema: {
        querystring: schema.noQuery,
        response: { 200: schema.readyAnswer, 503: orError(schema.readyAnswer), ...errors },
      },
    },
    async (_request, reply) => {
      const reasons = reasonsNotReady(control.life);
      return reply
        .code(reasons.length === 0 ? 200 : 503)
        .send({ ready: reasons.length === 0, reasons });
    },
  );

  app.get('/metrics', { schema: { querystring: schema.noQuery } }, async (_request, reply) =>
    reply.type('text/plain; version=0.0.4; charset=utf-8').send(await control.metrics()),
  );

  app.get(
    '/api/v1/status',
    { schema: { querystring: schema.noQuery, response: { 200: schema.statusAnswer, ...errors } } },
    () => control.status(),
  );
}

function addBlockRoutes(app: FastifyInstance, control: NodeControl): void {
  app.get<{ Querystring: schema.BlockListQuery }>(
    '/api/v1/blocks',
    {
      schema: {
        querystring: schema.blockListQuery,
        response: { 200: schema.blockListAnswer, ...errors },
      },
    },
    ({ query }) =>
      control.listBlocks({
        limit: Number(query.limit ?? schema.blockPageMax),
        after: query.after ?? null,
      }),
  );

  app.post<{ Body: schema.BlockAddBody }>(
    '/api/v1/blocks',
    {
      schema: {
        querystring: schema.noQuery,
        body: schema.blockAddBody,
        response: { 200: schema.blockAddAnswer, ...errors },
      },
    },
    ({ body }) =>
      control.addBlock({
        target: body.target,
        action: body.action ?? 'drop',
        ttlSeconds: body.ttlSeconds ?? null,
        reason: body.reason ?? '',
        origin: 'operator',
      }),
  );

  app.post<{ Body: schema.BlockImportBody }>(
    '/api/v1/blocks/import',
    {
      bodyLimit: schema.blockImportBytesMax,
      schema: {
        querystring: schema.noQuery,
        body: schema.blockImportBody,
        response: { 200: schema.blockImportAnswer, ...errors },
      },
    },
    ({ body }) =>
      control.importBlocks({
        targets: body.targets,
        action: body.action ?? 'drop',
        ttlSeconds: body.ttlSeconds ?? null,
        reason: body.reason ?? '',
        origin: 'operator',
      }),
  );

  app.delete<{ Params: { target: string } }>(
    '/api/v1/blocks/:target',
    {
      schema: {
        querystring: schema.noQuery,
        params: schema.blockTargetParams,
        body: schema.nothing,
        response: { 200: schema.blockRemoveAnswer, ...errors },
      },
    },
    ({ params }) => control.removeBlock(params.target),
  );
}

function addProcessRoutes(app: FastifyInstance, control: NodeControl): void {
  app.post<{ Body: ReloadBody | undefined }>(
    '/api/v1/reload',
    {
      schema: {
        querystring: schema.noQuery,
        body: reloadBody,
        response: { 200: schema.reloadAnswer, ...errors },
      },
    },
    async ({ body }) => {
      const gate = body?.replay;
      const tried = gate === undefined ? null : await control.parts.replay.gateReload(gate);
      return control.reload(tried);
    },
  );

  app.post(
    '/api/v1/drain',
    {
      schema: {
        querystring: schema.noQuery,
        body: schema.nothing,
        response: { 200: schema.drainAnswer, ...errors },
      },
    },
    () => control.drain(),
  );

  app.post(
    '/api/v1/upgrade',
    {
      config: { needs: 'admin' },
      schema: {
        querystring: schema.noQuery,
        body: schema.nothing,
        response: { 200: schema.upgradeAnswer, ...errors },
      },
    },
    () => control.upgrade(),
  );

  app.post<{ Body: schema.StopBody | undefined }>(
    '/api/v1/stop',
    {
      schema: {
        querystring: schema.noQuery,
        body: schema.stopBody,
        response: { 200: schema.drainAnswer, ...errors },
      },
    },
    ({ body }) => control.stop(body?.graceMs ?? schema.graceMsDefault),
  );
}

function reasonsNotReady(status: NodeControl['life']): readonly string[] {
  const reasons = status.workers
    .filter((worker) => worker.state !== 'ready')
    .map((worker) => `worker ${worker.slot} is in state ${worker.state}`);
  if (status.state !== 'ready') reasons.unshift(`the node is in state ${status.state}`);
  if (status.workers.length === 0) reasons.push('there are no workers yet');
  return reasons;
}
