/**
 * Source values against the schema: every problem at once, in words for the person who wrote the file,
 * and the value with its defaults filled in.
 *
 * A value that is wrong comes back as `undefined`; whoever sees one problem uses no value at all.
 */

import { nearestName } from '#core/nearest-name.ts';
import { parseScalarText } from './environment.ts';
import type { ConfigProblem } from './problem.ts';
import type { SchemaNode } from './schema-node.ts';
import { keyHint, valueHint } from './value-hints.ts';
import { childPath, type SourcePosition, type SourceValue } from './yaml-source.ts';

export type ValidateInput = {
  readonly value: SourceValue;
  readonly positions: ReadonlyMap<string, SourcePosition>;
  /** Path → environment name, for values the environment gave. */
  readonly fromEnvironment: ReadonlyMap<string, string>;
  /** Texts that held a variable, and may become another type. */
  readonly replaced: ReadonlySet<string>;
  /** What the origin of a value in the source is called; null for the line it stands on. */
  readonly sourceOrigin: string | null;
};

export type Validated = {
  readonly value: unknown;
  readonly origins: ReadonlyMap<string, string>;
  readonly problems: readonly ConfigProblem[];
};

export function validate(root: SchemaNode, input: ValidateInput): Validated {
  const validator = new Validator(input);
  const value = validator.check(root, input.value, '');
  return { value, origins: validator.origins, problems: validator.problems };
}

type Node<K extends SchemaNode['kind']> = Extract<SchemaNode, { readonly kind: K }>;

class Validator {
  readonly origins = new Map<string, string>();
  readonly problems: ConfigProblem[] = [];
  readonly #input: ValidateInput;

  constructor(input: ValidateInput) {
    this.#input = input;
  }

  check(node: SchemaNode, value: SourceValue, path: string): unknown {
    if (value === null) {
      const fix = path === '' ? 'see config/minimal.yaml' : 'give it one, or leave the key out';
      return this.#problem(path, path === '' ? 'the configuration is empty' : 'has no value', fix);
    }
    switch (node.kind) {
      case 'any':
        this.#origin(path);
        return plain(value);
      case 'object':
        return value instanceof Map
          ? this.#object(node, value, path)
          : this.#wrongType(node, value, path);
      case 'record':
        return value instanceof Map
          ? this.#record(node, value, path)
          : this.#wrongType(node, value, path);
      case 'array':
        return Array.isArray(value)
          ? this.#array(node, value, path)
          : this.#wrongType(node, value, path);
      default:
        return this.#scalar(node, value, path);
    }
  }

  #object(node: Node<'object'>, value: ReadonlyMap<string, SourceValue>, path: string): unknown {
    const known = [...node.properties.keys()];
    for (const key of value.keys()) {
      if (node.properties.has(key)) continue;
      const near = nearestName(
        key,
        known.filter((name) => !value.has(name)),
      );
      const fix =
        keyHint(node.properties, key) ??
        (near === null ? `known here: ${known.join(', ')}` : `did you mean ${near}?`);
      this.#problem(childPath(path, key), 'is no key of the configuration', fix);
    }
    const result: Record<string, unknown> = {};
    for (const [key, property] of node.properties) {
      const at = childPath(path, key);
      const given = value.get(key);
      if (given !== undefined) {
        result[key] = this.check(property.node, given, at);
      } else if (property.node.fallback !== undefined) {
        result[key] = this.#fallback(property.node, at);
      } else if (property.required) {
        this.#problem(at, 'is missing', describeKey(property.node), path);
      }
    }
    return result;
  }

  #record(node: Node<'record'>, value: ReadonlyMap<string, SourceValue>, path: string): unknown {
    if (value.size > node.entriesMax) {
      return this.#problem(path, `holds ${value.size} names; at most ${node.entriesMax} go here`);
    }
    const pattern = new RegExp(node.namePattern, 'u');
    const result: Record<string, unknown> = {};
    for (const [name, entry] of value) {
      const at = childPath(path, name);
      if (!pattern.test(name)) {
        this.#problem(
          at,
          `${JSON.stringify(name)} is no name for an entry here`,
          'a-z, 0-9, "-" and "_", at most 63, a letter or digit first',
        );
        continue;
      }
      result[name] = this.check(node.entry, entry, at);
    }
    return result;
  }

  #array(node: Node<'array'>, value: readonly SourceValue[], path: string): unknown {
    if (value.length < node.itemsMin) {
      return this.#problem(
        path,
        `holds ${value.length} entries; at least ${node.itemsMin} must stand here`,
      );
    }
    if (value.length > node.itemsMax) {
      return this.#problem(path, `holds ${value.length} entries; at most ${node.itemsMax} go here`);
    }
    this.#origin(path);
    return value.map((item, index) => this.check(node.items, item, childPath(path, index)));
  }

  #scalar(node: SchemaNode, given: SourceValue, path: string): unknown {
    const value =
      typeof given === 'string' && this.#input.replaced.has(path)
        ? parseScalarText(node, given)
        : given;
    if (!fits(node, value)) return this.#wrongType(node, value, path);
    this.#origin(path);
    return value;
  }

  #wrongType(node: SchemaNode, value: SourceValue, path: string): undefined {
    const name = this.#input.fromEnvironment.get(path);
    const must = `must be ${expectation(node)}, not ${describeValue(value)}`;
    return this.#problem(
      path,
      name === undefined ? must : `${must} (environment ${name})`,
      valueHint(node, value, path),
    );
  }

  #fallback(node: SchemaNode, path: string): unknown {
    if (node.kind === 'object') return this.#object(node, new Map(), path);
    this.origins.set(path, 'default');
    return structuredClone(node.fallback);
  }

  #origin(path: string): void {
    const name = this.#input.fromEnvironment.get(path);
    const line = this.#input.positions.get(path)?.line;
    const source = this.#input.sourceOrigin ?? (line === undefined ? 'file' : `file:${line}`);
    this.origins.set(path, name === undefined ? source : `env ${name}`);
  }

  /** A missing key is placed where its parent stands. */
  #problem(path: string, message: string, fix?: string, placedAt = path): undefined {
    const fromFile = !this.#input.fromEnvironment.has(path);
    const position = fromFile ? this.#input.positions.get(placedAt) : undefined;
    const place = { line: position?.line ?? null, column: position?.column ?? null };
    this.problems.push({ path, message, ...place, ...(fix === undefined ? {} : { fix }) });
  }
}

/** What a module is told has no schema here: maps become objects, all else stays. */
function plain(value: SourceValue): unknown {
  if (value instanceof Map)
    return Object.fromEntries([...value].map(([key, entry]) => [key, plain(entry)]));
  return Array.isArray(value) ? value.map(plain) : value;
}

function fits(node: SchemaNode, value: SourceValue): boolean {
  switch (node.kind) {
    case 'string':
      if (typeof value !== 'string' || value.length > node.charactersMax) return false;
      return node.pattern === null || new RegExp(node.pattern, 'u').test(value);
    case 'integer':
      return (
        Number.isSafeInteger(value) &&
        Number(value) >= node.minimum &&
        Number(value) <= node.maximum
      );
    case 'boolean':
      return typeof value === 'boolean';
    case 'literal':
      return value === node.value;
    case 'union':
      return node.members.some((member) => fits(member, value));
    case 'array':
      // Beside a single value, as kernel.interface has it; a list alone is checked entry by entry.
      return (
        Array.isArray(value) &&
        value.length >= node.itemsMin &&
        value.length <= node.itemsMax &&
        value.every((item) => fits(node.items, item))
      );
    default:
      return false;
  }
}

/** What a key wants, to follow "must be". */
export function expectation(node: SchemaNode): string {
  switch (node.kind) {
    case 'object':
      return `a mapping with ${[...node.properties.keys()].join(', ')}`;
    case 'record':
      return 'a mapping of names to entries';
    case 'array':
      return 'a list';
    case 'string':
      if (node.pattern === '^/') return 'text that begins with "/"';
      if (node.pattern !== null) return `text that matches ${node.pattern}`;
      return `text of at most ${node.charactersMax} characters`;
    case 'integer':
      return `a whole number from ${node.minimum} to ${node.maximum}`;
    case 'any':
      return 'any value';
    case 'boolean':
      return 'true or false';
    case 'literal':
      return String(node.value);
    case 'union':
      return listed(node.members.map(expectation));
  }
}

function listed(parts: readonly string[]): string {
  const last = parts.at(-1) ?? '';
  return parts.length < 2 ? last : `${parts.slice(0, -1).join(', ')} or ${last}`;
}

function describeKey(node: SchemaNode): string | undefined {
  return node.description ?? `it must be ${expectation(node)}`;
}

function describeValue(value: SourceValue): string {
  if (value instanceof Map) return 'a mapping';
  if (Array.isArray(value)) return 'a list';
  const text = JSON.stringify(value);
  return text.length > 80 ? `${text.slice(0, 79)}…` : text;
}
