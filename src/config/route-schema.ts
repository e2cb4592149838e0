/** `routes`: which request goes where, and under which rules. */
import Type, { type Static } from 'typebox';
import { routeWaf } from './route-waf-schema.ts';
import {
  bytes,
  headerName,
  headerValue,
  milliseconds,
  namePattern,
  strict,
} from './schema-parts.ts';
import { routeRetries } from './upstream-schema.ts';

/** Fields to set (replacing what is there) and to remove. */
const headerRules = Type.Object(
  {
    set: Type.Record(Type.String({ pattern: headerName }), Type.String({ pattern: headerValue }), {
      default: {},
      maxProperties: 32,
      description: 'header fields to write, in place of any that came',
    }),
    remove: Type.Array(Type.String({ pattern: headerName }), {
      default: [],
      maxItems: 32,
      description: 'header fields to take out',
    }),
  },
  { ...strict, default: {} },
);

export const route = Type.Object(
  {
    match: Type.Object(
      {
        host: Type.String({
          default: '*',
          description: 'a host name, "*.example.org" for any one or more labels before it, or "*"',
        }),
        path: Type.String({
          default: '/',
          pattern: '^/',
          description: 'path prefix, matched at segment borders',
        }),
        exact: Type.Boolean({
          default: false,
          description: 'match this path only, not those below it',
        }),
        methods: Type.Array(Type.String({ pattern: '^[A-Z][A-Z-]{0,31}$' }), {
          default: [],
          maxItems: 16,
          description: 'request methods; none named means any',
        }),
        headers: Type.Array(
          Type.Object(
            {
              name: Type.String({ pattern: headerName }),
              value: Type.Optional(
                Type.String({
                  pattern: headerValue,
                  description: 'the whole value; left out: any',
                }),
              ),
            },
            strict,
          ),
          { default: [], maxItems: 8, description: 'header fields a request must have' },
        ),
      },
      { ...strict, default: {} },
    ),
    upstream: Type.String({ description: 'a name under upstreams' }),
    canary: Type.Optional(
      Type.Object(
        {
          upstream: Type.String({ pattern: namePattern, description: 'a name under upstreams' }),
          percent: Type.Integer({
            minimum: 0,
            maximum: 100,
            description: 'share of client addresses that go there; one address always goes one way',
          }),
        },
        { ...strict, description: 'a second upstream for a part of the clients' },
      ),
    ),
    rewritePrefix: Type.Optional(
      Type.String({
        pattern: '^/[!-"$-~]*$',
        maxLength: 1_024,
        description: 'what the upstream sees in the place of match.path',
      }),
    ),
    requestHeaders: headerRules,
    responseHeaders: headerRules,
    hideServer: Type.Boolean({
      default: true,
      description: 'take Server, X-Powered-By and the like out of responses',
    }),
    hardening: Type.Union([Type.Literal('off'), Type.Literal('basic'), Type.Literal('strict')], {
      default: 'off',
      description:
        'add protective response fields the origin left out. basic: X-Content-Type-Options and Referrer-Policy; strict: also X-Frame-Options, Cross-Origin-Opener-Policy and, over TLS, Strict-Transport-Security',
    }),
    limits: Type.Object(
      {
        bodyBytesMax: Type.Optional(
          bytes(undefined, Number.MAX_SAFE_INTEGER, 'request body, instead of edge.limits'),
        ),
        responseBytesMax: Type.Optional(
          bytes(
            undefined,
            Number.MAX_SAFE_INTEGER,
            'response body; beyond it 502, or the end if it has begun',
          ),
        ),
      },
      { ...strict, default: {} },
    ),
    timeouts: Type.Object(
      {
        bodyIdleMs: Type.Optional(milliseconds(undefined, 'instead of edge.timeouts')),
        responseMs: Type.Optional(milliseconds(undefined, 'instead of edge.timeouts')),
        sendMs: Type.Optional(milliseconds(undefined, 'instead of edge.timeouts')),
        tunnelIdleMs: Type.Optional(milliseconds(undefined, 'instead of edge.timeouts')),
        totalMs: Type.Optional(
          milliseconds(
            undefined,
            'the whole exchange, from the head of the request to the end of the response; left out: no limit',
          ),
        ),
        tunnelTotalMs: Type.Optional(
          milliseconds(undefined, 'the whole life of an upgraded connection; left out: no limit'),
        ),
      },
      { ...strict, default: {} },
    ),
    retries: routeRetries,
    websocket: Type.Boolean({ default: true, description: 'let Upgrade requests through' }),
    waf: routeWaf,
  },
  strict,
);

export type Route = Static<typeof route>;
