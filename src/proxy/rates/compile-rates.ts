/** `rates` of the configuration, compiled once: what a request is compared with, and the size of its buckets. */
import type { Rate } from '#config/rate-schema.ts';
import { type KeyPart, parseKeyPart } from './rate-key.ts';

export type CompiledRate = {
  /** `rate/NAME`: no module can be called so, and what is kept of modules is kept of it too. */
  readonly name: string;
  readonly mode: Rate['mode'];
  readonly scope: Rate['scope'];
  /** Null: any. */
  readonly route: string | null;
  readonly path: string | null;
  readonly methods: ReadonlySet<string> | null;
  readonly key: readonly KeyPart[];
  /** Tokens in a full bucket, and in how long an empty one fills. */
  readonly capacity: number;
  readonly periodSeconds: number;
  /** 0: none. */
  readonly penaltySeconds: number;
};

/** Checklist: who goes beyond a limit is kept out for five minutes. */
const penaltySecondsDefault = 300;

/** What modules, hubs and stores know a rate as. */
export const rateName = (name: string): string => `rate/${name}`;

export function compileRates(rates: readonly Rate[]): readonly CompiledRate[] {
  return rates.map(compileRate);
}

function compileRate(rate: Rate): CompiledRate {
  const { match, limit, perSeconds, scope, mode, key } = rate;
  const capacity = rate.burst ?? limit * 2;
  const periodSeconds = (capacity * perSeconds) / limit;
  return {
    name: rateName(rate.name),
    mode,
    scope,
    route: match.route ?? null,
    path: match.path === '/' ? null : match.path,
    methods: match.methods.length === 0 ? null : new Set(match.methods),
    key: key.map(parseKeyPart),
    capacity,
    // Windows over the fleet travel in whole milliseconds.
    periodSeconds: scope === 'fleet' ? Math.max(1, Math.round(periodSeconds)) : periodSeconds,
    penaltySeconds:
      rate.penaltySeconds ?? (mode === 'block' && key.length > 0 ? penaltySecondsDefault : 0),
  };
}
