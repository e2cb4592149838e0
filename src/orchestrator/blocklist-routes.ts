/** The routes about the block list of the fleet: what is in force, add, remove, import. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { errorAnswer, noQuery, nothing } from '#admin/schema.ts';
import type { FleetBlock } from '#decisions/enforced-decisions.ts';
import type { FleetBlockAnswer, FleetBlockRequest } from './fleet-blocks.ts';
import type { OrchestratorParts } from './parts.ts';
import * as schema from './schema.ts';

const errors = { '4xx': errorAnswer, '5xx': errorAnswer };
const changed = { 200: schema.fleetBlockAnswer, ...errors };

export function addBlocklistRoutes(app: FastifyInstance, parts: OrchestratorParts): void {
  app.get<{ Querystring: schema.FleetBlockQuery }>(
    '/api/v1/blocklist',
    {
      schema: {
        querystring: schema.fleetBlockQuery,
        response: { 200: schema.fleetBlockListAnswer, ...errors },
      },
    },
    async ({ query }) => {
      const { blocks } = parts.fleet();
      const limit = Number(query.limit ?? schema.fleetBlockPageMax);
      const page = blocks.page(Number(query.after ?? 0), limit);
      return {
        count: blocks.count,
        entries: page.blocks.map(entryOf),
        next: page.next === null ? null : String(page.next),
      };
    },
  );

  app.post<{ Body: schema.FleetBlockBody }>(
    '/api/v1/blocklist',
    { schema: { querystring: noQuery, body: schema.fleetBlockBody, response: changed } },
    ({ body, caller }) => decide(parts, caller, { ...body, targets: [body.target] }),
  );

  app.post<{ Body: schema.FleetImportBody }>(
    '/api/v1/blocklist/import',
    {
      bodyLimit: schema.fleetImportBytesMax,
      schema: { querystring: noQuery, body: schema.fleetImportBody, response: changed },
    },
    ({ body, caller }) => decide(parts, caller, body),
  );

  app.delete<{ Params: { target: string } }>(
    '/api/v1/blocklist/:target',
    {
      schema: {
        querystring: noQuery,
        params: schema.fleetBlockParams,
        body: nothing,
        response: changed,
      },
    },
    // Also of what is not listed here: a member that is away may have it, and then it ends there as well.
    ({ params, caller }) => decide(parts, caller, { targets: [params.target], action: 'clear' }),
  );
}

type Wanted = Pick<FleetBlockRequest, 'targets'> & Partial<FleetBlockRequest>;

async function decide(
  parts: OrchestratorParts,
  caller: FastifyRequest['caller'],
  wanted: Wanted,
): Promise<schema.FleetBlockAnswer> {
  const fleet = parts.fleet();
  fleet.checkLeads();
  const answer = await fleet.blocks.decide({
    action: 'drop',
    ttlSeconds: null,
    reason: '',
    waitMs: schema.fleetBlockWaitMsDefault,
    ...wanted,
    origin: `operator ${caller?.name ?? ''}`.slice(0, 64),
  });
  return answerOf(answer);
}

function answerOf(answer: FleetBlockAnswer): schema.FleetBlockAnswer {
  const { targets, entries, expiresAtMs, published, acknowledged } = answer;
  return {
    targets,
    count: entries,
    expiresAt: expiresAtMs === null ? null : new Date(expiresAtMs).toISOString(),
    published,
    acknowledged,
  };
}

function entryOf({ atMs, expiresAtMs, ...block }: FleetBlock) {
  return {
    ...block,
    createdAt: new Date(atMs).toISOString(),
    expiresAt: new Date(expiresAtMs).toISOString(),
  };
}
