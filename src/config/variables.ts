/**
 * `${NAME}` in a text of the configuration file → the environment's value; `$${NAME}` stays `${NAME}`.
 *
 * Replaced text is not read again, so a value cannot name further variables, and it is text inside one
 * YAML scalar already parsed: it cannot add keys. A value made wholly or partly of variables may still
 * become a number where the schema wants one (`urlBytesMax: ${URL_BYTES}`).
 */
import type { ConfigProblem } from './problem.ts';
import { childPath, type SourcePosition, type SourceValue } from './yaml-source.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

export type Replaced = {
  readonly value: SourceValue;
  /** Paths of the texts that held a variable. */
  readonly paths: ReadonlySet<string>;
  readonly problems: readonly ConfigProblem[];
};

export function replaceVariables(
  value: SourceValue,
  environment: Environment,
  positions: ReadonlyMap<string, SourcePosition>,
): Replaced {
  const paths = new Set<string>();
  const problems: ConfigProblem[] = [];

  const walk = (at: SourceValue, path: string): SourceValue => {
    if (typeof at === 'string') return text(at, path);
    if (Array.isArray(at)) return at.map((item, index) => walk(item, childPath(path, index)));
    if (at instanceof Map) {
      return new Map([...at].map(([key, item]) => [key, walk(item, childPath(path, key))]));
    }
    return at;
  };

  const text = (source: string, path: string): string =>
    source.replace(
      /(\$?)\$\{([^}]*)(\}?)/g,
      (whole, dollar: string, name: string, close: string) => {
        if (dollar !== '') return whole.slice(1);
        const { line, column } = positions.get(path) ?? { line: null, column: null };
        if (close === '' || !/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
          problems.push({
            path,
            line,
            column,
            message: `holds ${JSON.stringify(whole)}, which names no variable`,
            fix: `write \${NAME} for a variable, or $${whole} for the text itself`,
          });
          return whole;
        }
        paths.add(path);
        const found = environment[name];
        if (found === undefined) {
          problems.push({
            path,
            line,
            column,
            message: `needs the environment variable ${name}, which is not set`,
            fix: `set ${name}, or write $\${${name}} for the text itself`,
          });
          return whole;
        }
        return found;
      },
    );

  return { value: walk(value, ''), paths, problems };
}
