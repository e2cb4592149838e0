/** `waf.challenge`: what a client has to do whose request a module challenges. */
import Type, { type Static } from 'typebox';
import { strict } from './schema-parts.ts';

export const challenge = Type.Object(
  {
    difficultyBits: Type.Integer({
      minimum: 1,
      maximum: 26,
      default: 20,
      description:
        'leading zero bits of the SHA-256 a browser has to find; one more doubles its work, and passes of less work no longer count (bits)',
    }),
    passMinutes: Type.Integer({
      minimum: 1,
      maximum: 1_440,
      default: 30,
      description:
        'how long a solved challenge counts, from the last moment it could be solved: five minutes after it was given (minutes)',
    }),
  },
  { ...strict, default: {} },
);

export type ChallengeSettings = Static<typeof challenge>;
