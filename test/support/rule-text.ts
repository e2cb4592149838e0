/** SecLang given as text, and read from a map of files instead of a disk. */
import { type LoadedRules, loadRules } from '#waf/language/load.ts';
import type { RuleReader } from '#waf/language/rule-reader.ts';
import type { Rule } from '#waf/language/rule-set.ts';

export type RuleFiles = Readonly<Record<string, string>>;

/** Files of one folder, `/rules`. */
export function readerOf(files: RuleFiles): RuleReader {
  const nameOf = (path: string): string => path.replace(/^\/rules\//, '');
  return {
    read(path, bytesMax) {
      const text = Object.hasOwn(files, nameOf(path)) ? files[nameOf(path)] : undefined;
      if (text === undefined) return { problem: 'there is no such file' };
      if (text.length > bytesMax) return { problem: `it has ${text.length} bytes` };
      return { text };
    },
    list(folder) {
      if (!/^\/rules\/?$/.test(folder)) return null;
      return Object.keys(files);
    },
  };
}

export function loadText(text: string, files: RuleFiles = {}, isFolding = true): LoadedRules {
  const source = { kind: 'text' as const, name: 'test.conf', text, folder: '/rules' };
  return loadRules([source], { reader: readerOf(files), isFolding });
}

/** `line:column message` of each. */
export function problemsOf(loaded: LoadedRules): string[] {
  return loaded.problems.map(
    ({ position, message }) => `${position.line}:${position.column} ${message}`,
  );
}

/** Rules of a text that must be in order. */
export function rulesOf(text: string, files: RuleFiles = {}, isFolding = false): Rule[] {
  const loaded = loadText(text, files, isFolding);
  if (loaded.problems.length > 0) throw new Error(problemsOf(loaded).join('\n'));
  return loaded.ruleSet.rules.filter((rule) => rule.kind === 'rule');
}
