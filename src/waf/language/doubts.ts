/**
 * Rules that read well and cannot do what they look like: they ask too early, compare with no number, or
 * look at nothing. ModSecurity takes them without a word; so are they taken here, with one.
 */
import { literalOf } from './macro.ts';
import type { RuleNote } from './problem.ts';
import type { Rule } from './rule-set.ts';

const numberOperators: ReadonlySet<string> = new Set(['eq', 'ge', 'gt', 'le', 'lt']);
const ofRequestBody =
  /^(?:ARGS_POST|ARGS_POST_NAMES|FILES|FILES_\w+|MULTIPART_\w+|REQUEST_BODY|REQUEST_BODY_LENGTH|XML)$/;

export function doubtsOf(rule: Rule): readonly RuleNote[] {
  return rule.links.flatMap(({ targets, operator, position }) => {
    const notes: RuleNote[] = [];
    if (targets.length > 0 && targets.every(({ isExcluded }) => isExcluded))
      notes.push({ position, message: 'it only takes targets out, and looks at none' });
    for (const target of targets) {
      const empty = emptyBefore(target.variable, rule.phase);
      if (empty !== null && !target.isExcluded && !target.isCount)
        notes.push({
          position: target.position,
          message: `${target.variable} is empty in phase ${rule.phase}: ${empty}`,
        });
    }
    const text = numberOperators.has(operator.name) ? literalOf(operator.argument) : null;
    if (text !== null && !/^\s*[+-]?\d+\s*$/.test(text))
      notes.push({
        position: operator.position,
        message: `@${operator.name} compares with 0 or the digits it begins with, as "${text}" is no number`,
      });
    return notes;
  });
}

function emptyBefore(variable: string, phase: number): string | null {
  if (phase <= 2 && /^RESPONSE_|^STATUS_LINE$/.test(variable))
    return 'there is no answer before phase 3';
  if (phase === 3 && variable === 'RESPONSE_BODY') return 'it is there from phase 4 on';
  return phase === 1 && ofRequestBody.test(variable) ? 'bodies are read for phase 2' : null;
}
