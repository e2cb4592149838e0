/** `crowdsec`: decisions of a CrowdSec agent that are followed, and what this node answers bouncers. */
import Type, { type Static } from 'typebox';
import { bytes, count, milliseconds, namePattern, oneOf, strict } from './schema-parts.ts';

const lapi = Type.Object(
  {
    url: Type.String({
      pattern: '^https?://[^\\s/?#]+(/[^\\s?#]*)?$',
      maxLength: 2_048,
      description:
        'the Local API of the agent; http only where it is on this machine, as the key goes there in clear',
    }),
    keyFile: Type.String({
      description: 'a file with the key that "cscli bouncers add weir" has given',
    }),
    ca: Type.Optional(
      Type.String({ description: 'a file with a root certificate to trust for url (PEM)' }),
    ),
    intervalSeconds: count(10, 3_600, 'how often it is asked for what has changed (s)'),
    scopes: Type.Array(oneOf(['ip', 'range'], { description: 'a kind of decision' }), {
      default: ['ip', 'range'],
      maxItems: 2,
      description:
        'which kinds of decisions are followed; those on countries and networks by number are not',
    }),
    origins: Type.Array(Type.String({ pattern: '^[A-Za-z0-9:_.-]{1,64}$' }), {
      default: [],
      maxItems: 32,
      description: 'whose decisions are followed (crowdsec, cscli, CAPI, lists …); empty for all',
    }),
    captcha: oneOf(['challenge', 'drop', 'ignore'], {
      default: 'challenge',
      description:
        'what a captcha decision becomes: each request without a pass gets a challenge, the address is kept out, or nothing',
    }),
    allowPrivate: Type.Boolean({
      default: false,
      description:
        'whether decisions on addresses that are not public are taken; those the node lives by never are',
    }),
    entriesMax: count(200_000, 1_000_000, 'decisions beyond are refused'),
    bytesMax: bytes(134_217_728, 268_435_456, 'a longer answer is refused'),
  },
  strict,
);

const serve = Type.Object(
  {
    address: Type.String({
      description: 'host:port; without tls an address of the loopback interface',
    }),
    tls: Type.Optional(
      Type.Object(
        {
          cert: Type.String({ description: 'certificate chain (PEM)' }),
          key: Type.String({ description: 'its private key (PEM)' }),
        },
        strict,
      ),
    ),
    bouncers: Type.Record(
      Type.String({ pattern: namePattern }),
      Type.Object(
        {
          keyFile: Type.String({
            description: 'a file with the key of this bouncer, 16 to 256 characters',
          }),
        },
        strict,
      ),
      { maxProperties: 64, description: 'who may ask, by name' },
    ),
    appsec: Type.Boolean({
      default: true,
      description:
        'whether bouncers may have requests looked at by the rules of the routes (the AppSec protocol)',
    }),
    appsecTimeoutMs: milliseconds(1_000, 'an AppSec check that takes longer is answered with 500'),
    bodyBytesMax: bytes(
      1_048_576,
      16_777_216,
      'a longer body of an AppSec check is refused with 413',
    ),
  },
  strict,
);

export const crowdsec = Type.Object(
  { lapi: Type.Optional(lapi), serve: Type.Optional(serve) },
  strict,
);

export type LapiSettings = Static<typeof lapi>;
export type ServeSettings = Static<typeof serve>;
