/** What SecLang files on a disk say, for those who are above `waf/` and may not see its types. */
import { readFileSync, statSync } from 'node:fs';
import { readByteText } from '#core/byte-text.ts';
import { WeirError } from '#core/errors.ts';
import { installedCrsFolder } from '#core/installed-rules.ts';
import { type LoadedRules, loadRules, type RuleSource } from '#waf/language/load.ts';
import { inOrder, type RuleNote, type RuleProblem } from '#waf/language/problem.ts';
import { findDebianRules, findRuleFolder, sourcesOf } from '#waf/language/rule-files.ts';
import { diskReader } from '#waf/language/rule-reader.ts';
import type { Disposition, EngineSettings, RuleSet } from '#waf/language/rule-set.ts';
import { buildImage } from '#waf/rules/build-image.ts';
import { CompiledMatchers } from '#waf/rules/compiled-matchers.ts';
import type { Matchers } from '#waf/rules/matchers.ts';

export type RuleFate = Disposition;
export type RulePlace = Disposition['position'];

export type RuleReport = {
  readonly files: readonly string[];
  readonly problems: readonly RuleProblem[];
  readonly problemsDropped: number;
  readonly notes: readonly RuleNote[];
  readonly fates: readonly RuleFate[];
  readonly settings: EngineSettings;
};

export function checkRules(paths: readonly string[], isFolding: boolean): RuleReport {
  const loaded: LoadedRules = loadRules(paths.flatMap(sourcesAt), { isFolding });
  const { files, problems, problemsDropped, notes, ruleSet } = loaded;
  const { dispositions, settings } = ruleSet;
  const report = { files, problemsDropped, notes, settings };
  const refused = notRun(ruleSet);
  const reasons = new Map(refused.map(({ position, message }) => [position, message]));
  const fates = dispositions.map((fate): RuleFate => {
    const reason = reasons.get(fate.position);
    return reason === undefined ? fate : { ...fate, fate: 'refused', reason };
  });
  return { ...report, problems: inOrder([...problems, ...refused], files), fates };
}

/** What reads well and cannot be run is found by laying it out, as a build does. */
function notRun(ruleSet: RuleSet): RuleProblem[] {
  return buildImage(ruleSet, matchersOfCheck()).refused.map(({ rule, reason }) => ({
    position: rule.position,
    message: reason,
    fix: `make it smaller, or leave it out: SecRuleRemoveById ${rule.id}`,
  }));
}

const nothing = new Uint8Array();

/**
 * Patterns were parsed as the rules were read, and compiling all of them takes seconds: those alone are
 * compiled that may come to more than an automaton holds.
 */
function matchersOfCheck(): Matchers {
  const compiled = new CompiledMatchers();
  return {
    pattern: (source) =>
      mayBeTooLarge(source)
        ? compiled.pattern(source)
        : { bytes: nothing, kind: 'constant', stateCount: 0 },
    captures: (source) => (mayBeTooLarge(source) ? compiled.captures(source) : nothing),
    phraseSet: (phrases) => compiled.phraseSet(phrases),
    cover: () => 0n,
    parts: (member) => [member],
    bytesMin: () => 0,
    scanSet: () => nothing,
  };
}

/** Its bytes, times how often it says that something is repeated, one in the other. */
function mayBeTooLarge(source: string): boolean {
  let repeats = 1;
  for (const [, from = '', to = ''] of source.matchAll(/\{(\d+)(?:,(\d*))?\}/g))
    repeats *= Math.max(1, Number(to === '' ? from : to));
  return source.length * repeats > compiledBytesMin;
}

/** Far below what an automaton holds (`automatonItemsMax`). */
const compiledBytesMin = 20_000;

/** Of Debian's package, which lies where its maintainers put it. */
export function installedRules(): string {
  if (findDebianRules(diskReader) !== null) return installedCrsFolder;
  throw new WeirError(
    'RULES_UNREADABLE',
    'no rules are named, and no package of them is installed',
    {
      details: ['apt-get install modsecurity-crs, or weir rules fetch, or name a folder'],
    },
  );
}

/** A folder is read in the order of its layout, a file alone. */
export function sourcesAt(path: string): readonly RuleSource[] {
  const status = statSync(path, { throwIfNoEntry: false });
  if (status === undefined) throw new WeirError('RULES_UNREADABLE', `${path} is not there`);
  if (!status.isDirectory()) return [{ kind: 'file', path }];
  const folder = findRuleFolder(path, diskReader);
  if (folder !== null) return sourcesOf(folder);
  throw new WeirError('RULES_UNREADABLE', `${path} holds no rules`, {
    details: [
      'a folder of rules has *.conf files, or crs-setup.conf and rules/ as a Core Rule Set release',
    ],
  });
}

/** What stands at a place, cut around its column; null where the file cannot be read. */
export function excerptAt({ file, line, column }: RulePlace): string | null {
  let text: string;
  try {
    text = readFileSync(file, 'latin1').split('\n')[line - 1] ?? '';
  } catch {
    return null;
  }
  const from = Math.max(0, column - 1 - 40);
  const cut = text.slice(from, from + excerptCharactersMax).trim();
  return `${from > 0 ? '…' : ''}${readByteText(cut)}${from + excerptCharactersMax < text.length ? '…' : ''}`;
}

const excerptCharactersMax = 100;
