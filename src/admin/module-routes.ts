/** The routes of the management API that are about rule modules; `routes.ts` has the others. */
import type { FastifyInstance } from 'fastify';
import { sendError } from '#admin/answers.ts';
import type { NodeControl } from '#admin/control.ts';
import * as schema from '#admin/module-schema.ts';
import { errorAnswer, noQuery, nothing } from '#admin/schema.ts';
import { moduleBytesMax } from '#core/module-files.ts';

const errors = { '4xx': errorAnswer, '5xx': errorAnswer };

export function addModuleRoutes(app: FastifyInstance, control: NodeControl): void {
  app.get(
    '/api/v1/modules',
    { schema: { querystring: noQuery, response: { 200: schema.moduleListAnswer, ...errors } } },
    async () => ({ modules: control.listModules() }),
  );

  app.get<{ Params: { name: string } }>(
    '/api/v1/modules/:name/history',
    {
      schema: {
        querystring: noQuery,
        params: schema.moduleNameParams,
        response: { 200: schema.moduleHistoryAnswer, ...errors },
      },
    },
    async ({ params }) => control.moduleHistory(params.name),
  );

  app.post<{ Params: { name: string }; Body: schema.ModuleRollbackBody | undefined }>(
    '/api/v1/modules/:name/rollback',
    {
      config: { needs: 'admin' },
      schema: {
        querystring: noQuery,
        params: schema.moduleNameParams,
        body: schema.moduleRollbackBody,
        response: { 200: schema.moduleLoadAnswer, ...errors },
      },
    },
    ({ params, body }) => control.rollbackModule(params.name, body?.to ?? null),
  );

  app.delete<{ Params: { name: string; version: string } }>(
    '/api/v1/modules/:name/versions/:version',
    {
      config: { needs: 'admin' },
      schema: {
        querystring: noQuery,
        params: schema.moduleVersionParams,
        body: nothing,
        response: { 200: schema.moduleRemoveAnswer, ...errors },
      },
    },
    ({ params }) => control.removeModule(params.name, Number(params.version)),
  );

  addLoadRoute(app, control);
}

/** Bytes alone as application/wasm, or with signature and cases as JSON. */
function addLoadRoute(app: FastifyInstance, control: NodeControl): void {
  // In a scope of its own, so that no other route takes this media type or this size.
  app.register(async (scope) => {
    scope.addContentTypeParser('application/wasm', { parseAs: 'buffer' }, (_request, body, done) =>
      done(null, body),
    );
    scope.post<{ Params: { name: string }; Body: Buffer | schema.ModuleLoadBody | undefined }>(
      '/api/v1/modules/:name',
      {
        config: { needs: 'admin' },
        bodyLimit: schema.moduleLoadBodyBytesMax,
        schema: {
          querystring: noQuery,
          params: schema.moduleNameParams,
          body: { content: { 'application/json': { schema: schema.moduleLoadBody } } },
          response: { 200: schema.moduleLoadAnswer, ...errors },
        },
      },
      async ({ params, body }, reply) => {
        if (body === undefined || body === null || (Buffer.isBuffer(body) && body.length === 0)) {
          return sendError(
            reply,
            400,
            'REQUEST_INVALID',
            'no module came: send its bytes as application/wasm, or as JSON with its signature',
          );
        }
        const isAlone = Buffer.isBuffer(body);
        const bytes = isAlone ? body : Buffer.from(body.module, 'base64');
        if (bytes.length > moduleBytesMax) {
          const message = `a module has at most ${moduleBytesMax} bytes`;
          return sendError(reply, 413, 'BODY_TOO_LARGE', message);
        }
        const {
          signature = null,
          cases = null,
          sourceMap = null,
          replay = null,
        } = isAlone ? {} : body;
        const tried =
          replay === null
            ? null
            : await control.parts.replay.gateModule(params.name, { bytes, sourceMap }, replay);
        return control.loadModule(params.name, { bytes, signature, cases, sourceMap, tried });
      },
    );
  });
}
