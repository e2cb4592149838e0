/**
 * Makes drafts of `SecRule`, `SecAction` and `SecMarker`, links chains, and keeps the defaults of each
 * phase.
 *
 * When the head of a chain cannot be read, the rules that belong to it must not turn into rules of their
 * own: they are swallowed up to the end of the chain, as the one problem at its head stands for them.
 */
import { type Action, parseActions } from './action-list.ts';
import { languageLimits } from './limits.ts';
import { type DataSource, type ParsedOperator, parseOperator } from './operator.ts';
import { parsePhase } from './phases.ts';
import { RuleError } from './problem.ts';
import type { Draft, LinkDraft, RuleDraft } from './rule-draft.ts';
import type { Operator, Phase, Position } from './rule-set.ts';
import type { Word } from './source-text.ts';
import { parseTargets } from './target-list.ts';
import type { Directive } from './text-reader.ts';
import { parseTransformation } from './transformation.ts';

const headOnly: ReadonlySet<string> = new Set([
  ...['id', 'phase', 'skip', 'skipafter', 'block', 'pass', 'deny', 'drop', 'allow', 'redirect'],
]);

export class RuleBuilder {
  readonly drafts: Draft[] = [];
  readonly #byId = new Map<number, Position>();
  readonly #defaults = new Map<Phase, readonly Action[]>();
  /** The rule whose last link says `chain`. */
  #open: RuleDraft | null = null;
  #isSwallowing = false;

  rule(directive: Directive, data: DataSource): void {
    this.#guarded(directive, () => {
      const [targets, operator, actions, extra] = directive.words;
      if (targets === undefined || operator === undefined || extra !== undefined) {
        throw new RuleError(
          extra?.positionAt(0) ?? directive.position,
          `SecRule has ${directive.words.length} arguments, and takes two or three`,
          'write SecRule ARGS "@rx pattern" "id:1000,phase:2,deny", each in quotes if it holds blanks',
        );
      }
      const parsedTargets = parseTargets(targets);
      const parsed = parseOperator(operator, data);
      const refused = [...parsedTargets.refused];
      if ('reason' in parsed) refused.push(parsed);
      this.#add({
        position: directive.position,
        targets: [...parsedTargets.targets],
        ...('reason' in parsed ? alwaysAt(parsed.position) : parsed),
        actions: actions === undefined ? [] : parseActions(actions),
        refused,
      });
    });
  }

  action(directive: Directive): void {
    this.#guarded(directive, () => {
      const [actions, extra] = directive.words;
      if (actions === undefined || extra !== undefined) {
        throw new RuleError(
          directive.position,
          `SecAction has ${directive.words.length} arguments, and takes one`,
          'write SecAction "id:1000,phase:1,pass,nolog,setvar:tx.a=1"',
        );
      }
      const link = {
        position: directive.position,
        targets: [],
        ...alwaysAt(directive.position),
        actions: parseActions(actions),
        refused: [],
      };
      this.#add(link, true);
    });
  }

  marker(directive: Directive): void {
    this.endChain(directive.position);
    const [name, extra] = directive.words;
    if (name === undefined || extra !== undefined || name.text.trim() === '') {
      throw new RuleError(
        directive.position,
        'SecMarker takes one name',
        'write SecMarker "END-MINE"',
      );
    }
    this.#count(directive.position);
    this.drafts.push({ kind: 'marker', name: name.text.trim(), position: directive.position });
  }

  defaults(directive: Directive): void {
    this.endChain(directive.position);
    const [word, extra] = directive.words;
    if (word === undefined || extra !== undefined) {
      throw new RuleError(
        directive.position,
        'SecDefaultAction takes one argument',
        'write SecDefaultAction "phase:2,log,auditlog,pass"',
      );
    }
    const actions = parseActions(word);
    const phaseAction = actions.findLast((action) => action.name === 'phase');
    const phase = parsePhase(phaseAction?.value ?? null);
    if (phase === null) {
      throw new RuleError(
        phaseAction?.position ?? directive.position,
        'SecDefaultAction names no phase',
        'write SecDefaultAction "phase:2,log,auditlog,pass"',
      );
    }
    for (const action of actions) checkDefault(action);
    if (this.#defaults.has(phase)) {
      throw new RuleError(
        directive.position,
        `the defaults of phase ${phase} are set a second time`,
        'keep one SecDefaultAction a phase',
      );
    }
    this.#defaults.set(phase, actions);
  }

  /** Whatever is not a link ends a chain, which then lacks its next rule. */
  endChain(position: Position): void {
    this.#isSwallowing = false;
    const open = this.#open;
    if (open === null) return;
    this.#open = null;
    this.#drop(open);
    const last = open.links.at(-1);
    throw new RuleError(
      last?.position ?? position,
      'the rule says chain, and no rule follows',
      'write the next SecRule below it, or remove chain',
    );
  }

  #guarded(directive: Directive, read: () => void): void {
    const isChained = saysChain(directive);
    if (this.#isSwallowing) {
      this.#isSwallowing = isChained;
      return;
    }
    try {
      read();
    } catch (error) {
      if (this.#open !== null) this.#drop(this.#open);
      this.#open = null;
      this.#isSwallowing = isChained;
      throw error;
    }
  }

  #add(link: LinkDraft, isAction = false): void {
    const isChained = link.actions.some((action) => action.name === 'chain');
    const open = this.#open;
    if (open === null) {
      const draft = this.#head(link, isAction);
      this.drafts.push(draft);
      this.#open = isChained ? draft : null;
      return;
    }
    const misplaced = link.actions.find((action) => headOnly.has(action.name));
    if (misplaced !== undefined) {
      throw new RuleError(
        misplaced.position,
        `${misplaced.name} stands in a chained rule`,
        'move it to the first rule of the chain, for which it holds',
      );
    }
    if (open.links.length >= languageLimits.chainLinksMax) {
      throw new RuleError(
        link.position,
        `a chain has at most ${languageLimits.chainLinksMax} rules`,
        'split it',
      );
    }
    open.links.push(link);
    if (!isChained) this.#open = null;
  }

  #head(link: LinkDraft, isAction: boolean): RuleDraft {
    this.#count(link.position);
    const phaseAction = link.actions.findLast((action) => action.name === 'phase');
    const phase = phaseAction === undefined ? 2 : parsePhase(phaseAction.value);
    if (phase === null) {
      throw new RuleError(
        phaseAction?.valueAt(0) ?? link.position,
        `there is no phase "${phaseAction?.value ?? ''}"`,
        'phases are 1 to 5, or request, response, logging',
      );
    }
    return {
      kind: 'rule',
      id: this.#id(link, isAction),
      phase,
      position: link.position,
      links: [link],
      defaults: this.#defaults.get(phase) ?? [],
      removed: null,
    };
  }

  #id(link: LinkDraft, isAction: boolean): number {
    const action = link.actions.findLast(({ name }) => name === 'id');
    if (action === undefined) {
      if (isAction) return 0;
      throw new RuleError(
        link.position,
        'the rule has no id',
        'add id:NUMBER; 1 to 99999 are yours',
      );
    }
    const text = action.value ?? '';
    const id = /^[0-9]{1,10}$/.test(text) ? Number(text) : 0;
    if (id === 0 || id > languageLimits.ruleIdMax) {
      throw new RuleError(
        action.valueAt(0),
        `"${text.slice(0, 40)}" is no id of a rule`,
        `write a whole number from 1 to ${languageLimits.ruleIdMax}`,
      );
    }
    const before = this.#byId.get(id);
    if (before !== undefined) {
      throw new RuleError(
        action.valueAt(0),
        `rule ${id} is there already, at ${before.file}:${before.line}`,
        'give one of them another id',
      );
    }
    this.#byId.set(id, link.position);
    return id;
  }

  #count(position: Position): void {
    if (this.drafts.length < languageLimits.rulesMax) return;
    throw new RuleError(
      position,
      `more than ${languageLimits.rulesMax} rules and markers`,
      'load fewer files',
    );
  }

  #drop(draft: RuleDraft): void {
    const index = this.drafts.lastIndexOf(draft);
    if (index !== -1) this.drafts.splice(index, 1);
  }
}

function checkDefault(action: Action): void {
  const fix = 'SecDefaultAction holds a phase, log, nolog, auditlog, t and one of pass, deny, drop';
  if (action.name === 't' && parseTransformation(action) === 'none') {
    throw new RuleError(action.position, 't:none among defaults clears nothing', fix);
  }
  if (['id', 'chain', 'skip', 'skipafter'].includes(action.name)) {
    throw new RuleError(action.position, `${action.name} cannot be a default`, fix);
  }
}

function alwaysAt(position: Position): ParsedOperator {
  const operator: Operator = {
    name: 'unconditionalMatch',
    isNegated: false,
    argument: [],
    entries: null,
    position,
  };
  return { operator, argumentAt: () => position };
}

/** A guess that is good enough to find the end of a chain whose head cannot be read. */
function saysChain(directive: Directive): boolean {
  const last: Word | undefined = directive.words.at(-1);
  return last !== undefined && /(?:^|[\s,])chain\s*(?:,|$)/i.test(last.text);
}
