/**
 * From a file and the environment to a configuration that is complete and of the right shape.
 *
 * ```
 * file (or embedded defaults) ─ YAML ─ ${VARIABLES} ─┐
 *                                   WEIR_ names ─────┴─ schema: check, fill defaults ─ file names ─► Config
 * ```
 *
 * The environment wins over the file, the file over the defaults. Every problem is reported at once.
 * Whether the parts fit each other and the machine (files, addresses, references) is `check.ts`.
 */
import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { TSchema } from 'typebox';
import { Check } from 'typebox/value';
import { assert } from '#core/assert.ts';
import { describeError } from '#core/errors.ts';
import type { Draft } from './draft.ts';
import { type EnvironmentNames, nodeNames, readEnvironment } from './environment.ts';
import { resolveFileNames } from './file-names.ts';
import { type ConfigProblem, sortProblems } from './problem.ts';
import { type Config, configSchema } from './schema.ts';
import { schemaNode } from './schema-node.ts';
import { validate } from './validate.ts';
import { type Environment, replaceVariables } from './variables.ts';
import { parseYamlSource, type SourcePosition, type SourceValue } from './yaml-source.ts';

export const configFileBytesMax = 1_048_576;

export type LoadOptions = {
  readonly file: string | null;
  readonly env: Environment;
  /** YAML text used where there is no file. */
  readonly defaults?: string;
};

/** Makes file names absolute. */
type Resolve<T> = (
  config: T,
  origins: ReadonlyMap<string, string>,
  baseDirectory: string,
  workingDirectory: string,
) => T;

/** What one program's configuration file is. */
export type ConfigKind<C> = {
  readonly schema: TSchema;
  readonly fits: (value: unknown) => value is C;
  readonly environment: EnvironmentNames;
  readonly resolve: Resolve<C>;
  readonly resolveDraft: Resolve<Draft<C>>;
};

export type LoadedConfig<C = Config> = {
  readonly ok: true;
  readonly config: C;
  /** Path of each value → `default`, `file:LINE` or `env NAME`. */
  readonly origins: ReadonlyMap<string, string>;
  /** Path of each key in the file → where it stands. Empty where the defaults are used. */
  readonly positions: ReadonlyMap<string, SourcePosition>;
  /** Of the effective configuration with its file names as written, so equal files are equal anywhere. */
  readonly sha256: string;
  /** The file's folder; the working directory where there is no file. */
  readonly baseDirectory: string;
  readonly file: string | null;
  /** As it was before the policies of a fleet were laid over it (`policy.ts`); absent without any. */
  readonly base?: LoadedConfig<C>;
};

/** What can be checked further, though something in it is wrong. */
export type LoadedDraft<C = Config> = Pick<LoadedConfig, 'origins' | 'positions'> & {
  readonly config: Draft<C>;
};

export type LoadFailure<C = Config> = {
  readonly ok: false;
  readonly problems: readonly ConfigProblem[];
  /** Null when there is nothing to look at: no file, or no YAML. */
  readonly draft: LoadedDraft<C> | null;
};

/** The configuration of a node. */
export function loadConfig(options: LoadOptions): LoadedConfig | LoadFailure {
  return loadAs(nodeConfig, options);
}

const nodeConfig: ConfigKind<Config> = {
  schema: configSchema,
  fits: (value): value is Config => Check(configSchema, value),
  environment: nodeNames,
  resolve: resolveFileNames,
  resolveDraft: resolveFileNames,
};

export function loadAs<C>(
  kind: ConfigKind<C>,
  options: LoadOptions,
): LoadedConfig<C> | LoadFailure<C> {
  const text = options.file === null ? (options.defaults ?? null) : readConfigFile(options.file);
  if (text === null)
    return failure(['there is no configuration', 'name a file with --config FILE']);
  if (typeof text !== 'string') return text;

  const root = schemaNode(kind.schema);
  const source = parseYamlSource(text);
  if (source.problems.length > 0)
    return { ok: false, problems: sortProblems(source.problems), draft: null };
  const variables = replaceVariables(source.value, options.env, source.positions);
  const environment = readEnvironment(root, options.env, kind.environment);
  for (const { keys, value } of environment.values.values()) setAt(variables.value, keys, value);
  const validated = validate(root, {
    value: variables.value,
    positions: source.positions,
    fromEnvironment: new Map([...environment.values].map(([path, { name }]) => [path, name])),
    replaced: variables.paths,
    sourceOrigin: options.file === null ? 'default' : null,
  });

  const problems = [...variables.problems, ...environment.problems, ...validated.problems];
  const { value, origins } = validated;
  const workingDirectory = process.cwd();
  const baseDirectory = options.file === null ? workingDirectory : dirname(resolve(options.file));
  const positions = options.file === null ? new Map() : source.positions;
  if (problems.length > 0) {
    const draft = (value ?? {}) as Draft<C>;
    const config = kind.resolveDraft(draft, origins, baseDirectory, workingDirectory);
    return { ok: false, problems: sortProblems(problems), draft: { config, origins, positions } };
  }
  assert(kind.fits(value), 'what passed the loader passes the schema');
  return {
    ok: true,
    config: kind.resolve(value, origins, baseDirectory, workingDirectory),
    origins,
    positions,
    sha256: createHash('sha256').update(canonicalJson(value)).digest('hex'),
    baseDirectory,
    file: options.file,
  };
}

/** JSON with sorted keys and no blanks: one text for one value. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, at: unknown) =>
    typeof at === 'object' && at !== null && !Array.isArray(at)
      ? Object.fromEntries(Object.entries(at).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : at,
  );
}

function readConfigFile(file: string): string | Failure {
  try {
    const { size } = statSync(file);
    if (size > configFileBytesMax) {
      return failure([
        `${file} holds ${size} bytes; at most ${configFileBytesMax} are read`,
        'split off what is no configuration',
      ]);
    }
    return new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(file));
  } catch (error) {
    if (error instanceof TypeError)
      return failure([`${file} is no UTF-8 text`, 'save it as UTF-8']);
    return failure([
      `${file} cannot be read: ${describeError(error)}`,
      'name a readable file with --config FILE',
    ]);
  }
}

/** With nothing to look at, whatever the schema. */
type Failure = LoadFailure<never> & { readonly draft: null };

function failure([message, fix]: readonly [string, string]): Failure {
  return {
    ok: false,
    problems: [{ path: '', message, line: null, column: null, fix }],
    draft: null,
  };
}

/** Where the file holds something else than a mapping on the way, that is reported and the value left out. */
function setAt(root: SourceValue, keys: readonly string[], value: SourceValue): void {
  let at = root;
  for (const [index, key] of keys.entries()) {
    if (!(at instanceof Map)) return;
    if (index === keys.length - 1) {
      at.set(key, value);
      return;
    }
    const next = at.get(key);
    if (next === undefined) {
      const made = new Map<string, SourceValue>();
      at.set(key, made);
      at = made;
    } else {
      at = next;
    }
  }
}
