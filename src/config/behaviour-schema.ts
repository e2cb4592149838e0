/** `behaviour`: what a client is blocked or challenged for by what it does over time. Off where it is left out. */
import Type, { type Static } from 'typebox';
import { oneOf, strict } from './schema-parts.ts';

const seconds = (fallback: number, description: string) =>
  Type.Integer({
    minimum: 1,
    maximum: 86_400,
    default: fallback,
    description: `${description} (s)`,
  });
const times = (fallback: number, description: string) =>
  Type.Integer({
    minimum: 0,
    maximum: 1_000_000_000,
    default: fallback,
    description: `${description}; 0: never`,
  });

const login = Type.Object(
  {
    path: Type.String({ pattern: '^/', maxLength: 1_024, description: 'where it is sent to' }),
    method: Type.String({
      pattern: '^[A-Z][A-Z-]{0,31}$',
      default: 'POST',
      description: 'by which method',
    }),
    user: Type.String({
      pattern: '^[!-~]{1,64}$',
      default: 'username',
      description: 'field of the form or key of the JSON object that names the user',
    }),
    failedStatus: Type.Array(Type.Integer({ minimum: 200, maximum: 599 }), {
      default: [401, 403, 422],
      maxItems: 16,
      description: 'statuses of an answer that says no',
    }),
    failedLocation: Type.Optional(
      Type.String({
        pattern: '^[!-~]{1,1024}$',
        description: 'how the Location of a redirect begins that says no',
      }),
    ),
    perAddress: times(10, 'failures of one address (IPv6: of one /64) within windowSeconds'),
    perUser: times(10, 'failures for one user, from wherever, within windowSeconds'),
    windowSeconds: seconds(600, 'in which so many failures are forgotten'),
    action: oneOf(['challenge', 'block'], {
      default: 'challenge',
      description:
        'what becomes of one that had more. challenge: its logins go on with a pass only. block: the address is on the block list, logins for the user get 429',
    }),
    holdSeconds: seconds(900, 'for how long'),
  },
  strict,
);

export const behaviour = Type.Object(
  {
    mode: oneOf(['block', 'monitor'], {
      default: 'block',
      description:
        'monitor: count and write down what would be blocked or challenged, and do neither',
    }),
    scope: oneOf(['node', 'fleet'], {
      default: 'node',
      description: 'where what is blocked is blocked',
    }),
    violations: Type.Object(
      {
        count: times(20, 'requests of one address stopped by rules or rates within windowSeconds'),
        windowSeconds: seconds(600, 'in which they count'),
        blockSeconds: seconds(3_600, 'how long the address is blocked the first time'),
        blockSecondsMax: seconds(
          86_400,
          'each further time twice as long, up to this; a first time again once it behaved for as long',
        ),
      },
      { ...strict, default: {} },
    ),
    errors: Type.Object(
      {
        count: times(50, 'answers 4xx or 5xx to one address within windowSeconds'),
        windowSeconds: seconds(60, 'in which they count'),
        blockSeconds: seconds(300, 'how long the address is blocked'),
      },
      { ...strict, default: {} },
    ),
    requests: Type.Object(
      {
        count: times(1_000, 'requests of one address within windowSeconds'),
        windowSeconds: seconds(60, 'in which they count'),
        blockSeconds: seconds(300, 'how long the address is blocked'),
      },
      { ...strict, default: {} },
    ),
    logins: Type.Array(login, {
      default: [],
      maxItems: 16,
      description: 'where people log in, and what an answer that says no looks like',
    }),
    baseline: Type.Object(
      {
        factor: Type.Integer({
          minimum: 0,
          maximum: 1_000,
          default: 3,
          description:
            'how many times the requests it has learned a route may get; beyond it they are challenged; 0: never',
        }),
        learnSeconds: Type.Integer({
          minimum: 60,
          maximum: 86_400,
          default: 3_600,
          description: 'the time it learns from, and before which it does nothing (s)',
        }),
        challengeSeconds: seconds(300, 'how long requests of the route are challenged then'),
        requestsMin: Type.Integer({
          minimum: 1,
          maximum: 1_000_000_000,
          default: 600,
          description:
            'requests of a route in a sixtieth of learnSeconds below which it does nothing, whatever it learned',
        }),
      },
      { ...strict, default: {} },
    ),
  },
  strict,
);

export type BehaviourSettings = Static<typeof behaviour>;
export type LoginSettings = Static<typeof login>;
