/**
 * `weir inspect` — one request through rules: every match, where, the verdict, and what it costs. Through the live rules of
 * a running node, as its routes have them; or, with --rules, through rules of SecLang in this process.
 */
import { join, resolve } from 'node:path';
import type { InspectAnswer } from '#admin/inspect-control.ts';
import { inspectAnswer } from '#admin/inspect-schema.ts';
import { failureError, usageError } from '#cli/cli-error.ts';
import { type Command, type CommandContext, jsonOption, stateOption } from '#cli/command.ts';
import { callDaemon, slowCallTimeoutMs } from '#cli/daemon-client.ts';
import { exitCodes } from '#cli/exit-codes.ts';
import type { ParsedArguments } from '#cli/parse-arguments.ts';
import { type Cell, type Printer, printable } from '#cli/printer.ts';
import { readBounded, readStdin } from '#cli/read-bounded.ts';
import { paranoiaOption, ruleSetOf, setupOption } from '#cli/rule-options.ts';
import { readByteText } from '#core/byte-text.ts';
import type { InspectedRequest, Inspection } from '#toolchain/inspect-request.ts';

const requestBytesMax = 2_097_152;
const valueShown = 80;

export const inspect: Command = {
  words: ['inspect'],
  summary: 'run one request through live rules, or SecLang files, and show every match',
  positionals: [],
  options: [
    {
      name: 'rules',
      kind: 'texts',
      value: 'FILE|DIR',
      summary: 'rules in SecLang, in load order; without this the live rules of the node',
    },
    { name: 'request', kind: 'text', value: 'FILE|-', summary: 'the request as it is on the wire' },
    {
      name: 'method',
      kind: 'text',
      value: 'METHOD',
      summary: 'GET unless given, POST with --body',
    },
    { name: 'uri', kind: 'text', value: 'TARGET', summary: 'path and query; / unless given' },
    { name: 'header', kind: 'texts', value: 'NAME: VALUE', summary: 'a header field' },
    {
      name: 'body',
      kind: 'text',
      value: 'TEXT',
      summary: 'a form, unless a Content-Type is given',
    },
    { name: 'client', kind: 'text', value: 'ADDRESS', summary: '192.0.2.1 unless given' },
    paranoiaOption,
    setupOption,
    jsonOption,
    stateOption,
  ],
  examples: [
    'weir inspect --uri "/?id=1 or 1=1" --header "Host: shop.example"',
    'weir inspect --rules /usr/share/modsecurity-crs --uri "/?id=1 or 1=1"',
    'weir inspect --rules crs --paranoia 4 --request request.txt',
    'weir inspect --rules builtin:core --uri "/?file=../../etc/passwd"',
  ],
  async run(context) {
    const { io, print, given } = context;
    if (given.texts('rules').length === 0) return askNode(context);
    const { buildRuleSetApart } = await import('#toolchain/build-rule-set-apart.ts');
    const { inspectRequest } = await import('#toolchain/inspect-request.ts');
    const request = await requestOf(given, io.cwd);
    const rules = ruleSetOf('inspect', given.texts('rules'), given, io.cwd);
    const cache = resolve(io.cwd, join('.weir', 'rule-sets'));
    const { bytes } = await buildRuleSetApart(rules, cache, (stage) => {
      // What is answered alone goes to the standard output.
      print.errorLine(print.paint('dim', stage));
    });
    const found = inspectRequest(bytes, request);
    if (found.failures[0] !== undefined) throw failureError(found.failures[0], found.failures);
    print.answer(found, () => inspectionText(print, found));
    return exitCodes.ok;
  },
};

async function askNode(context: CommandContext): Promise<number> {
  const { io, print, given } = context;
  const onlyWithRules = ['paranoia', 'setup'].filter((name) => given.text(name) !== null);
  if (onlyWithRules[0] !== undefined)
    throw usageError(`--${onlyWithRules[0]} is for --rules: the node has its own`);
  const { clientAddress, ...request } = await requestOf(given, io.cwd);
  const answer = await callDaemon(context, {
    method: 'POST',
    path: '/api/v1/inspect',
    answer: inspectAnswer,
    json: { request: wireBytes(request).toString('base64'), client: clientAddress },
    timeoutMs: slowCallTimeoutMs,
  });
  print.answer(answer, () => liveText(print, answer));
  return exitCodes.ok;
}

function wireBytes({
  method,
  target,
  version,
  fields,
  body,
}: Omit<InspectedRequest, 'clientAddress'>) {
  const lines = fields.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  return Buffer.from(`${method} ${target} ${version}\r\n${lines}\r\n${body}`, 'latin1');
}

async function requestOf(given: ParsedArguments, cwd: string): Promise<InspectedRequest> {
  const { parseRequestText } = await import('#toolchain/inspect-request.ts');
  const clientAddress = given.text('client') ?? '192.0.2.1';
  const file = given.text('request');
  if (file !== null) {
    const bytes =
      file === '-'
        ? await readStdin(requestBytesMax, 'a request')
        : await readBounded(resolve(cwd, file), requestBytesMax, 'a request');
    const parsed = parseRequestText(Buffer.from(bytes).toString('latin1'));
    if (typeof parsed === 'string') throw failureError(`${file} is no request: ${parsed}`, []);
    return { ...parsed, clientAddress };
  }
  const latin1 = (text: string): string => Buffer.from(text).toString('latin1');
  const body = latin1(given.text('body') ?? '');
  const fields = given.texts('header').map((text): readonly [string, string] => {
    const colon = text.indexOf(':');
    if (colon < 1) throw usageError(`--header ${text} is no NAME: VALUE`);
    return [latin1(text.slice(0, colon)), latin1(text.slice(colon + 1).trim())];
  });
  const has = (name: string): boolean => fields.some(([known]) => known.toLowerCase() === name);
  if (!has('host')) fields.unshift(['Host', 'example.org']);
  if (body !== '' && !has('content-type'))
    fields.push(['Content-Type', 'application/x-www-form-urlencoded']);
  if (body !== '' && !has('content-length')) fields.push(['Content-Length', String(body.length)]);
  return {
    method: given.text('method') ?? (body === '' ? 'GET' : 'POST'),
    target: latin1(given.text('uri') ?? '/').replaceAll(' ', '%20'),
    version: 'HTTP/1.1',
    fields,
    body,
    clientAddress,
  };
}

function liveText(print: Printer, answer: InspectAnswer): string {
  const { route, verdict, kind, status, rule, reason, score, blockAtScore, failures } = answer;
  const titles = ['RULE', 'TARGET', 'MATCHED', 'MESSAGE', 'POINTS', 'MODE'];
  const rows = answer.matches.map(
    ({ rule: name, target, matched, message, points, mode }): Cell[] => [
      { text: name, style: name === rule ? 'red' : 'bold' },
      printable(target.slice(0, valueShown)),
      printable(matched.slice(0, valueShown)),
      printable(readByteText(message)),
      points === null ? '' : String(points),
      mode,
    ],
  );
  const found = `${rule}: ${printable(readByteText(reason))}`;
  const decided = {
    passed: print.paint('green', 'passes'),
    noted: `would be stopped by ${found}; its route or rule only watches`,
    stopped: print.paint('red', `${kind === 'challenge' ? 'challenged' : 'stopped'} by ${found}`),
    refused: print.paint('red', `refused with ${status} before any rule: ${printable(reason)}`),
  }[verdict];
  return [
    ...(verdict === 'refused' ? [] : [route === null ? 'no route takes it' : `route ${route}`]),
    ...(rows.length === 0
      ? ['no rule matches']
      : [print.columns([titles.map((text): Cell => ({ text, style: 'dim' })), ...rows])]),
    decided,
    ...(blockAtScore === null ? [] : [`score ${score} of ${blockAtScore}`]),
    ...failures.map((failure) => print.paint('red', printable(failure))),
    `${answer.microseconds.toFixed(1)} µs, ${answer.fuel} units of fuel`,
  ].join('\n');
}

function inspectionText(
  print: Printer,
  { matches, verdict, microseconds, fuel }: Inspection,
): string {
  const titles = ['RULE', 'PHASE', 'TARGET', 'MATCHED', 'MESSAGE'];
  const rows = matches.map(({ rule, phase, target, value, message, hasStopped }): Cell[] => [
    { text: String(rule), style: hasStopped ? 'red' : 'bold' },
    String(phase),
    printable(target.slice(0, valueShown)),
    printable(value.slice(0, valueShown)),
    printable(readByteText(message)),
  ]);
  const decided =
    verdict === null
      ? print.paint('green', 'passes')
      : print.paint(
          'red',
          `${verdict.kind}ed by ${verdict.rule}: ${printable(readByteText(verdict.reason))}`,
        );
  return [
    ...(rows.length === 0
      ? ['no rule matches']
      : [print.columns([titles.map((text): Cell => ({ text, style: 'dim' })), ...rows])]),
    decided,
    `${microseconds.toFixed(1)} µs, ${fuel} units of fuel`,
  ].join('\n');
}
