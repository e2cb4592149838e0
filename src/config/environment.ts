/**
 * The environment names of the configuration, derived from the schema: `edge.limits.urlBytesMax` is
 * `WEIR_EDGE_LIMITS_URL_BYTES_MAX`. Only single values outside lists and maps have one.
 *
 * A `WEIR_` name that no key has is a problem: a misspelt setting that is silently left out is worse
 * than a start that fails.
 */
import { assert } from '#core/assert.ts';
import { nearestName } from '#core/nearest-name.ts';
import type { ConfigProblem } from './problem.ts';
import type { SchemaNode } from './schema-node.ts';
import type { Environment } from './variables.ts';
import { childPath, type SourceValue } from './yaml-source.ts';

export type EnvironmentNames = {
  /** What every name begins with. */
  readonly prefix: string;
  /** Names that begin so are another program's. */
  readonly foreign: string | null;
  /** Where they are listed. */
  readonly page: string;
};

export const orchestratorNames: EnvironmentNames = {
  prefix: 'WEIR_ORCHESTRATOR_',
  foreign: null,
  page: 'docs/reference/orchestrator.md',
};
export const nodeNames: EnvironmentNames = {
  prefix: 'WEIR_',
  foreign: orchestratorNames.prefix,
  page: 'docs/reference/config.md',
};

export type EnvironmentKey = {
  readonly keys: readonly string[];
  readonly path: string;
  readonly node: SchemaNode;
};

export type EnvironmentValues = {
  /** By path. */
  readonly values: ReadonlyMap<
    string,
    { readonly name: string; readonly keys: readonly string[]; readonly value: SourceValue }
  >;
  readonly problems: readonly ConfigProblem[];
};

/** `edge.limits.urlBytesMax` → `WEIR_EDGE_LIMITS_URL_BYTES_MAX`. */
export function environmentName(path: string, { prefix } = nodeNames): string {
  return (
    prefix +
    path
      .replaceAll('.', '_')
      .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
      .toUpperCase()
  );
}

/** Every key that has an environment name, by that name. */
export function environmentKeys(
  root: SchemaNode,
  names = nodeNames,
): ReadonlyMap<string, EnvironmentKey> {
  const found = new Map<string, EnvironmentKey>();
  const walk = (node: SchemaNode, keys: readonly string[], path: string): void => {
    if (node.kind === 'object') {
      for (const [key, property] of node.properties)
        walk(property.node, [...keys, key], childPath(path, key));
    } else if (node.kind !== 'array' && node.kind !== 'record') {
      const name = environmentName(path, names);
      assert(!found.has(name), `two keys of the schema have the environment name ${name}`);
      found.set(name, { keys, path, node });
    }
  };
  walk(root, [], '');
  return found;
}

export function readEnvironment(
  root: SchemaNode,
  environment: Environment,
  names: EnvironmentNames,
): EnvironmentValues {
  const { prefix, foreign, page } = names;
  const known = environmentKeys(root, names);
  const values = new Map<string, { name: string; keys: readonly string[]; value: SourceValue }>();
  const problems: ConfigProblem[] = [];
  for (const [name, text] of Object.entries(environment)) {
    if (!name.startsWith(prefix) || text === undefined) continue;
    if (foreign !== null && name.startsWith(foreign)) continue;
    const key = known.get(name);
    if (key === undefined) {
      const near = nearestName(name, [...known.keys()]);
      const fix = near === null ? `unset it; ${page} lists the names` : `did you mean ${near}?`;
      problems.push({
        path: name,
        message: 'no configuration key has this environment name',
        line: null,
        column: null,
        fix,
      });
    } else if (text === '') {
      const fix = 'unset it, or give it a value';
      problems.push({
        path: key.path,
        message: `the environment sets ${name} to nothing`,
        line: null,
        column: null,
        fix,
      });
    } else {
      values.set(key.path, { name, keys: key.keys, value: parseScalarText(key.node, text) });
    }
  }
  return { values, problems };
}

/** A text as the type its key wants; where it does not fit it stays text, and validation says so. */
export function parseScalarText(node: SchemaNode, text: string): SourceValue {
  switch (node.kind) {
    case 'integer':
      return /^-?[0-9]{1,15}$/.test(text) ? Number(text) : text;
    case 'boolean':
      return text === 'true' ? true : text === 'false' ? false : text;
    case 'literal':
      return String(node.value) === text ? node.value : text;
    case 'union':
      for (const member of node.members) {
        const value = parseScalarText(member, text);
        if (value !== text) return value;
      }
      return text;
    default:
      return text;
  }
}
