/** `severity:CRITICAL` or `severity:2`: the levels of syslog (RFC 5424, section 6.2.1). */
import type { Action } from './action-list.ts';
import { RuleError } from './problem.ts';

const names: readonly string[] = [
  'EMERGENCY',
  'ALERT',
  'CRITICAL',
  'ERROR',
  'WARNING',
  'NOTICE',
  'INFO',
  'DEBUG',
];

export function parseSeverity(action: Action): number {
  const text = (action.value ?? '').trim();
  if (/^[0-7]$/.test(text)) return Number(text);
  const index = names.indexOf(text.toUpperCase());
  if (index !== -1) return index;
  throw new RuleError(
    action.valueAt(0),
    `there is no severity "${text}"`,
    `write one of ${names.join(', ')}, or 0 to 7`,
  );
}

export function severityName(severity: number): string {
  return names[severity] ?? String(severity);
}
