/** Names that `*` and `?` stand for, folder by folder, in the order of their bytes. */
import { join } from 'node:path';
import type { RuleReader } from './rule-reader.ts';

/** Matches beyond this are not looked for. */
const matchesMax = 2_000;

export function hasWildcard(path: string): boolean {
  return path.includes('*') || path.includes('?');
}

/** `path` is absolute or stands for itself below the current folder. */
export function expandGlob(path: string, reader: RuleReader): readonly string[] {
  const parts = path.split('/');
  let found = [parts[0] === '' ? '/' : '.'];
  for (const [index, part] of parts.entries()) {
    if (part === '') continue;
    if (!hasWildcard(part)) {
      found = found.map((folder) => join(folder, part));
      continue;
    }
    found = found.flatMap((folder) =>
      (reader.list(folder) ?? [])
        .filter((name) => matchesName(name, part))
        .sort()
        .map((name) => join(folder, name)),
    );
    if (index < parts.length - 1) found = found.slice(0, matchesMax);
  }
  return found.slice(0, matchesMax);
}

/** One step back at the last star is enough, so this is quadratic at worst. */
export function matchesName(name: string, pattern: string): boolean {
  if (name.startsWith('.') && !pattern.startsWith('.')) return false;
  let at = 0;
  let inPattern = 0;
  let star = -1;
  let resume = 0;
  while (at < name.length) {
    if (pattern[inPattern] === '*') {
      star = inPattern++;
      resume = at;
    } else if (
      inPattern < pattern.length &&
      (pattern[inPattern] === '?' || pattern[inPattern] === name[at])
    ) {
      at++;
      inPattern++;
    } else if (star !== -1) {
      inPattern = star + 1;
      at = ++resume;
    } else return false;
  }
  while (pattern[inPattern] === '*') inPattern++;
  return inPattern === pattern.length;
}
