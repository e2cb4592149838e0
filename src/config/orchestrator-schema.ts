/**
 * The configuration of an orchestrator, said once, as `schema.ts` is that of a node: types, defaults, checks,
 * reference page and environment names (`deadAfterMs` is `WEIR_ORCHESTRATOR_DEAD_AFTER_MS`).
 */
import Type, { type Static } from 'typebox';
import { fleet, fleetMember } from './fleet-schema.ts';
import { count, milliseconds, oneOf, strict } from './schema-parts.ts';

export const webhook = Type.Object(
  {
    url: Type.String({ maxLength: 2_048, description: 'where it is sent, http or https' }),
    secretFile: Type.String({
      description:
        'file with the secret, 32 characters at least, that signs each body (HMAC-SHA256, field Weir-Signature)',
    }),
    allowInternal: Type.Boolean({
      default: false,
      description:
        'whether the address may be one that is not of the public Internet; else such an address is never connected to, whatever name leads to it',
    }),
    timeoutMs: milliseconds(5_000, 'how long one attempt may take'),
    attemptsMax: count(5, 20, 'attempts to deliver one event, with growing waits between them'),
  },
  strict,
);

export const orchestratorSchema = Type.Object(
  {
    api: Type.Object(
      {
        address: Type.String({
          default: '127.0.0.1:3030',
          description: 'API of the orchestrator, host:port, loopback only',
        }),
      },
      { ...strict, default: {} },
    ),
    fleet: Type.Optional(
      Type.Object(
        {
          ...fleetMember,
          neverBlock: fleet.properties.neverBlock,
        },
        {
          ...strict,
          description:
            'the fleet it is the control plane of, as the section of a node has it; without it only tokens and audit log are there',
        },
      ),
    ),
    nodes: Type.Object(
      {
        deadAfterMs: milliseconds(
          30_000,
          'without a beat for so long a node is dead; nodes beat each 10 s',
        ),
        forgetAfterMs: milliseconds(
          86_400_000,
          'a node that is gone or dead stays listed for so long',
        ),
        max: count(1_000, 10_000, 'nodes known at once; a further one is not registered'),
      },
      { ...strict, default: {} },
    ),
    gateway: Type.Object(
      {
        allow: Type.Array(Type.String(), {
          default: ['127.0.0.0/8', '::1/128'],
          maxItems: 64,
          description:
            'addresses and CIDR ranges where management APIs of nodes are; the gateway connects to a node that says another address of itself never',
        }),
        timeoutMs: milliseconds(30_000, 'how long a node may take to answer through the gateway'),
      },
      { ...strict, default: {} },
    ),
    rollouts: Type.Object(
      {
        hold: Type.Array(Type.String({ pattern: '^.+$', maxLength: 64 }), {
          default: [],
          maxItems: 16,
          description:
            'nodes with one of these tags (fleet.tags) are held out of every rollout and keep what they run',
        }),
      },
      { ...strict, default: {} },
    ),
    webhooks: Type.Array(webhook, {
      default: [],
      maxItems: 16,
      description: 'told when a node dies that nobody has stopped',
    }),
    audit: Type.Object(
      {
        entriesMax: count(
          1_000_000,
          10_000_000,
          'entries of the audit log; of more the oldest go, and the chain begins at the hash of the last that went',
        ),
      },
      { ...strict, default: {} },
    ),
    log: Type.Object(
      {
        level: oneOf(['debug', 'info', 'warn', 'error'], {
          default: 'info',
          description: "the orchestrator's own log, on standard error",
        }),
      },
      { ...strict, default: {} },
    ),
    state: Type.String({
      default: '.weir-orchestrator',
      description: 'directory for token, nodes, decisions, audit log and run file',
    }),
  },
  strict,
);

export type OrchestratorConfig = Static<typeof orchestratorSchema>;
export type WebhookConfig = Static<typeof webhook>;
