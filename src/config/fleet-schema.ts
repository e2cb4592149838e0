/** `fleet`: the other nodes this one shares its block list with, and how it reaches them. */
import Type, { type Static } from 'typebox';
import { strict } from './schema-parts.ts';

/** One token of a NATS subject, of a stream's name and of a file's. */
export const fleetNamePattern = '^[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?$';

const file = (description: string) => Type.Optional(Type.String({ pattern: '^.+$', description }));

export const fleetAuth = Type.Object(
  {
    nkeyFile: file('file with the seed of an nkey user, as "weir fleet init" makes it'),
    credsFile: file('or a credentials file (JWT and seed), as nsc makes it'),
    tokenFile: file('or a file with a token'),
    user: Type.Optional(
      Type.String({ pattern: '^.+$', maxLength: 100, description: 'or a user, with passwordFile' }),
    ),
    passwordFile: file('file with the password of user'),
  },
  {
    ...strict,
    description:
      'how the NATS server knows this member, one way of these; secrets stand in files that their owner alone can read',
  },
);

export const fleetTls = Type.Object(
  {
    ca: file('PEM file with the authority of the server; without it those of the machine'),
    cert: file('PEM file with a certificate for a server that asks for one'),
    key: file('PEM file with its private key'),
  },
  { ...strict, description: 'TLS to the NATS server, required when this section is there' },
);

/** What every member says, nodes and control planes alike. */
export const fleetMember = {
  name: Type.String({
    pattern: fleetNamePattern,
    description: 'the fleet, as its members and the permissions of the NATS server name it',
  }),
  nodeId: Type.String({
    pattern: fleetNamePattern,
    description: 'this member, by the name the trust file has it under',
  }),
  nats: Type.Array(
    Type.String({ pattern: '^(?:nats|tls)://[^\\s/@]+:[0-9]{1,5}$', maxLength: 300 }),
    {
      minItems: 1,
      maxItems: 16,
      description: 'NATS servers, nats://host:port or tls://host:port; any of them will do',
    },
  ),
  auth: Type.Optional(fleetAuth),
  tls: Type.Optional(fleetTls),
  signingKey: Type.String({
    pattern: '^.+$',
    description:
      'PEM file with the Ed25519 key that signs what this member decides; its owner alone can read it',
  }),
  trust: Type.String({
    pattern: '^.+$',
    description: 'trust.json: the members of the fleet, their public keys and what each may do',
  }),
} as const;

export const fleet = Type.Object(
  {
    ...fleetMember,
    region: Type.Optional(
      Type.String({
        pattern: '^.+$',
        maxLength: 64,
        description: 'where it stands, told to others',
      }),
    ),
    tags: Type.Array(Type.String({ pattern: '^.+$', maxLength: 64 }), {
      default: [],
      maxItems: 32,
      description: 'what it is, told to others',
    }),
    advertise: Type.Optional(
      Type.String({
        pattern: '^[^\\s/@]{1,190}:[0-9]{1,5}$',
        description:
          'host:port at which the control plane reaches the management API; admin.address without it',
      }),
    ),
    neverBlock: Type.Array(Type.String({ maxLength: 50 }), {
      default: [],
      maxItems: 1024,
      description:
        'addresses and CIDR ranges that neither the fleet nor a module or detector blocks on this node (orchestrators, management), beside edge.allow, the NATS servers and the node itself',
    }),
    counterSyncMs: Type.Integer({
      minimum: 100,
      maximum: 1_000,
      default: 250,
      description:
        'how often it tells the others what modules have counted over the fleet (grant kv:fleet); limits may be exceeded by what the others let through in that time (ms)',
    }),
    digestMs: Type.Integer({
      minimum: 500,
      maximum: 3_600_000,
      default: 60_000,
      description: 'how often it compares what it knows with the others, give or take a fifth (ms)',
    }),
  },
  {
    ...strict,
    description:
      'the nodes that share a block list; without this section nothing of it runs and no connection is made',
  },
);

export type FleetConfig = Static<typeof fleet>;
/** What a node and an orchestrator both have. */
export type FleetMember = Pick<FleetConfig, keyof typeof fleetMember>;
export type FleetAuth = Static<typeof fleetAuth>;
export type FleetTls = Static<typeof fleetTls>;
