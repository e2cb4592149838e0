/**
 * A draft becomes a rule: defaults, the rule's own actions and later updates are read in this order, so
 * that the last word counts; lists (tags, transformations, setvar, ctl) grow.
 */
import type { Action } from './action-list.ts';
import { parseControl } from './control.ts';
import { parseMacro } from './macro.ts';
import { withOwnFacts } from './own-facts.ts';
import { RuleError, type RuleNote } from './problem.ts';
import type { LinkDraft, RuleDraft } from './rule-draft.ts';
import type {
  Control,
  Disruption,
  Link,
  Macro,
  Phase,
  Position,
  Rule,
  SetVariable,
} from './rule-set.ts';
import { parseSetVariable } from './set-variable.ts';
import { parseSeverity } from './severity.ts';
import type { RefusedPart } from './target-list.ts';
import { parseTransformation } from './transformation.ts';
import type { TransformationName } from './transformation-names.ts';
import { checkNamespace, refusedAction } from './unsupported-actions.ts';

/** Opens a collection that outlives the request, which nothing keeps here; see `persistence.ts`. */
export type OpenedCollection = {
  readonly collection: string;
  readonly position: Position;
};

export type FinishedRule = {
  readonly rule: Rule;
  /** What must not run; the rule is refused unless it is folded away or removed. */
  readonly refused: readonly RefusedPart[];
  /** Those of them that would do something beside matching. */
  readonly refusedActions: readonly RefusedPart[];
  readonly opened: readonly OpenedCollection[];
  /** What it says and does otherwise than it reads. */
  readonly notes: readonly RuleNote[];
};

/** Rules of phase 5 run when the answer is decided. */
const loggingPhase = 5;

export function finishRule(draft: RuleDraft): FinishedRule {
  const reader = new HeadReader();
  const head = draft.links[0];
  const links: LinkReader[] = [];
  for (const [index, link] of draft.links.entries()) {
    const linkReader = new LinkReader(link);
    for (const action of draft.defaults) {
      if (!linkReader.take(action) && index === 0) reader.take(action);
    }
    if (index === 0) reader.endDefaults();
    for (const action of link.actions) if (!linkReader.take(action)) reader.take(action);
    links.push(linkReader);
  }
  return {
    rule: withOwnFacts(reader.rule(draft.id, draft.phase, head?.position ?? draft.position, links)),
    refused: [...links.flatMap((link) => link.refused), ...reader.refused],
    refusedActions: [...links.flatMap((link) => link.refusedActions), ...reader.refused],
    opened: links.flatMap((link) => link.opened),
    notes: [...reader.notes(draft.phase), ...links.flatMap((link) => link.notes)],
  };
}

/** What each link has for itself. */
class LinkReader {
  readonly #draft: LinkDraft;
  readonly refusedActions: RefusedPart[] = [];
  readonly opened: OpenedCollection[] = [];
  readonly notes: RuleNote[] = [];
  #transformations: TransformationName[] = [];
  #isMultiMatch = false;
  #isCapturing = false;
  readonly #setVariables: SetVariable[] = [];
  readonly #controls: Control[] = [];

  constructor(draft: LinkDraft) {
    this.#draft = draft;
  }

  get refused(): readonly RefusedPart[] {
    return [...this.#draft.refused, ...this.refusedActions];
  }

  /** Whether the action is one of a link. */
  take(action: Action): boolean {
    switch (action.name) {
      case 't': {
        const name = parseTransformation(action);
        if (name === 'none') this.#transformations = [];
        else this.#transformations.push(name);
        return true;
      }
      case 'multimatch':
        this.#isMultiMatch = true;
        return true;
      case 'capture':
        this.#isCapturing = true;
        return true;
      case 'setvar':
        this.#setVariables.push(parseSetVariable(action));
        return true;
      case 'ctl': {
        const read = parseControl(action);
        this.#noteControl(action, read);
        if ('reason' in read) this.refusedActions.push(read);
        else this.#controls.push(...read);
        return true;
      }
      case 'initcol':
      case 'setsid':
      case 'setuid':
      case 'setrsc':
      case 'expirevar':
      case 'deprecatevar':
        this.opened.push(openedCollection(action));
        return true;
      case 'xmlns':
        checkNamespace(action);
        return true;
      case 'chain':
        return true;
      default:
        return false;
    }
  }

  #noteControl({ position }: Action, read: ReturnType<typeof parseControl>): void {
    if ('reason' in read) return;
    const idle = read.find(({ kind }) => kind === 'auditEngine' || kind === 'auditLogParts');
    if (idle === undefined) return;
    const message = `ctl:${idle.kind} changes nothing, here and wherever else: log and nolog of a rule say what is written of it`;
    this.notes.push({ position, message });
  }

  link(): Link {
    return {
      targets: this.#draft.targets,
      operator: this.#draft.operator,
      transformations: this.#transformations,
      isMultiMatch: this.#isMultiMatch,
      isCapturing: this.#isCapturing,
      setVariables: this.#setVariables,
      controls: this.#controls,
      position: this.#draft.position,
    };
  }
}

/** What the rule has as a whole. */
class HeadReader {
  readonly refused: RefusedPart[] = [];
  #isLogged = true;
  #isAudited = true;
  #message: Macro = [];
  #logData: Macro = [];
  readonly #tags: Macro[] = [];
  #severity: number | null = null;
  #version = '';
  #revision = '';
  #skip = 0;
  #skipAfter: string | null = null;
  #status: number | null = null;
  #disruption: Action | null = null;
  /** What `block` stands for. */
  #defaultDisruption: Action | null = null;

  take(action: Action): void {
    const text = action.value ?? '';
    switch (action.name) {
      case 'id':
      case 'phase':
      case 'accuracy':
      case 'maturity':
        return;
      case 'log':
        this.#isLogged = true;
        this.#isAudited = true;
        return;
      case 'nolog':
        this.#isLogged = false;
        this.#isAudited = false;
        return;
      case 'auditlog':
        this.#isAudited = true;
        return;
      case 'noauditlog':
        this.#isAudited = false;
        return;
      case 'msg':
        this.#message = parseMacro(text, action.valueAt);
        return;
      case 'logdata':
        this.#logData = parseMacro(text, action.valueAt);
        return;
      case 'tag':
        this.#tags.push(parseMacro(text, action.valueAt));
        return;
      case 'severity':
        this.#severity = parseSeverity(action);
        return;
      case 'ver':
        this.#version = text;
        return;
      case 'rev':
        this.#revision = text;
        return;
      case 'skip':
        this.#skip = wholeNumber(action, 1, 100_000);
        return;
      case 'skipafter':
        if (text === '') throw missing(action, 'skipAfter:MARKER');
        this.#skipAfter = text;
        return;
      case 'status':
        this.#status = wholeNumber(action, 100, 599);
        return;
      case 'block':
        this.#disruption = this.#defaultDisruption;
        return;
      case 'pass':
      case 'deny':
      case 'drop':
      case 'allow':
      case 'redirect':
        this.#disruption = action;
        return;
      default:
        this.refused.push(refusedAction(action));
    }
  }

  rule(id: number, phase: Phase, position: Position, links: readonly LinkReader[]): Rule {
    return {
      kind: 'rule',
      id,
      phase,
      links: links.map((link) => link.link()),
      disruption: phase === loggingPhase ? { kind: 'pass' } : this.#disruptionOf(),
      isLogged: this.#isLogged,
      isAudited: this.#isAudited,
      message: this.#message,
      logData: this.#logData,
      tags: this.#tags,
      severity: this.#severity,
      version: this.#version,
      revision: this.#revision,
      skip: this.#skip,
      skipAfter: this.#skipAfter,
      position,
    };
  }

  notes(phase: Phase): readonly RuleNote[] {
    const { name, position } = this.#disruption ?? { name: 'pass' };
    if (position === undefined || name === 'pass') return [];
    if (phase === loggingPhase)
      return [{ position, message: `${name} changes nothing in phase 5: the answer is decided` }];
    const message = 'drop ends the request as deny does: its client gets an answer';
    return name === 'drop' ? [{ position, message }] : [];
  }

  /** What `block` stands for is known where the defaults end. */
  endDefaults(): void {
    this.#defaultDisruption = this.#disruption;
  }

  #disruptionOf(): Disruption {
    const action = this.#disruption;
    switch (action?.name) {
      case 'deny':
      case 'drop':
        return { kind: action.name, status: this.#status ?? 403 };
      case 'redirect': {
        if (action.value === null) throw missing(action, "redirect:'https://example.com/'");
        const status = this.#status ?? 302;
        return {
          kind: 'redirect',
          status: [301, 302, 303, 307, 308].includes(status) ? status : 302,
          location: parseMacro(action.value, action.valueAt),
        };
      }
      case 'allow': {
        const scope = (action.value ?? '').toLowerCase();
        if (scope === 'phase' || scope === 'request') return { kind: 'allow', scope };
        if (scope === '') return { kind: 'allow', scope: 'all' };
        throw new RuleError(
          action.valueAt(0),
          `allow:${scope} allows nothing`,
          'write allow, allow:phase or allow:request',
        );
      }
      default:
        return { kind: 'pass' };
    }
  }
}

function openedCollection(action: Action): OpenedCollection {
  const named = /^!?([A-Za-z]+)[.=]/.exec(action.value ?? '')?.[1]?.toLowerCase() ?? '';
  const collection =
    { setsid: 'session', setuid: 'user', setrsc: 'resource' }[action.name] ?? named;
  if (collection === '') throw missing(action, 'initcol:ip=%{REMOTE_ADDR}');
  return { collection, position: action.position };
}

function wholeNumber(action: Action, min: number, max: number): number {
  const text = action.value ?? '';
  const number = /^[0-9]{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (number >= min && number <= max) return number;
  throw new RuleError(
    action.valueAt(0),
    `expecting a whole number from ${min} to ${max} after ${action.name}:, got "${text}"`,
    `write for example ${action.name}:${action.name === 'status' ? 403 : min}`,
  );
}

function missing(action: Action, example: string): RuleError {
  return new RuleError(action.position, `${action.name} has no value`, `write ${example}`);
}
