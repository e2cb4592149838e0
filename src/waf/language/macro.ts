/**
 * `%{TX.score}`, `%{MATCHED_VAR_NAME}`: names of variables in texts, read once here.
 *
 * A percent sign that begins no macro is itself. A macro that names no variable of ours is refused: it
 * would stay empty for ever, in a log line or, worse, in a comparison.
 */
import { nearestName } from '#core/nearest-name.ts';
import { RuleError } from './problem.ts';
import type { Macro, MacroPiece, Position } from './rule-set.ts';
import { type VariableName, variableNames } from './variables.ts';

const known: ReadonlySet<string> = new Set(variableNames);
/** One character class after the other, no nesting: linear. */
const macroPattern = /%\{([A-Za-z_][A-Za-z0-9_]*)(?:[.:]([^{}]*))?\}/g;

export function parseMacro(text: string, positionAt: (offset: number) => Position): Macro {
  const pieces: MacroPiece[] = [];
  let from = 0;
  for (const match of text.matchAll(macroPattern)) {
    if (match.index > from) pieces.push({ kind: 'text', text: text.slice(from, match.index) });
    const variable = variableOf(match[1] ?? '');
    if (variable === null) throw unknownMacro(match[1] ?? '', positionAt(match.index + 2));
    if (match[2]?.startsWith('/')) throw patternInMacro(match[0], positionAt(match.index + 2));
    pieces.push({ kind: 'variable', variable, name: match[2]?.toLowerCase() ?? null });
    from = match.index + match[0].length;
  }
  if (from < text.length) pieces.push({ kind: 'text', text: text.slice(from) });
  return pieces;
}

export function variableOf(name: string): VariableName | null {
  const upper = name.toUpperCase();
  return known.has(upper) ? (upper as VariableName) : null;
}

export function literalMacro(text: string): Macro {
  return text === '' ? [] : [{ kind: 'text', text }];
}

/** The text, where no variable is in it. */
export function literalOf(macro: Macro): string | null {
  let text = '';
  for (const piece of macro) {
    if (piece.kind !== 'text') return null;
    text += piece.text;
  }
  return text;
}

/** As a file would hold it. */
export function macroText(macro: Macro): string {
  return macro
    .map((piece) => {
      if (piece.kind === 'text') return piece.text;
      return `%{${piece.variable}${piece.name === null ? '' : `.${piece.name}`}}`;
    })
    .join('');
}

function patternInMacro(macro: string, position: Position): RuleError {
  return new RuleError(
    position,
    `${macro} picks by pattern, and a macro stands for one value`,
    'name the value: %{TX.name}',
  );
}

function unknownMacro(name: string, position: Position): RuleError {
  const near = nearestName(name.toUpperCase(), variableNames);
  return new RuleError(
    position,
    `%{${name}} names no variable`,
    near === null ? 'remove it' : `did you mean %{${near}}?`,
  );
}
