/** Reads what `setvar` changes: `tx.score=+%{tx.critical}`, `tx.seen`, `!tx.seen`. */
import type { Action } from './action-list.ts';
import { literalMacro, parseMacro } from './macro.ts';
import { RuleError } from './problem.ts';
import type { SetVariable } from './rule-set.ts';

const collections = ['tx', 'ip', 'global', 'session', 'user', 'resource'] as const;

export function parseSetVariable(action: Action): SetVariable {
  const text = action.value ?? '';
  const isUnset = text.startsWith('!');
  const start = isUnset ? 1 : 0;
  const dot = text.indexOf('.', start);
  const collection = collections.find((known) => known === text.slice(start, dot).toLowerCase());
  if (dot === -1 || collection === undefined) {
    throw new RuleError(
      action.valueAt(0),
      `"${text}" sets no variable`,
      `write setvar:'tx.name=value'; collections are ${collections.join(', ')}`,
    );
  }
  return { collection, ...parseChange(action, dot + 1, isUnset) };
}

function parseChange(
  action: Action,
  nameStart: number,
  isUnset: boolean,
): Omit<SetVariable, 'collection'> {
  const text = action.value ?? '';
  const at = (from: number) => (offset: number) => action.valueAt(from + offset);
  const equals = text.indexOf('=', nameStart);
  const nameEnd = equals === -1 ? text.length : equals;
  const name = parseMacro(text.slice(nameStart, nameEnd).toLowerCase(), at(nameStart));
  if (name.length === 0) {
    throw new RuleError(
      action.valueAt(nameStart),
      'the variable has no name',
      'write tx.name=value',
    );
  }
  if (isUnset) return { name, change: 'unset', value: [] };
  if (equals === -1) return { name, change: 'set', value: literalMacro('1') };
  const sign = text[equals + 1];
  const change = sign === '+' ? 'add' : sign === '-' ? 'subtract' : 'set';
  const valueStart = change === 'set' ? equals + 1 : equals + 2;
  return { name, change, value: parseMacro(text.slice(valueStart), at(valueStart)) };
}
