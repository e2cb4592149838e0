/**
 * Patterns and phrases of the Core Rule Set as it lies in `../shared/crs`, read with as little of SecLang as
 * that takes: operators' arguments with their `\"` undone.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { missingShared, sharedFolder } from './shared-file.ts';

export type CrsPattern = {
  readonly id: number;
  readonly source: string;
  readonly paranoia: number;
  readonly phase: number;
};

export const withoutCrs = missingShared('crs/rules');
const folder = join(sharedFolder, 'crs/rules');

/** Distinct, without those that hold macros. */
export function crsPatterns(): readonly CrsPattern[] {
  const patterns = new Map<string, CrsPattern>();
  let head: CrsPattern | null = null;
  for (const line of directives()) {
    const words = [...line.matchAll(/"((?:\\.|[^"\\])*)"|(\S+)/gs)];
    if (words[0]?.[0] !== 'SecRule') continue;
    const operator = (words[2]?.[1] ?? words[2]?.[2] ?? '').replaceAll('\\"', '"');
    const actions = words[3]?.[1] ?? '';
    const found = /^!?@rx (.*)$/s.exec(operator)?.[1] ?? (/^!?@/.test(operator) ? null : operator);
    const id: number = Number(/\bid:(\d+)/.exec(actions)?.[1] ?? head?.id ?? 0);
    const own: CrsPattern = {
      id,
      source: found ?? '',
      paranoia: Number(/paranoia-level\/(\d)/.exec(actions)?.[1] ?? head?.paranoia ?? 0),
      phase: Number(/phase:(\d)/.exec(actions)?.[1] ?? head?.phase ?? 2),
    };
    if (found !== null && !found.includes('%{')) {
      const known = patterns.get(found);
      if (known === undefined || known.paranoia > own.paranoia) patterns.set(found, own);
    }
    head = /(?:^|,)\s*\\?\s*chain\b/m.test(actions) ? (head ?? own) : null;
  }
  return [...patterns.values()];
}

/** Each `@pm` and `@pmFromFile`, by where it is from. */
export function crsPhrases(): ReadonlyMap<string, readonly string[]> {
  const sets = new Map<string, readonly string[]>();
  for (const line of directives()) {
    const found = /"!?@(pm|pmFromFile) ((?:\\.|[^"\\])*)"/s.exec(line);
    if (found === null) continue;
    const [, operator, argument = ''] = found;
    if (operator === 'pm') sets.set(argument, argument.split(/\s+/).filter(Boolean));
    else
      for (const file of argument.split(/\s+/))
        sets.set(
          file,
          readFileSync(join(folder, file), 'latin1')
            .split(/\r?\n/)
            .map((text) => text.trim())
            .filter((text) => text !== '' && !text.startsWith('#')),
        );
  }
  return sets;
}

function directives(): readonly string[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.conf'))
    .toSorted()
    .flatMap((name) =>
      readFileSync(join(folder, name), 'latin1')
        .replace(/\\\n[ \t]*/g, '')
        .split('\n')
        .map((line) => line.trim())
        .filter((line) => line.startsWith('Sec')),
    );
}
