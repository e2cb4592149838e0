/** `t:urlDecodeUni`: names without case, with the spellings of other versions. */
import { nearestName } from '#core/nearest-name.ts';
import type { Action } from './action-list.ts';
import { RuleError } from './problem.ts';
import { type TransformationName, transformationNames } from './transformation-names.ts';

const aliases: Readonly<Record<string, TransformationName>> = {
  normalisepath: 'normalizePath',
  normalisepathwin: 'normalizePathWin',
};

export function parseTransformation(action: Action): TransformationName | 'none' {
  const text = action.value ?? '';
  const lower = text.toLowerCase();
  if (lower === 'none') return 'none';
  if (Object.hasOwn(aliases, lower)) return aliases[lower] ?? 'none';
  const found = transformationNames.find((known) => known.toLowerCase() === lower);
  if (found !== undefined) return found;
  const near = nearestName(text, transformationNames);
  throw new RuleError(
    action.valueAt(0),
    `there is no transformation t:${text}`,
    near === null ? 'docs/reference/operators.md lists them' : `did you mean t:${near}?`,
  );
}
