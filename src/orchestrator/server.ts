/** The API of the orchestrator: its routes behind the guards that a node's management API has as well. */
import type { FastifyBaseLogger, FastifyInstance } from 'fastify';
import { type ApiServer, startApi } from '#admin/api-listener.ts';
import { noQuery } from '#admin/schema.ts';
import { auditCalls } from './audit-hooks.ts';
import { addBlocklistRoutes } from './blocklist-routes.ts';
import { addGateway, type GatewayTerms } from './gateway.ts';
import { addNodeRoutes } from './node-routes.ts';
import { OpenApi } from './openapi.ts';
import type { OrchestratorParts } from './parts.ts';
import { addRolloutRoutes } from './rollout-routes.ts';
import { addRosterRoutes } from './roster-routes.ts';
import { addOwnRoutes } from './routes.ts';

export type OrchestratorServerOptions = {
  readonly parts: OrchestratorParts;
  readonly address: string;
  readonly version: string;
  readonly gateway: GatewayTerms;
  readonly logger: FastifyBaseLogger;
};

export function startOrchestratorApi(options: OrchestratorServerOptions): Promise<ApiServer> {
  const { parts, address, logger } = options;
  return startApi({
    address,
    logger,
    name: 'API of the orchestrator',
    setting: 'api.address (WEIR_ORCHESTRATOR_API_ADDRESS)',
    tokenHint:
      'send "Authorization: Bearer TOKEN", with one that "weir orchestrator token add" has shown',
    identify: ({ headers }) => parts.tokens.identify(headers.authorization),
    addRoutes: (app) => addAll(app, options),
  });
}

function addAll(
  app: FastifyInstance,
  { parts, version, gateway }: OrchestratorServerOptions,
): void {
  const openApi = new OpenApi(version);
  openApi.watch(app);
  auditCalls(app, parts.audit);
  addOwnRoutes(app, parts);
  addNodeRoutes(app, parts);
  addBlocklistRoutes(app, parts);
  addRolloutRoutes(app, parts);
  addRosterRoutes(app, parts);
  addGateway(app, parts, gateway);
  app.get('/api/v1/openapi.json', { schema: { querystring: noQuery } }, async (_request, reply) =>
    reply.type('application/json; charset=utf-8').send(JSON.stringify(openApi.document())),
  );
}
