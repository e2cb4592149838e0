/** The section `events`: what is kept of security events, and where they are sent. */
import Type, { type Static } from 'typebox';
import { bytes, count, milliseconds, oneOf, strict } from './schema-parts.ts';

export const matchedPolicies = ['full', 'masked', 'none'] as const;
export type MatchedPolicy = (typeof matchedPolicies)[number];

/** Of a route, instead of `events.matched`. */
export const routeMatched = Type.Optional(
  oneOf(matchedPolicies, {
    description:
      'what events and waf.matchLog show of the part that matched, instead of events.matched',
  }),
);

const target = Type.Object(
  {
    file: Type.Optional(
      Type.String({
        maxLength: 4_096,
        description: 'JSON lines in this file, turned over when full',
      }),
    ),
    rotateBytes: bytes(100_000_000, 100_000_000_000, 'with file: how large it may become'),
    keep: Type.Integer({
      minimum: 0,
      maximum: 1_000,
      default: 5,
      description: 'with file: how many full ones are kept beside it, as FILE.1 and so on',
    }),
    syslog: Type.Optional(
      Type.String({
        maxLength: 300,
        description:
          'collector of syslog (RFC 5424): udp://host:514, tcp://host:601 or tls://host:6514; messages over TCP and TLS are counted in octets',
      }),
    ),
    ca: Type.Optional(
      Type.String({
        maxLength: 4_096,
        description:
          'with syslog over TLS: PEM file with who may have signed the certificate of the collector; left out: the authorities Node knows',
      }),
    ),
    webhook: Type.Optional(
      Type.String({
        maxLength: 2_048,
        description: 'http or https URL that batches are posted to',
      }),
    ),
    secretFile: Type.Optional(
      Type.String({
        maxLength: 4_096,
        description:
          'with webhook: file with the secret, 32 characters at least, that signs each body (HMAC-SHA256, field Weir-Signature)',
      }),
    ),
    allowInternal: Type.Boolean({
      default: false,
      description:
        'with webhook: whether the address may be one that is not of the public Internet; else such an address is never connected to, whatever name leads to it',
    }),
    timeoutMs: milliseconds(5_000, 'with webhook: how long one attempt may take'),
    attemptsMax: count(10, 100, 'with webhook: attempts to deliver one batch, with growing waits'),
    kinds: Type.Array(Type.String({ pattern: '^[a-z][a-z0-9-]{0,31}$' }), {
      default: [],
      maxItems: 32,
      description: 'kinds of events that are sent there, for example blocked; none: all',
    }),
  },
  strict,
);

export const events = Type.Object(
  {
    keep: Type.Object(
      {
        eventsMax: count(100_000, 10_000_000, 'events kept on the node; of more the oldest go'),
        days: count(30, 3_650, 'days an event is kept'),
      },
      { ...strict, default: {} },
    ),
    perSecondMax: count(
      200,
      100_000,
      'events a worker makes in a second; the requests of the rest are counted alone',
    ),
    matched: oneOf(matchedPolicies, {
      default: 'full',
      description:
        'what events and waf.matchLog show of the part of a request that matched: full, with secrets masked; masked: its shape, letters and digits as stars; none',
    }),
    to: Type.Array(target, {
      default: [],
      maxItems: 16,
      description: 'where events are sent beside being kept; each with file, syslog or webhook',
    }),
  },
  { ...strict, default: {} },
);

export type EventSettings = Static<typeof events>;
export type EventTarget = EventSettings['to'][number];
