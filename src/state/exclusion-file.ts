/**
 * Exclusions that people made from events, in `exclusions.json` of the state directory: what a rule set is not to look
 * at beside what the configuration says. Replaced as a whole, so that a power cut leaves the old ones or the new.
 *
 * Whoever compiles a rule set reads them here: a start, a reload and an upgrade have them without being told.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import Type, { type Static } from 'typebox';
import { Check } from 'typebox/value';
import { describeError, WeirError } from '#core/errors.ts';
import { writePrivateFile } from './private-file.ts';

export const exclusionsFile = 'exclusions.json';
export const exclusionsMax = 512;

const strict = { additionalProperties: false };
const orNull = <const T extends Type.TSchema>(schema: T) => Type.Union([schema, Type.Null()]);
/** People's words are printed on terminals. */
const words = Type.String({ maxLength: 500, pattern: '^[^\\u0000-\\u001f\\u007f-\\u009f]*$' });
const atMs = Type.Integer({ minimum: 0 });

/** Patterns as in the configuration (`seclang-schema.ts`): they become text of SecLang. */
export const storedExclusion = Type.Object(
  {
    id: Type.String({ pattern: '^x[1-9][0-9]{0,8}$' }),
    ruleSet: Type.String({ maxLength: 63 }),
    host: Type.Optional(Type.String({ pattern: '^[a-z0-9_.-]{1,253}$' })),
    path: orNull(Type.String({ pattern: '^/[^\\s"\\\\]*$', maxLength: 1_024 })),
    exact: Type.Boolean(),
    parameters: Type.Array(
      Type.String({ pattern: '^[A-Z_]+(?::[^\\s",;\'\\\\]{1,256})?$', maxLength: 300 }),
      { maxItems: 64 },
    ),
    rules: Type.Array(Type.String({ pattern: '^[0-9]{1,9}$' }), { minItems: 1, maxItems: 256 }),
    event: Type.String({ maxLength: 64 }),
    reason: words,
    owner: words,
    createdAtMs: atMs,
    /** Null: until it is removed. */
    expiresAtMs: orNull(atMs),
  },
  strict,
);
export type StoredExclusion = Static<typeof storedExclusion>;

const shape = Type.Object(
  {
    v: Type.Literal(1),
    nextId: Type.Integer({ minimum: 1 }),
    exclusions: Type.Array(storedExclusion, { maxItems: exclusionsMax }),
  },
  strict,
);
export type ExclusionFile = Static<typeof shape>;

/** Throws STATE_UNUSABLE where the file is not what was written. */
export function readExclusionFile(state: string): ExclusionFile {
  const path = join(state, exclusionsFile);
  let content: string;
  try {
    content = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT')
      return { v: 1, nextId: 1, exclusions: [] };
    throw unusable(path, describeError(error));
  }
  try {
    const value: unknown = JSON.parse(content);
    if (Check(shape, value)) return value;
  } catch (error) {
    throw unusable(path, describeError(error));
  }
  throw unusable(path, 'it is not of the form that was written');
}

export function writeExclusionFile(state: string, file: ExclusionFile): Promise<void> {
  return writePrivateFile(join(state, exclusionsFile), `${JSON.stringify(file, null, 1)}\n`);
}

/** Those of a rule set that are in force, as its compiler takes them. */
export function readExclusions(
  state: string,
  ruleSet: string,
  nowMs: number,
): {
  host: string | null;
  path: string | null;
  exact: boolean;
  parameters: string[];
  rules: string[];
  tags: string[];
}[] {
  return readExclusionFile(state)
    .exclusions.filter((one) => one.ruleSet === ruleSet && isInForce(one, nowMs))
    .map(({ host = null, path, exact, parameters, rules }) => ({
      ...{ host, path, exact, parameters, rules },
      tags: [],
    }));
}

export const isInForce = ({ expiresAtMs }: StoredExclusion, nowMs: number): boolean =>
  expiresAtMs === null || expiresAtMs > nowMs;

const unusable = (path: string, why: string): WeirError =>
  new WeirError(
    'STATE_UNUSABLE',
    `${path} cannot be used: ${why}; restore it from a copy, or move it away to start without the exclusions made from events`,
  );
