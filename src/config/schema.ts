/**
 * The configuration, said once: this schema gives the types, the defaults, the checks, the JSON Schema,
 * the reference page and the environment names (`edge.limits.urlBytesMax` is
 * `WEIR_EDGE_LIMITS_URL_BYTES_MAX`; keys inside lists and maps have no environment name).
 *
 * A key stands here only if something reads it.
 */
import Type, { type Static } from 'typebox';
import { acme } from './acme-schema.ts';
import { behaviour } from './behaviour-schema.ts';
import { challenge } from './challenge-schema.ts';
import { crowdsec } from './crowdsec-schema.ts';
import { events } from './events-schema.ts';
import { feed } from './feed-schema.ts';
import { fleet } from './fleet-schema.ts';
import { kernel } from './kernel-schema.ts';
import { limits, timeouts } from './limits-schema.ts';
import { listener } from './listener-schema.ts';
import { ruleModes } from './mode-schema.ts';
import { ruleModule } from './module-schema.ts';
import { rates } from './rate-schema.ts';
import { route } from './route-schema.ts';
import { bytes, namePattern, oneOf, strict } from './schema-parts.ts';
import { signatures } from './signature-schema.ts';
import { upstream } from './upstream-schema.ts';

export const configSchema = Type.Object(
  {
    edge: Type.Object(
      {
        workers: Type.Union([Type.Literal('auto'), Type.Integer({ minimum: 1, maximum: 256 })], {
          default: 'auto',
          description: 'worker processes; auto is one a core',
        }),
        listeners: Type.Array(listener, {
          minItems: 1,
          maxItems: 64,
          description: 'where clients connect',
        }),
        user: Type.Optional(
          Type.String({
            pattern: '^[A-Za-z0-9_][A-Za-z0-9_.-]{0,31}$',
            description:
              'user a node that was started as root becomes before it reads the first client byte, with the groups of that user; capabilities are given up in any case',
          }),
        ),
        allow: Type.Array(Type.String(), {
          default: [],
          maxItems: 1024,
          description:
            'addresses and CIDR ranges that no entry of the block list holds for, in the kernel and at accept, whoever made it',
        }),
        trustedProxies: Type.Array(Type.String(), {
          default: [],
          maxItems: 1024,
          description: 'addresses and CIDR ranges whose X-Forwarded-For is believed',
        }),
        limits,
        timeouts,
      },
      strict,
    ),
    upstreams: Type.Record(Type.String({ pattern: namePattern }), upstream, {
      maxProperties: 10_000,
      description: 'the backends, by the names routes use',
    }),
    routes: Type.Array(route, {
      maxItems: 10_000,
      description:
        'the most specific host, then the longest path wins; may be empty where no listener serves requests',
    }),
    rates,
    behaviour: Type.Optional(behaviour),
    waf: Type.Object(
      {
        rules: Type.Record(Type.String({ pattern: namePattern }), ruleModule, {
          default: {},
          maxProperties: 64,
          description: 'rule modules, by the names routes use',
        }),
        bodyWindowBytes: bytes(
          131_072,
          1_048_576,
          'the longest stretch of a body that modules see in one call; so much of a request is held back until they have',
        ),
        matchLog: Type.String({
          default: 'off',
          description:
            'a file that gets a line for each match of a SecLang rule, in the shape of ModSecurity’s, before the answer is sent; "off"',
        }),
        modes: ruleModes('on every route'),
        challenge,
        signatures,
        canaryMs: Type.Integer({
          minimum: 0,
          maximum: 60_000,
          default: 1_000,
          description:
            'how long one worker runs a new module version before the others do; a failure of it there ends the load (ms); 0: all at once',
        }),
      },
      { ...strict, default: {} },
    ),
    kernel,
    feeds: Type.Record(Type.String({ pattern: namePattern }), feed, {
      default: {},
      maxProperties: 32,
      description: 'lists of addresses that are followed, by name',
    }),
    crowdsec: Type.Optional(crowdsec),
    acme: Type.Optional(acme),
    fleet: Type.Optional(fleet),
    admin: Type.Object(
      {
        address: Type.String({
          default: '127.0.0.1:9999',
          description: 'management API, host:port, loopback only',
        }),
      },
      { ...strict, default: {} },
    ),
    accessLog: Type.Object(
      {
        to: Type.String({ default: 'stdout', description: '"stdout", "off" or a file' }),
        redact: Type.Array(Type.String({ maxLength: 1_000 }), {
          default: ['((?i:token|passw|secret|api_?key|session|auth|signature)[^=&]*=)[^&]*'],
          maxItems: 32,
          description:
            'RE2 patterns applied to the query string before it is logged; the first group is kept, the rest becomes ***',
        }),
      },
      { ...strict, default: {} },
    ),
    events,
    log: Type.Object(
      {
        level: oneOf(['debug', 'info', 'warn', 'error'], {
          default: 'info',
          description: "the daemon's own log, on standard error",
        }),
      },
      { ...strict, default: {} },
    ),
    state: Type.String({
      default: '.weir',
      description: 'directory for token, block list, run files and ACME accounts and certificates',
    }),
  },
  strict,
);

export type Config = Static<typeof configSchema>;
