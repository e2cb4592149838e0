/**
 * OpenAPI 3.1 of the API, made from the schemas its routes check with, as they are added: a route that is not in
 * it does not exist. JSON Schema 2020-12 is what OpenAPI 3.1 speaks, so they stand there as they are.
 */
import type { FastifyInstance, RouteOptions } from 'fastify';
import type { ApiRole } from '#admin/api-roles.ts';

type Json = { [key: string]: unknown };
type Described = {
  readonly method: string;
  readonly url: string;
  readonly needs: ApiRole | 'public';
  readonly schema: Json;
};

export class OpenApi {
  readonly #routes: Described[] = [];
  readonly #version: string;

  constructor(version: string) {
    this.#version = version;
  }

  /** Sees every route that is added after this. */
  watch(app: FastifyInstance): void {
    app.addHook('onRoute', ({ method, url, config, schema }: RouteOptions) => {
      for (const one of Array.isArray(method) ? method : [method])
        this.#routes.push({
          method: one,
          url,
          needs: config?.needs ?? (one === 'GET' ? 'read' : 'operate'),
          schema: { ...schema },
        });
    });
  }

  document(): Json {
    const paths: Record<string, Json> = {};
    for (const route of this.#routes) {
      const path = route.url.replace(/:([A-Za-z]+)/g, '{$1}').replace('*', '{path}');
      paths[path] = { ...paths[path], [route.method.toLowerCase()]: operation(route) };
    }
    return {
      openapi: '3.1.0',
      info: {
        title: 'Weir orchestrator',
        version: this.#version,
        description: 'The control plane of a fleet of Weir edges.',
      },
      components: {
        securitySchemes: { token: { type: 'http', scheme: 'bearer' } },
      },
      paths,
    };
  }
}

function operation({ url, needs, schema }: Described): Json {
  const { body, response, params, querystring } = schema;
  const named = [...url.matchAll(/:([A-Za-z]+)/g)].map(([, name = '']) => name);
  const parameters = [
    ...[...named, ...(url.includes('*') ? ['path'] : [])].map((name) => ({
      name,
      in: 'path',
      required: true,
      schema: propertiesOf(params)[name] ?? { type: 'string' },
    })),
    ...Object.entries(propertiesOf(querystring)).map(([name, property]) => ({
      name,
      in: 'query',
      required: requiredOf(querystring).includes(name),
      schema: property,
    })),
  ];
  return {
    ...(needs === 'public' ? {} : { security: [{ token: [] }], 'x-weir-role': needs }),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(body === undefined ? {} : { requestBody: { content: jsonContent(body) } }),
    responses: Object.fromEntries(
      Object.entries((response ?? { 200: {} }) as Json).map(([status, answer]) => [
        status.toUpperCase(),
        {
          description: status === '200' ? 'done' : 'refused or failed',
          ...(Object.keys(answer as Json).length === 0 ? {} : { content: jsonContent(answer) }),
        },
      ]),
    ),
  };
}

const jsonContent = (schema: unknown): Json => ({ 'application/json': { schema } });

function propertiesOf(schema: unknown): Json {
  const properties = (schema as { readonly properties?: Json } | undefined)?.properties;
  return properties ?? {};
}

function requiredOf(schema: unknown): readonly string[] {
  return (schema as { readonly required?: readonly string[] } | undefined)?.required ?? [];
}
