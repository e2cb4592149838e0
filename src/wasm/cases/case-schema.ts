/**
 * What a file of cases (`cases.json`) may say: requests, and what a module has to make of them. The types,
 * the checks, the JSON Schema for editors and the reference page all come from here.
 */
import Type, { type Static, type TSchema } from 'typebox';
import { strict } from '#config/schema-parts.ts';
import { casePackets } from './packet-schema.ts';

export const casesMax = 10_000;
export const stepsMax = 1_000;
/** Of one body, as text. */
const bodyCharactersMax = 1_048_576;

const optional = <T extends TSchema>(schema: T) => Type.Optional(schema);
const text = (description: string, maxLength = 8_192) => Type.String({ maxLength, description });
const field = Type.Array(Type.String({ maxLength: 16_384 }), { minItems: 2, maxItems: 2 });
const fields = Type.Array(field, {
  maxItems: 1_000,
  default: [],
  description: 'pairs of name and value, in order, repeats and all',
});
const milliseconds = (description: string) =>
  Type.Integer({ minimum: 0, maximum: 8_640_000_000_000, description });
const names = (description: string) =>
  Type.Array(Type.String({ maxLength: 8_192 }), { maxItems: 64, description });

const bodyKeys = {
  body: optional(text('the body as text, sent as UTF-8', bodyCharactersMax)),
  bodyBase64: optional(text('the body as base64, instead of body', bodyCharactersMax)),
  chunks: optional(
    Type.Array(Type.Integer({ minimum: 1, maximum: bodyCharactersMax }), {
      maxItems: 10_000,
      description:
        'the module sees the body in stretches of these many bytes, and the rest as one; without it whole',
    }),
  ),
  trailers: optional(
    Type.Array(field, { maxItems: 100, description: 'pairs of name and value behind the body' }),
  ),
};

const caseRequest = Type.Object(
  {
    method: Type.String({ default: 'GET', maxLength: 32, description: 'the method' }),
    target: Type.String({
      default: '/',
      maxLength: 65_536,
      description: 'path and query, as sent',
    }),
    headers: fields,
    http10: Type.Boolean({ default: false, description: 'HTTP/1.0 instead of HTTP/1.1' }),
    client: Type.String({
      default: '203.0.113.7',
      maxLength: 45,
      description: 'address of the client',
    }),
    tls: Type.Boolean({ default: true, description: 'the request came by TLS' }),
    ja4: optional(text('fingerprint of the client’s TLS', 36)),
    certificate: optional(
      Type.Object(
        {
          subject: Type.String({ maxLength: 512, description: 'RFC 4514 text' }),
          sha256: Type.String({ pattern: '^[0-9a-f]{64}$', description: 'of the certificate' }),
          verified: Type.Boolean({
            default: true,
            description: 'one of the authorities issued it',
          }),
        },
        { ...strict, description: 'what the client showed of itself' },
      ),
    ),
    ...bodyKeys,
  },
  { ...strict, description: 'what comes from the client' },
);

const caseResponse = Type.Object(
  {
    status: Type.Integer({ minimum: 100, maximum: 599, default: 200, description: 'the status' }),
    reason: Type.String({ default: '', maxLength: 128, description: 'the reason phrase' }),
    headers: fields,
    ...bodyKeys,
  },
  { ...strict, description: 'what the upstream answers, for a module with response phases' },
);

const expectedVerdict = Type.Object(
  {
    kind: Type.Union(
      [
        Type.Literal('allow'),
        Type.Literal('block'),
        Type.Literal('challenge'),
        Type.Literal('limited'),
        Type.Literal('answer'),
        Type.Literal('failure'),
      ],
      {
        default: 'block',
        description: 'failure: the module itself is to fail, as reason says',
      },
    ),
    status: optional(
      Type.Integer({ minimum: 100, maximum: 599, description: 'what the client gets' }),
    ),
    rule: optional(text('the rule that decided')),
    target: optional(text('where it matched')),
    reason: optional(text('the sentence for the operator; of a failure, a part of it')),
    matched: optional(text('what matched')),
  },
  {
    ...strict,
    description: '"allow", or what stops the request; only the keys that stand here are compared',
  },
);

const stepKeys = {
  response: optional(caseResponse),
  verdict: optional(expectedVerdict),
  tags: optional(names('the tags the module gives, in any order')),
  score: optional(
    Type.Integer({ minimum: -64_000, maximum: 64_000, description: 'the points it gives' }),
  ),
  requestEdits: optional(
    names('changes to what the upstream gets: "set NAME: VALUE", "add NAME: VALUE", "remove NAME"'),
  ),
  responseEdits: optional(names('changes to what the client gets, written the same way')),
  log: optional(names('the lines it logs, each "LEVEL: TEXT"')),
  blocks: optional(names('what it puts on the block list: "ADDRESS for SECONDS s: REASON"')),
};

const caseStep = Type.Object(
  {
    request: caseRequest,
    ...stepKeys,
    afterMs: Type.Integer({
      minimum: 0,
      maximum: 31_536_000_000,
      default: 0,
      description: 'the clock goes on by this much before the request (ms)',
    }),
  },
  { ...strict, description: 'one of several requests' },
);

const values = Type.Record(
  Type.String(),
  Type.String({ maxLength: bodyCharactersMax, description: 'value' }),
  { maxProperties: 1_000 },
);

const lookups = Type.Record(
  Type.String(),
  Type.Record(Type.String(), Type.String({ maxLength: 4_096, description: 'text' }), {
    maxProperties: 100,
  }),
  { maxProperties: 1_000 },
);

/** What holds for a case, or for all cases of a file that do not say otherwise. */
const settings = {
  config: optional(
    Type.Unknown({
      description: 'what the module is told; an object, as under waf.rules.NAME.config',
    }),
  ),
  now: optional(milliseconds('the wall clock at the first request (ms since 1970)')),
  values: optional(
    Type.Object(
      {
        worker: optional(values),
        node: optional(values),
      },
      { ...strict, description: 'key-value entries that are there already, by scope' },
    ),
  ),
  databases: optional(
    Type.Record(Type.String(), lookups, {
      maxProperties: 8,
      description:
        'what databases say: by name, address and path, for example geo, 192.0.2.1, country.iso_code',
    }),
  ),
};

const moduleCase = Type.Object(
  {
    name: Type.String({ maxLength: 512, description: 'what the case is, in a few words' }),
    why: optional(text('the reason for it')),
    ...settings,
    request: optional(caseRequest),
    ...stepKeys,
    requests: optional(
      Type.Array(caseStep, {
        minItems: 1,
        maxItems: stepsMax,
        description: 'several requests one after the other, instead of request',
      }),
    ),
    packets: optional(casePackets),
  },
  { ...strict, description: 'what comes, and what the module is to make of it' },
);

export const caseFileSchema = Type.Object(
  {
    $schema: optional(text('for editors')),
    ...settings,
    cases: Type.Array(moduleCase, { maxItems: casesMax, description: 'the cases, in order' }),
  },
  strict,
);

export type CaseFile = Static<typeof caseFileSchema>;
export type ModuleCase = Static<typeof moduleCase>;
export type CaseStep = Static<typeof caseStep>;
export type CaseRequest = Static<typeof caseRequest>;
export type CaseResponse = Static<typeof caseResponse>;
export type ExpectedVerdict = Static<typeof expectedVerdict>;
