/** `rates`: how often something may be asked for, and by whom it is counted. */
import Type, { type Static } from 'typebox';
import { count, namePattern, oneOf, strict } from './schema-parts.ts';

/** RFC 6265: the name of a cookie is a token. */
const keyPattern =
  "^(?:address|path|method|ja4|bearer|(?:header|cookie):[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64})$";

export const rate = Type.Object(
  {
    name: Type.String({
      pattern: namePattern,
      description: 'what logs, metrics and events call it: rate/NAME',
    }),
    match: Type.Object(
      {
        route: Type.Optional(
          Type.String({
            description:
              'host and path of a route, as in "* /login"; left out: every one, and requests without a route',
          }),
        ),
        path: Type.String({
          default: '/',
          pattern: '^/',
          maxLength: 1_024,
          description:
            'path prefix, matched at segment borders, escapes decoded and dot segments resolved',
        }),
        methods: Type.Array(Type.String({ pattern: '^[A-Z][A-Z-]{0,31}$' }), {
          default: [],
          maxItems: 16,
          description: 'request methods; none named means any',
        }),
      },
      { ...strict, default: {} },
    ),
    key: Type.Array(Type.String({ pattern: keyPattern }), {
      default: ['address'],
      maxItems: 4,
      description:
        'who has a bucket of his own: address (IPv6 by /64), path, method, ja4, bearer (the token), header:NAME, cookie:NAME, or several together; none named: everybody together',
    }),
    limit: count(1_000, 1_000_000_000, 'requests in perSeconds'),
    perSeconds: Type.Integer({
      minimum: 1,
      maximum: 86_400,
      default: 1,
      description: 'time in which limit requests come back (s)',
    }),
    burst: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 1_000_000_000,
        description: 'requests at once, of a key that was quiet; left out: twice the limit',
      }),
    ),
    scope: oneOf(['worker', 'node', 'fleet'], {
      default: 'node',
      description:
        'who counts together: each worker for itself; all workers, some 50 ms behind each other; all nodes of the fleet, as a sliding window of the burst',
    }),
    mode: oneOf(['block', 'challenge', 'monitor'], {
      default: 'block',
      description:
        'what becomes of a request beyond it: 429 with Retry-After; a challenge, and it goes on with a pass; it goes on, and is counted and written down',
    }),
    penaltySeconds: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 86_400,
        description:
          'how long a key that went beyond it is refused whatever it sends; left out: 300 in mode block with a key, else 0 (s)',
      }),
    ),
  },
  strict,
);

export const rates = Type.Array(rate, {
  default: [],
  maxItems: 64,
  description:
    'rate limits of requests, looked at in this order between route and rules; never for edge.allow, edge.trustedProxies and edge.limits.unlimitedAddresses',
});

export type Rate = Static<typeof rate>;
