/** The routes of the management API that are about recordings, replays and shadows. */
import type { FastifyInstance } from 'fastify';
import { WeirError } from '#core/errors.ts';
import type { CandidateBytes, ReplayControl } from './replay-control.ts';
import * as replay from './replay-schema.ts';
import { errorAnswer, noQuery, nothing } from './schema.ts';

const errors = { '4xx': errorAnswer, '5xx': errorAnswer };
const examplesDefault = 20;

export function addReplayRoutes(app: FastifyInstance, control: ReplayControl): void {
  addRecordingRoutes(app, control);
  addComparisonRoutes(app, control);
  addShadowRoutes(app, control);
}

function addRecordingRoutes(app: FastifyInstance, control: ReplayControl): void {
  app.get(
    '/api/v1/recordings',
    { schema: { querystring: noQuery, response: { 200: replay.recordingsAnswer, ...errors } } },
    async () => ({ recordings: await control.recordings() }),
  );

  app.post<{ Body: replay.RecordBody | undefined }>(
    '/api/v1/recordings',
    {
      config: { needs: 'admin' },
      schema: {
        querystring: noQuery,
        body: replay.recordBody,
        response: { 200: replay.recordingStatus, ...errors },
      },
    },
    ({ body }) => control.startRecording({ ...replay.recordDefaults, routes: [], ...body }),
  );

  app.post(
    '/api/v1/recordings/stop',
    {
      config: { needs: 'admin' },
      schema: {
        querystring: noQuery,
        body: nothing,
        response: { 200: replay.recordingStatus, ...errors },
      },
    },
    () => control.stopRecording(),
  );

  app.delete<{ Params: { name: string } }>(
    '/api/v1/recordings/:name',
    {
      config: { needs: 'admin' },
      schema: {
        querystring: noQuery,
        params: replay.recordingParams,
        body: nothing,
        response: { 200: replay.recordingRemoved, ...errors },
      },
    },
    ({ params }) => control.removeRecording(params.name),
  );
}

function addComparisonRoutes(app: FastifyInstance, control: ReplayControl): void {
  app.post<{ Body: replay.ReplayBody }>(
    '/api/v1/replays',
    {
      config: { needs: 'admin' },
      bodyLimit: replay.replayBodyBytesMax,
      schema: {
        querystring: noQuery,
        body: replay.replayBody,
        response: { 200: replay.replayAnswer, ...errors },
      },
    },
    ({ body }) => {
      const { recording, rules, config } = body;
      if (rules !== undefined && config !== undefined)
        throw new WeirError('REPLAY_INVALID', 'a candidate is rules or a config, not both');
      return control.startReplay({
        recording,
        candidate:
          rules === undefined
            ? { kind: 'config', file: config ?? null }
            : { kind: 'rules', rules: rules.map((rule) => candidateOf(rule.name, rule)) },
        examplesMax: body.examples ?? examplesDefault,
        requestsMax: body.requestsMax ?? replay.recordRequestsMax,
      });
    },
  );

  app.get<{ Params: { id: string } }>(
    '/api/v1/replays/:id',
    {
      schema: {
        querystring: noQuery,
        params: replay.replayParams,
        response: { 200: replay.replayAnswer, ...errors },
      },
    },
    async ({ params }) => control.replayState(params.id),
  );
}

function addShadowRoutes(app: FastifyInstance, control: ReplayControl): void {
  app.get(
    '/api/v1/shadows',
    { schema: { querystring: noQuery, response: { 200: replay.shadowsAnswer, ...errors } } },
    async () => ({ shadows: control.shadows() }),
  );

  app.post<{ Params: { name: string }; Body: replay.ShadowBody }>(
    '/api/v1/shadows/:name',
    {
      config: { needs: 'admin' },
      bodyLimit: replay.replayBodyBytesMax,
      schema: {
        querystring: noQuery,
        params: replay.shadowParams,
        body: replay.shadowBody,
        response: { 200: replay.shadowAnswer, ...errors },
      },
    },
    ({ params, body }) =>
      control.startShadow(candidateOf(params.name, body), body.sharePercent ?? 100),
  );

  app.delete<{ Params: { name: string } }>(
    '/api/v1/shadows/:name',
    {
      config: { needs: 'admin' },
      schema: {
        querystring: noQuery,
        params: replay.shadowParams,
        body: nothing,
        response: { 200: replay.shadowAnswer, ...errors },
      },
    },
    async ({ params }) => control.stopShadow(params.name),
  );
}

function candidateOf(
  name: string,
  { module, seclang }: { readonly module?: string; readonly seclang?: readonly string[] },
): CandidateBytes {
  if ((module === undefined) === (seclang === undefined))
    throw new WeirError('REPLAY_INVALID', `the candidate for ${name} is a module or SecLang files`);
  return {
    name,
    module: module === undefined ? null : Buffer.from(module, 'base64'),
    seclang: seclang ?? null,
  };
}
