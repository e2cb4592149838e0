/**
 * Directives that change or remove rules which stand elsewhere.
 *
 * They are collected while files are read and applied at the end, in their order, to all rules, as
 * ModSecurity 3 does. Version 2 applies each to the rules above it alone and says nothing when there are
 * none: an exclusion in the wrong file is then dead text. Ids are unique, so nothing else differs. One
 * that still meets no rule is noted.
 */
import { type Action, parseActions } from './action-list.ts';
import { type IdRange, isInRange, parseIdRange } from './id-range.ts';
import { RuleError } from './problem.ts';
import { actionValues, type RuleDraft } from './rule-draft.ts';
import type { Position, Target } from './rule-set.ts';
import { searchPattern } from './search-pattern.ts';
import type { Word } from './source-text.ts';
import { parseTargets } from './target-list.ts';

export type RuleChoice = {
  /** As it was written. */
  readonly text: string;
  /** Link of a chain: `id:offset`; null: the rule as a whole. */
  readonly link: number | null;
  matches(draft: RuleDraft): boolean;
};

export type Exclusion = {
  readonly directive: string;
  readonly position: Position;
  readonly choice: RuleChoice;
  apply(draft: RuleDraft): void;
};

/** `SecRuleRemoveById 910000-919999 "920100 920200"`. */
export function removeById(
  directive: string,
  position: Position,
  words: readonly Word[],
): Exclusion {
  const ranges: IdRange[] = [];
  for (const word of words) {
    for (const part of word.text.split(/[\s,]+/)) {
      if (part === '') continue;
      const range = parseIdRange(part);
      if (range === null) throw badId(word, part);
      ranges.push(range);
    }
  }
  if (ranges.length === 0) throw lacks(position, directive, '942100');
  const text = words.map((word) => word.text).join(' ');
  const choice: RuleChoice = {
    text,
    link: null,
    matches: (draft) => ranges.some((range) => isInRange(draft.id, range)),
  };
  return removal(directive, position, choice);
}

export function removeByPattern(
  directive: string,
  position: Position,
  words: readonly Word[],
  actionName: 'tag' | 'msg',
): Exclusion {
  const word = words[0];
  if (word === undefined || words.length > 1) throw lacks(position, directive, '"attack-sqli"');
  return removal(directive, position, choiceByPattern(word, actionName));
}

/** `SecRuleUpdateTargetById 942100 "!ARGS:q"`, and by tag or message; a third argument is replaced. */
export function updateTargets(
  directive: string,
  position: Position,
  words: readonly Word[],
  choose: (word: Word) => RuleChoice,
): Exclusion {
  const [what, added, replaced] = words;
  if (what === undefined || added === undefined || words.length > 3) {
    throw lacks(position, directive, '942100 "!ARGS:q"');
  }
  const targets = supported(added);
  const old = replaced === undefined ? null : supported(replaced);
  const choice = choose(what);
  return {
    directive,
    position,
    choice,
    apply(draft) {
      for (const [index, link] of draft.links.entries()) {
        if (choice.link !== null && choice.link !== index) continue;
        if (old !== null) link.targets = link.targets.filter((target) => !old.some(sameAs(target)));
        for (const target of targets) {
          // A target to look at goes to the first link alone; one to leave out, to each that has such.
          const belongs =
            index === (choice.link ?? 0) ||
            (target.isExcluded && link.targets.some((own) => own.variable === target.variable));
          if (belongs && !link.targets.some(sameAs(target)))
            link.targets = [...link.targets, target];
        }
      }
    },
  };
}

/** `SecRuleUpdateActionById 942100 "pass,nolog"`; `942100:1` names the second link of a chain. */
export function updateActions(
  directive: string,
  position: Position,
  words: readonly Word[],
): Exclusion {
  const [what, text] = words;
  if (what === undefined || text === undefined || words.length > 2) {
    throw lacks(position, directive, '942100 "pass"');
  }
  const actions: readonly Action[] = parseActions(text);
  const fixed = actions.find(({ name }) => name === 'id' || name === 'phase' || name === 'chain');
  if (fixed !== undefined) {
    throw new RuleError(
      fixed.position,
      `${fixed.name} cannot be changed afterwards`,
      'remove the rule with SecRuleRemoveById and write it anew under another id',
    );
  }
  const choice = choiceById(what);
  return {
    directive,
    position,
    choice,
    apply(draft) {
      const link = draft.links[choice.link ?? 0];
      if (link !== undefined) link.actions = [...link.actions, ...actions];
    },
  };
}

export function choiceById(word: Word): RuleChoice {
  const match = /^\s*([0-9]+(?:-[0-9]+)?)(?::([0-9]{1,3}))?\s*$/.exec(word.text);
  const range = match?.[1] === undefined ? null : parseIdRange(match[1]);
  if (range === null) throw badId(word, word.text);
  return {
    text: word.text,
    link: match?.[2] === undefined ? null : Number(match[2]),
    matches: (draft) => isInRange(draft.id, range),
  };
}

/** Patterns search within tags and messages, as ModSecurity 2 does; in linear time. */
export function choiceByPattern(word: Word, actionName: 'tag' | 'msg'): RuleChoice {
  const isFound = searchPattern(word.text, word.positionAt(0));
  return {
    text: word.text,
    link: null,
    matches: (draft) => actionValues(draft, actionName).some(isFound),
  };
}

function removal(directive: string, position: Position, choice: RuleChoice): Exclusion {
  const where = `${position.file}:${position.line}`;
  return {
    directive,
    position,
    choice,
    apply(draft) {
      draft.removed ??= `${directive} ${choice.text} at ${where}`;
    },
  };
}

function supported(word: Word): readonly Target[] {
  const { targets, refused } = parseTargets(word);
  const first = refused[0];
  if (first === undefined) return targets;
  throw new RuleError(first.position, first.reason, first.fix);
}

function sameAs(target: Target): (other: Target) => boolean {
  return (other) =>
    other.variable === target.variable &&
    other.isCount === target.isCount &&
    other.isExcluded === target.isExcluded &&
    JSON.stringify(other.selector) === JSON.stringify(target.selector);
}

function badId(word: Word, text: string): RuleError {
  return new RuleError(
    word.positionAt(0),
    `"${text}" is no id of a rule or range of ids`,
    'write 942100, or 942000-942999',
  );
}

function lacks(position: Position, directive: string, example: string): RuleError {
  return new RuleError(
    position,
    `${directive} has too few or too many arguments`,
    `write ${directive} ${example}`,
  );
}
