/** `routes[].waf`: which rules a route has, what becomes of what they find, and what the route takes at all. */
import Type from 'typebox';
import { accept } from './accept-schema.ts';
import { routeMatched } from './events-schema.ts';
import { ruleModes, wafMode } from './mode-schema.ts';
import { oneOf, strict } from './schema-parts.ts';

const threshold = (what: string) =>
  Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 1_000_000,
      description: `anomaly score at which ${what} on this route is blocked by its SecLang rule sets; left out: as the sets say`,
    }),
  );

export const routeWaf = Type.Object(
  {
    mode: wafMode(
      'block; challenge: what rules would block gets a challenge; monitor: decide and log, never stop; off: run no rules',
    ),
    rules: Type.Array(Type.String(), {
      default: [],
      maxItems: 64,
      description: 'names under waf.rules, in the order they run',
    }),
    modes: ruleModes('on this route'),
    beyondWindow: oneOf(['inspect', 'pass', 'block'], {
      default: 'inspect',
      description:
        'a request body longer than the window: inspect goes on stretch by stretch while it is sent, pass looks no further, block answers 413. One with a Content-Encoding is decoded for SecLang rules: with inspect as it comes (gzip, deflate; one in br that is longer gets 413), with pass as far as the window goes',
    }),
    bodyWindowBytes: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 1_048_576,
        description:
          'the longest stretch of a body that rules see in one call on this route, at most waf.bodyWindowBytes, which holds where this is left out (bytes)',
      }),
    ),
    matched: routeMatched,
    blockAtScore: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 100_000,
        description:
          'points that modules give a request, together, at which it is blocked; left out: none',
      }),
    ),
    inboundThreshold: threshold('a request'),
    outboundThreshold: threshold('a response'),
    challenge: oneOf(['page', 'never'], {
      default: 'page',
      description:
        'what a challenge is here: page, where the client can show one; never: 403 for all, for feeds and APIs',
    }),
    accept,
  },
  { ...strict, default: {} },
);
