/** The routes of the L4 rules. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { NodeControl } from './control.ts';
import type { Caller } from './rule-control.ts';
import * as rules from './rule-schema.ts';
import { errorAnswer, noQuery, nothing } from './schema.ts';

const errors = { '4xx': errorAnswer, '5xx': errorAnswer };

export function addRuleRoutes(app: FastifyInstance, control: NodeControl): void {
  app.get(
    '/api/v1/rules',
    { schema: { querystring: noQuery, response: { 200: rules.ruleListAnswer, ...errors } } },
    () => control.rules.list(),
  );

  app.post<{ Body: rules.RuleAddBody }>(
    '/api/v1/rules',
    {
      schema: {
        querystring: noQuery,
        body: rules.ruleAddBody,
        response: { 200: rules.ruleAnswer, ...errors },
      },
    },
    (request) => {
      const { body } = request;
      return control.rules.add(
        {
          source: body.source ?? null,
          destination: body.destination ?? null,
          port: body.port ?? null,
          protocol: body.protocol ?? null,
          action: body.action,
          order: body.order ?? null,
          all: body.all ?? false,
          reason: body.reason ?? '',
          ttlSeconds: body.ttlSeconds ?? null,
        },
        callerOf(request),
      );
    },
  );

  app.delete<{ Params: { id: string } }>(
    '/api/v1/rules/:id',
    {
      schema: {
        querystring: noQuery,
        params: rules.ruleParams,
        body: nothing,
        response: { 200: rules.ruleAnswer, ...errors },
      },
    },
    (request) => control.rules.delete(Number(request.params.id), callerOf(request)),
  );

  app.delete(
    '/api/v1/rules',
    {
      schema: {
        querystring: noQuery,
        body: nothing,
        response: { 200: rules.ruleChangeAnswer, ...errors },
      },
    },
    () => control.rules.clear(),
  );
}

function callerOf({ ip, socket }: Pick<FastifyRequest, 'ip' | 'socket'>): Caller {
  return { address: ip, localAddress: socket.localAddress ?? '', localPort: socket.localPort ?? 0 };
}
