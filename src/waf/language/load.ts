/**
 * Files in, rule set out: the one way into `language/`.
 *
 *   sources in load order ─► directives ─► drafts, settings ─► exclusions ─► rules ─► folding ─► RuleSet
 *
 * Whatever is wrong becomes a problem with its place and its fix, and reading goes on, so that one run
 * shows all of them; a rule set with problems is not meant to be run. What is read and has no effect
 * here is noted.
 */
import { dirname, isAbsolute, join } from 'node:path';
import { nearestName } from '#core/nearest-name.ts';
import {
  applySetting,
  settingNames,
  settingsDraft,
  surroundingNames,
  surroundingReason,
} from './engine-settings.ts';
import {
  choiceById,
  choiceByPattern,
  type Exclusion,
  removeById,
  removeByPattern,
  updateActions,
  updateTargets,
} from './exclusions.ts';
import { expandGlob, hasWildcard } from './file-glob.ts';
import { languageLimits } from './limits.ts';
import { inOrder, ProblemList, RuleError, type RuleNote, type RuleProblem } from './problem.ts';
import { resolveRules } from './resolve.ts';
import { RuleBuilder } from './rule-builder.ts';
import { diskReader, type RuleReader } from './rule-reader.ts';
import type { Position, RuleSet } from './rule-set.ts';
import { SourceText, type Word } from './source-text.ts';
import { type Directive, TextReader } from './text-reader.ts';
import { parseUnicodeMap } from './unicode-map.ts';
import { type Refusal, refusalNamed } from './variable-kinds.ts';

export type RuleSource =
  | { readonly kind: 'file'; readonly path: string }
  /** Rules that lie in no file; `folder` is where their data files are looked for. */
  | {
      readonly kind: 'text';
      readonly name: string;
      readonly text: string;
      readonly folder: string;
    };

export type LoadedRules = {
  readonly ruleSet: RuleSet;
  /** In the order of the files. With any of them the rule set must not run. */
  readonly problems: readonly RuleProblem[];
  /** Beyond `problemsMax`. */
  readonly problemsDropped: number;
  readonly notes: readonly RuleNote[];
  /** Every file that was read, in order. */
  readonly files: readonly string[];
};

export type LoadOptions = {
  readonly reader?: RuleReader;
  /** Off: gates stay as they are written. */
  readonly isFolding?: boolean;
};

export function loadRules(sources: readonly RuleSource[], options: LoadOptions = {}): LoadedRules {
  const loader = new Loader(options.reader ?? diskReader);
  for (const source of sources) loader.source(source);
  return loader.finish(options.isFolding ?? true);
}

/** By name. */
export const refusedDirectives: Readonly<Record<string, Refusal>> = {
  SecRuleScript: {
    reason: 'Lua is not run',
    fix: 'write the check as a module (weir module new)',
  },
  SecRemoteRules: {
    reason: 'rules are not fetched while loading',
    fix: 'download them, look at them, name the file',
  },
  SecRuleUpdateTargetByIds: { reason: 'it has another name', fix: 'write SecRuleUpdateTargetById' },
};

class Loader {
  readonly #reader: RuleReader;
  readonly #problems = new ProblemList();
  readonly #notes: RuleNote[] = [];
  readonly #files: string[] = [];
  readonly #settings = settingsDraft();
  readonly #builder = new RuleBuilder();
  readonly #exclusions: Exclusion[] = [];
  /** Being read, each included by the one before it. */
  readonly #open: string[] = [];
  #bytes = 0;

  constructor(reader: RuleReader) {
    this.#reader = reader;
  }

  source(source: RuleSource): void {
    if (source.kind === 'text') {
      this.#read(new SourceText(source.name, source.text), source.folder, 0);
      return;
    }
    const position = { file: source.path, line: 1, column: 1 };
    this.#problems.catching(() => this.#file(source.path, position, 0));
  }

  finish(isFolding: boolean): LoadedRules {
    const { ruleSet, notes } = resolveRules(
      this.#builder.drafts,
      this.#exclusions,
      this.#settings,
      this.#problems,
      isFolding,
    );
    return {
      ruleSet,
      problems: inOrder(this.#problems.problems, this.#files),
      problemsDropped: this.#problems.dropped,
      notes: [...this.#notes, ...notes],
      files: this.#files,
    };
  }

  #file(path: string, from: Position, depth: number): void {
    if (this.#open.includes(path)) {
      throw new RuleError(
        from,
        `${path} is being read already: files include each other`,
        'break the circle',
      );
    }
    if (depth > languageLimits.includeDepthMax) {
      throw new RuleError(
        from,
        `files include each other more than ${languageLimits.includeDepthMax} deep`,
        'break the circle',
      );
    }
    if (this.#files.length >= languageLimits.filesMax) {
      throw new RuleError(from, `more than ${languageLimits.filesMax} files`, 'load fewer');
    }
    const text = this.#text(path, languageLimits.ruleFileBytesMax, from);
    this.#files.push(path);
    this.#open.push(path);
    this.#read(new SourceText(path, text), dirname(path), depth);
    this.#open.pop();
  }

  #text(path: string, bytesMax: number, from: Position): string {
    const left = languageLimits.bytesMax - this.#bytes;
    const answer = this.#reader.read(path, Math.min(bytesMax, left));
    if ('problem' in answer) {
      throw new RuleError(from, `${path} cannot be read: ${answer.problem}`, 'correct the name');
    }
    this.#bytes += answer.text.length;
    return answer.text;
  }

  #read(source: SourceText, folder: string, depth: number): void {
    const reader = new TextReader(source);
    let isAtEnd = false;
    let last: Position = { file: source.file, line: 1, column: 1 };
    while (!isAtEnd) {
      this.#problems.catching(() => {
        const directive = reader.next();
        if (directive === null) isAtEnd = true;
        else {
          last = directive.position;
          this.#directive(directive, folder, depth);
        }
      });
    }
    this.#problems.catching(() => this.#builder.endChain(last));
  }

  #directive(directive: Directive, folder: string, depth: number): void {
    const name = directive.name.toLowerCase();
    const builder = this.#builder;
    switch (name) {
      case 'secrule':
        builder.rule(directive, (file, position) => this.#data(file, folder, position));
        return;
      case 'secaction':
        builder.action(directive);
        return;
      case 'secmarker':
        builder.marker(directive);
        return;
      case 'secdefaultaction':
        builder.defaults(directive);
        return;
    }
    this.#problems.catching(() => builder.endChain(directive.position));
    if (name === 'include' || name === 'includeoptional') this.#include(directive, folder, depth);
    else if (name === 'secunicodemapfile') this.#unicodeMap(directive, folder);
    else if (applySetting(this.#settings, directive)) this.#engineNote(name, directive);
    else if (!this.#exclusion(name, directive)) {
      const reason = surroundingReason(name);
      if (reason === null) throw unknownDirective(directive);
      this.#notes.push({
        position: directive.position,
        message: `${directive.name} changes nothing: ${reason}`,
      });
    }
  }

  /** Who has rules that only detect must not find them blocking without a word. */
  #engineNote(name: string, { position }: Directive): void {
    const mode = this.#settings.ruleEngine;
    if (name !== 'secruleengine' || mode === 'on') return;
    const wanted = mode === 'off' ? 'off' : 'monitor';
    this.#notes.push({
      position,
      message: `SecRuleEngine does not decide whether a route is guarded: say waf: { mode: ${wanted} } in its configuration`,
    });
  }

  #data(file: string, folder: string, position: Position): string {
    return this.#text(besides(file, folder), languageLimits.dataFileBytesMax, position);
  }

  #include(directive: Directive, folder: string, depth: number): void {
    const word = directive.words[0];
    if (word === undefined || directive.words.length > 1 || word.text === '') {
      throw new RuleError(
        directive.position,
        `${directive.name} takes one path`,
        'write Include FILE',
      );
    }
    const position = word.positionAt(0);
    const path = besides(word.text, folder);
    const isOptional = directive.name.toLowerCase() === 'includeoptional';
    const paths = hasWildcard(path) ? expandGlob(path, this.#reader) : [path];
    if (paths.length === 0) {
      this.#notes.push({ position, message: `no file is named like ${path}` });
    }
    for (const one of paths) {
      if (isOptional && 'problem' in this.#reader.read(one, languageLimits.ruleFileBytesMax)) {
        this.#notes.push({ position, message: `${one} is not there, which is allowed` });
      } else this.#problems.catching(() => this.#file(one, position, depth + 1));
    }
  }

  #unicodeMap(directive: Directive, folder: string): void {
    const [file, page] = directive.words;
    if (file === undefined || page === undefined || !/^[0-9]{1,6}$/.test(page.text)) {
      throw new RuleError(
        page?.positionAt(0) ?? directive.position,
        'SecUnicodeMapFile takes a file and the number of a code page',
        'write SecUnicodeMapFile unicode.mapping 20127',
      );
    }
    const position = file.positionAt(0);
    const text = this.#data(file.text, folder, position);
    this.#settings.unicodeMap = parseUnicodeMap(text, Number(page.text), position);
  }

  /** Whether it is one of the directives that change rules standing elsewhere. */
  #exclusion(name: string, directive: Directive): boolean {
    const { words, position } = directive;
    const byTag = (word: Word) => choiceByPattern(word, 'tag');
    const byMessage = (word: Word) => choiceByPattern(word, 'msg');
    const make: Readonly<Record<string, () => Exclusion>> = {
      secruleremovebyid: () => removeById(directive.name, position, words),
      secruleremovebytag: () => removeByPattern(directive.name, position, words, 'tag'),
      secruleremovebymsg: () => removeByPattern(directive.name, position, words, 'msg'),
      secruleupdatetargetbyid: () => updateTargets(directive.name, position, words, choiceById),
      secruleupdatetargetbytag: () => updateTargets(directive.name, position, words, byTag),
      secruleupdatetargetbymsg: () => updateTargets(directive.name, position, words, byMessage),
      secruleupdateactionbyid: () => updateActions(directive.name, position, words),
    };
    const made = Object.hasOwn(make, name) ? make[name] : undefined;
    if (made !== undefined) this.#exclusions.push(made());
    return made !== undefined;
  }
}

function besides(file: string, folder: string): string {
  return isAbsolute(file) ? file : join(folder, file);
}

export const directiveNames: readonly string[] = [
  ...['SecRule', 'SecAction', 'SecMarker', 'SecDefaultAction', 'Include', 'IncludeOptional'],
  ...['SecRuleRemoveById', 'SecRuleRemoveByTag', 'SecRuleRemoveByMsg', 'SecUnicodeMapFile'],
  ...['SecRuleUpdateTargetById', 'SecRuleUpdateTargetByTag', 'SecRuleUpdateTargetByMsg'],
  'SecRuleUpdateActionById',
  ...settingNames,
  ...surroundingNames,
];

function unknownDirective(directive: Directive): RuleError {
  const { name, position } = directive;
  if (name.startsWith('<')) {
    return new RuleError(
      position,
      `${name} opens or closes a section of Apache, and there are none here`,
      'take its directives out of the section; which rules a route has is set in the configuration',
    );
  }
  const refused = refusalNamed(refusedDirectives, name);
  if (refused !== null)
    return new RuleError(position, `${refused.name} is refused: ${refused.reason}`, refused.fix);
  const near = nearestName(name, directiveNames);
  return new RuleError(
    position,
    `there is no directive ${name.slice(0, 60)}`,
    near === null
      ? 'remove it, or begin the line with # to keep it as a comment'
      : `did you mean ${near}?`,
  );
}
