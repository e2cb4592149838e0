/**
 * The gateway: what comes to `/api/v1/nodes/NODE/api/…` goes to `/api/…` of that node's management API.
 *
 * ```
 * caller ─ token, role ─► orchestrator ─ grant for this one request ─► node: trust file, role again
 * ```
 *
 * The caller's token stops here, and the node's own is not known here: a node takes a grant, signed by an
 * orchestrator that the trust file names (`#fleet/access-grant.ts`). Where a node is, it said when it
 * registered; only an address in a range of `gateway.allow` is connected to, never a name, so nothing can
 * resolve to somewhere else, and redirects are handed on and not followed.
 */
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import httpProxy from '@fastify/http-proxy';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { sendError } from '#admin/answers.ts';
import { moduleLoadBodyBytesMax } from '#admin/module-schema.ts';
import { parseListenAddress } from '#config/address.ts';
import { wallMs } from '#core/clock.ts';
import { describeError, WeirError } from '#core/errors.ts';
import { type Cidr, cidrContains, isUnspecified, parseCidr, parseIp } from '#core/ip.ts';
import { emptySha256, encodeGrant } from '#fleet/access-grant.ts';
import type { KnownNode } from './node-registry.ts';
import { knownNode } from './node-routes.ts';
import type { OrchestratorParts } from './parts.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** What goes through the gateway as it came; null elsewhere. */
    gatewayBody: Buffer | null;
  }
}

export type GatewayTerms = {
  /** Ranges, checked by the configuration. */
  readonly allow: readonly string[];
  readonly timeoutMs: number;
};

const prefix = '/api/v1/nodes/:id/api';
/** Hop-by-hop fields go anyway; these would say of the caller what the grant says, or more. */
const withheld = new Set(['authorization', 'cookie', 'origin', 'referer', 'forwarded']);

export function addGateway(
  app: FastifyInstance,
  parts: OrchestratorParts,
  terms: GatewayTerms,
): void {
  const ranges = terms.allow.flatMap((text) => parseCidr(text) ?? []);
  app.decorateRequest('gatewayBody', null);
  // In a scope of its own, so that no other route takes any media type.
  app.register(async (scope) => {
    scope.addHook('onRequest', async (request, reply) =>
      leadsElsewhere(request.url)
        ? sendError(reply, 400, 'REQUEST_INVALID', 'a path through the gateway has no dot segments')
        : undefined,
    );
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser(
      '*',
      { parseAs: 'buffer', bodyLimit: moduleLoadBodyBytesMax },
      (request, body, done) => {
        request.gatewayBody = Buffer.from(body);
        done(null, Readable.from([request.gatewayBody]));
      },
    );
    scope.register(httpProxy, {
      upstream: '',
      prefix,
      rewritePrefix: '/api',
      httpMethods: ['GET', 'POST', 'DELETE'],
      proxyPayloads: false,
      disableRequestLogging: true,
      undici: { connections: 16, pipelining: 1, headersTimeout: terms.timeoutMs },
      replyOptions: {
        timeout: terms.timeoutMs,
        // A grant is taken once.
        retryDelay: () => null,
        getUpstream: (request) =>
          originOf(knownNode(parts.fleet(), idOf(request as FastifyRequest)), ranges),
        rewriteRequestHeaders: (request, headers) => ({
          ...Object.fromEntries(
            Object.entries(headers).filter(
              ([name]) => !withheld.has(name) && !name.startsWith('x-forwarded-'),
            ),
          ),
          authorization: grantFor(request as FastifyRequest, parts),
        }),
        onResponse: (request, reply, response) =>
          answer(request as FastifyRequest, reply as unknown as FastifyReply, response),
        onError: (reply, { error }) => {
          const details = [describeError(error)];
          sendError(
            reply as unknown as FastifyReply,
            502,
            'NODE_UNREACHABLE',
            'the node does not answer',
            details,
          );
        },
      },
    });
  });
}

const idOf = ({ params }: FastifyRequest): string => (params as { readonly id: string }).id;

/** As the node will see it: what stands behind `/api/v1/nodes/NODE`. */
const pathOf = ({ url }: FastifyRequest): string => `/${url.split('/').slice(5).join('/')}`;

/** Whether somebody could read it as a way out of `/api`: no route of a node has a segment of dots. */
function leadsElsewhere(url: string): boolean {
  const [path = ''] = url.split('?', 1);
  const segments = path.replace(/%2e/gi, '.').split(/\/|\\|%2f|%5c/i);
  return /\\|%5c/i.test(path) || segments.some((segment) => /^\.{1,2}$/.test(segment));
}

function grantFor(request: FastifyRequest, parts: OrchestratorParts): string {
  const { caller, method, gatewayBody } = request;
  const fleet = parts.fleet();
  if (caller === null) throw new Error('the listener lets nobody through without a name');
  return encodeGrant(
    {
      ...{ fleet: fleet.name, issuer: fleet.self, node: idOf(request) },
      ...{ role: caller.role, caller: caller.name, method, path: pathOf(request) },
      bodySha256:
        gatewayBody === null ? emptySha256 : createHash('sha256').update(gatewayBody).digest('hex'),
    },
    fleet.signingKey,
    wallMs(),
  );
}

/** Throws NODE_ENDED and NODE_ADDRESS_REFUSED. */
export function originOf({ id, state, hello }: KnownNode, ranges: readonly Cidr[]): string {
  if (state === 'gone' || state === 'dead')
    throw new WeirError('NODE_ENDED', `${id} is ${state}; there is nobody to ask`);
  const refused = (why: string) =>
    new WeirError('NODE_ADDRESS_REFUSED', `${id} says its management API is at ${why}`, {
      details: ['fleet.advertise of the node says where it is, gateway.allow here where it may be'],
    });
  const address = parseListenAddress(hello.admin.replace(/^http:\/\//, ''));
  const ip = address === null ? null : parseIp(address.host);
  const cidr = ip === null ? null : parseCidr(ip.text);
  if (address === null || ip === null || cidr === null)
    throw refused(`"${hello.admin}", which is no address and port`);
  if (isUnspecified(ip) || address.port === 0 || !ranges.some((range) => cidrContains(range, cidr)))
    throw refused(`${hello.admin}, which gateway.allow does not have`);
  const host = ip.family === 6 ? `[${ip.text}]` : ip.text;
  return `http://${host}:${address.port}`;
}

type NodeResponse = { readonly stream?: Readable } & Readable;

function answer(request: FastifyRequest, reply: FastifyReply, response: unknown): void {
  const found = response as NodeResponse;
  const stream = found.stream ?? found;
  // It is this orchestrator that was refused, and not the caller.
  if (reply.statusCode === 401) {
    stream.resume();
    request.log.error({ node: idOf(request) }, 'a node did not take a grant');
    reply.removeHeader('www-authenticate');
    reply.removeHeader('content-length');
    sendError(reply, 502, 'NODE_REFUSED', `${idOf(request)} did not take the grant`, [
      'its log says why: a trust file without this orchestrator, or clocks more than half a minute apart',
    ]);
    return;
  }
  reply.send(stream);
}
