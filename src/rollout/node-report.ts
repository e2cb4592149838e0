/**
 * What a node says of its rules, each second while something moves and with each beat else: the very hashes it
 * runs, what became of each thing the fleet wants there, and its counters. It is an acknowledgement and a
 * measurement in one, and it repeats, so that one that is lost is made up by the next.
 *
 * Like a beat it changes nothing that is enforced, so it is not signed: the server of the bus lets each node
 * publish its own alone.
 */
import Type, { type Static } from 'typebox';
import { Check } from 'typebox/value';
import { memberPattern } from '#fleet/subjects.ts';
import { rulesName, sha256Text } from './content.ts';
import { healthSample } from './health.ts';
import { rolloutId, setItemsMax } from './rule-set.ts';

const strict = { additionalProperties: false };
const whole = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
const orNull = Type.Union([sha256Text, Type.Null()]);

export const reportBytesMax = 128 * 1024;
export const reasonCharactersMax = 400;

export const itemStates = [
  /** It runs what the fleet wants. */
  'live',
  /** The fleet wants nothing of it, and it runs its own. */
  'own',
  /** Its tags keep it out. */
  'held',
  /** On the way: to be fetched, or tried again in a moment. */
  'pending',
  /** It does not take it, and says why. */
  'refused',
  /** It had it, and runs something else: it failed there, or somebody at the node changed it. */
  'differs',
] as const;
export type ItemState = (typeof itemStates)[number];

export const reportItem = Type.Object(
  {
    kind: Type.Union([Type.Literal('module'), Type.Literal('policy')]),
    name: rulesName,
    rollout: rolloutId,
    state: Type.Unsafe<ItemState>(Type.Union(itemStates.map((state) => Type.Literal(state)))),
    /** Null: nothing of that name. */
    running: orNull,
    reason: Type.String({ maxLength: reasonCharactersMax }),
  },
  strict,
);

export const nodeReport = Type.Object(
  {
    v: Type.Literal(1),
    node: Type.String({ pattern: memberPattern }),
    atMs: whole,
    /** Another one is another process with counters of its own. */
    startedAtMs: whole,
    /** Of the newest set it has on its disk; 0 for none. */
    sequence: whole,
    /** Everything that runs, by name. */
    modules: Type.Record(Type.String({ maxLength: 64 }), sha256Text, { maxProperties: 64 }),
    policies: Type.Record(Type.String({ maxLength: 64 }), sha256Text, { maxProperties: 64 }),
    items: Type.Array(reportItem, { maxItems: setItemsMax }),
    health: Type.Union([healthSample, Type.Null()]),
  },
  strict,
);

export type ReportItem = Static<typeof reportItem>;
export type NodeReport = Static<typeof nodeReport>;

const decoder = new TextDecoder('utf-8', { fatal: true });

/** Null for what is none, or not of `from`, whom its subject names. */
export function parseReport(bytes: Uint8Array, from: string): NodeReport | null {
  if (bytes.length > reportBytesMax) return null;
  let value: unknown;
  try {
    value = JSON.parse(decoder.decode(bytes));
  } catch {
    return null;
  }
  return Check(nodeReport, value) && value.node === from ? value : null;
}
