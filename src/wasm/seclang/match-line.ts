/**
 * Matches as lines of the shape that ModSecurity writes to the error log of its server, which is what log analysers,
 * dashboards and test runners of rule sets read:
 *
 * ```
 * [time] [security2:error] [client ADDRESS] ModSecurity: Warning. Matched "…" at ARGS:x. [file "…"] [line "…"]
 *   [id "…"] [msg "…"] [data "…"] [severity "…"] [ver "…"] [tag "…"]… [hostname "…"] [uri "…"] [unique_id "…"]
 * ```
 *
 * Everything that came from the client is escaped: quotes, backslashes and what is no visible ASCII, so that nothing
 * of a request can look like a part of the line.
 */
import type { Transaction } from '#waf/transaction.ts';
import type { MatchTexts } from '../host-services.ts';
import { matchFlag } from './call-frame.ts';
import type { EngineAnswer, EngineMatch } from './engine-instance.ts';
import type { RuleFact, RuleSetFacts } from './rule-set-facts.ts';

/** As syslog has them (RFC 5424 section 6.2.1), in ModSecurity's words. */
const severities = [
  'EMERGENCY',
  'ALERT',
  'CRITICAL',
  'ERROR',
  'WARNING',
  'NOTICE',
  'INFO',
  'DEBUG',
] as const;

export function matchLines(
  transaction: Transaction,
  facts: RuleSetFacts,
  answer: EngineAnswer,
  wallMs: number,
  redact: (texts: MatchTexts) => MatchTexts,
): string {
  let lines = '';
  for (const match of answer.matches) {
    const rule = facts.rules[match.rule];
    if (rule === undefined || (match.flags & matchFlag.logged) === 0) continue;
    const texts = redact({ ...match, message: match.message || rule.message });
    lines += matchLine(transaction, rule, { ...match, ...texts }, answer.status, wallMs);
  }
  return lines;
}

function matchLine(
  transaction: Transaction,
  rule: RuleFact,
  match: EngineMatch,
  status: number,
  wallMs: number,
): string {
  const { request, clientAddress, requestId } = transaction;
  const hasStopped = (match.flags & matchFlag.stopped) !== 0;
  const words = hasStopped ? `Access denied with code ${status}` : 'Warning';
  const operator = rule.operators[match.link] ?? '';
  const at = match.name === '' ? '' : ` at ${escaped(match.name)}.`;
  let line = `[${new Date(wallMs).toISOString()}] [security2:error] [client ${clientAddress}] ModSecurity: ${words} (phase ${rule.phase}). ${escaped(operator)}${at}`;
  line += ` [file "${escaped(rule.file)}"] [line "${rule.line}"] [id "${rule.id}"]`;
  if (rule.revision !== '') line += ` [rev "${escaped(rule.revision)}"]`;
  if (match.message !== '') line += ` [msg "${escaped(match.message)}"]`;
  if (match.data !== '') line += ` [data "${escaped(match.data)}"]`;
  if (rule.severity !== null) line += ` [severity "${severities[rule.severity] ?? rule.severity}"]`;
  if (rule.version !== '') line += ` [ver "${escaped(rule.version)}"]`;
  for (const tag of rule.tags) if (!tag.includes('%{')) line += ` [tag "${escaped(tag)}"]`;
  for (const tag of match.tags) line += ` [tag "${escaped(tag)}"]`;
  const host =
    request.hostStart < 0 ? '' : latin1(request.bytes, request.hostStart, request.hostEnd);
  line += ` [hostname "${escaped(host)}"]`;
  line += ` [uri "${escaped(latin1(request.bytes, request.pathStart, request.pathEnd).slice(0, uriMax))}"]`;
  return `${line} [unique_id "${escaped(requestId)}"]\n`;
}

const uriMax = 1_024;

const latin1 = (bytes: Buffer, start: number, end: number): string =>
  bytes.toString('latin1', start, end);

const plain = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/;

/** `\x22`-style, as ModSecurity escapes. */
export function escaped(text: string): string {
  if (plain.test(text)) return text;
  return text.replaceAll(/[^\x20\x21\x23-\x5b\x5d-\x7e]/g, (char) =>
    char === '"' || char === '\\'
      ? `\\${char}`
      : `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
}
