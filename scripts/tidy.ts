/** Reads the tree, less what `.gitignore` names, and puts it before the rules of `tidy-rules.ts`. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, matchesGlob } from 'node:path';
import { type Tree, tidyRules } from './tidy-rules.ts';

/** Everything that is wrong, one line each. */
export function tidy(root: string): string[] {
  const tree = readTree(root);
  return Object.values(tidyRules).flatMap((rule) => rule(tree));
}

const probeBytes = 8_192;

export function readTree(root: string): Tree {
  const ignored = readFileSync(join(root, '.gitignore'), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  const tree = new Map<string, string | null>();
  const walk = (folder: string): void => {
    for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
      if (entry.name === '.git' || isIgnored(ignored, path, entry.isDirectory())) continue;
      if (entry.isDirectory()) walk(path);
      else if (entry.isFile()) tree.set(path, readText(join(root, path)));
    }
  };
  walk('');
  return tree;
}

/** As much of the pattern language as our own file uses: `folder/`, `*.ext`, `path/*.ext`. */
function isIgnored(patterns: readonly string[], path: string, isFolder: boolean): boolean {
  return patterns.some((pattern) => {
    if (pattern.endsWith('/')) return isFolder && matchesGlob(path, `**/${pattern.slice(0, -1)}`);
    return matchesGlob(path, pattern.includes('/') ? pattern : `**/${pattern}`);
  });
}

/** Null for what holds a zero byte, as git tells a binary. */
function readText(file: string): string | null {
  const bytes = readFileSync(file);
  return bytes.subarray(0, probeBytes).includes(0) ? null : bytes.toString('utf8');
}
