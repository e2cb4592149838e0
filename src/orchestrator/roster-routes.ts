/** The routes about who the members of the fleet are: which list of them is believed where, and a newer one. */
import type { FastifyInstance } from 'fastify';
import { errorAnswer, noQuery } from '#admin/schema.ts';
import type { OrchestratorFleet } from './orchestrator-fleet.ts';
import type { OrchestratorParts } from './parts.ts';
import { type RosterBody, rosterAnswer, rosterBody, rosterBodyBytesMax } from './roster-schema.ts';

const errors = { '4xx': errorAnswer, '5xx': errorAnswer };

export function addRosterRoutes(app: FastifyInstance, parts: OrchestratorParts): void {
  app.get(
    '/api/v1/roster',
    { schema: { querystring: noQuery, response: { 200: rosterAnswer, ...errors } } },
    async () => answerOf(parts.fleet()),
  );
  // The owner has signed it, so it says nothing that the caller has made up; it is for admins all the same, as an
  // old one of a fleet that was made anew could be brought back.
  app.post<{ Body: RosterBody }>(
    '/api/v1/roster',
    {
      config: { needs: 'admin' },
      bodyLimit: rosterBodyBytesMax,
      schema: {
        querystring: noQuery,
        body: rosterBody,
        response: { 200: rosterAnswer, ...errors },
      },
    },
    async ({ body }) => {
      const fleet = parts.fleet();
      fleet.checkLeads();
      await fleet.roster.offer(body.trust);
      return answerOf(fleet);
    },
  );
}

function answerOf({ trust, roster, self }: OrchestratorFleet) {
  const { version } = roster;
  return {
    version,
    members: trust.members.map(({ id, role }) => ({
      ...{ id, role },
      believes: id === self ? version : (roster.heard.get(id) ?? null),
    })),
  };
}
