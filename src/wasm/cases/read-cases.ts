/**
 * The text of a `cases.json` → cases that can be run, or every problem with its place.
 *
 * JSON is read as YAML 1.2, which it is a part of: that reader knows where each key stands.
 */
import { type ConfigProblem, sortProblems } from '#config/problem.ts';
import { schemaNode } from '#config/schema-node.ts';
import { validate } from '#config/validate.ts';
import { parseYamlSource, type SourcePosition, type SourceValue } from '#config/yaml-source.ts';
import { parseIp } from '#core/ip.ts';
import { packetPayloadBytesMax } from '#wasm/packet-view.ts';
import {
  type CaseFile,
  type CaseStep,
  caseFileSchema,
  type ExpectedVerdict,
  type ModuleCase,
} from './case-schema.ts';
import type { PacketStep } from './packet-schema.ts';
import { payloadOf } from './packet-steps.ts';

export const caseFileBytesMax = 16 * 1_048_576;

/** A case made ready: its steps, and what holds while it runs. */
export type RunnableCase = {
  readonly name: string;
  readonly why: string | null;
  /** JSON text, as `weir_configure` gets it. */
  readonly config: string;
  readonly nowMs: number;
  readonly values: NonNullable<CaseFile['values']>;
  readonly databases: NonNullable<CaseFile['databases']>;
  /** Requests; none in a case of packets. */
  readonly steps: readonly CaseStep[];
  readonly packets: readonly PacketStep[];
};

export type ReadCases =
  | { readonly ok: true; readonly cases: readonly RunnableCase[] }
  | { readonly ok: false; readonly problems: readonly ConfigProblem[] };

/** 2026-01-01T00:00:00Z: a case that does not care about the time has the same one every day. */
const nowMsDefault = 1_767_225_600_000;

const root = schemaNode(caseFileSchema);

export function readCases(text: string): ReadCases {
  const source = parseYamlSource(text);
  // What follows a slip in the syntax is mostly its echo.
  const [syntax] = source.problems;
  if (syntax !== undefined)
    return failure([{ ...syntax, message: syntax.message.replace('YAML', 'JSON') }]);
  const isList = Array.isArray(source.value);
  const whole: SourceValue = isList ? new Map([['cases', source.value]]) : source.value;
  const validated = validate(root, {
    value: withVerdicts(whole),
    positions: isList ? listPositions(source.positions) : source.positions,
    fromEnvironment: new Map(),
    replaced: new Set(),
    sourceOrigin: null,
  });
  if (validated.problems.length > 0) return failure(validated.problems);
  const file = validated.value as CaseFile;
  const problems: ConfigProblem[] = [];
  const cases = file.cases.map((item, index) =>
    runnable(file, item, (path, message, fix) => {
      const at = `cases[${index}]${path === '' ? '' : `.${path}`}`;
      const listed = isList ? at.slice('cases'.length) : at;
      const position =
        source.positions.get(listed) ?? source.positions.get(listed.split('.')[0] ?? '');
      const place = { line: position?.line ?? null, column: position?.column ?? null };
      problems.push({ path: at, message, ...place, ...(fix === undefined ? {} : { fix }) });
    }),
  );
  return problems.length > 0 ? failure(problems) : { ok: true, cases };
}

function failure(problems: readonly ConfigProblem[]): ReadCases {
  return { ok: false, problems: sortProblems(problems) };
}

type SayHere = (path: string, message: string, fix?: string) => void;

function runnable(file: CaseFile, item: ModuleCase, say: SayHere): RunnableCase {
  const { name, why, config = file.config ?? {} } = item;
  if (typeof config !== 'object' || config === null || Array.isArray(config))
    say('config', 'must be an object', 'as under waf.rules.NAME.config');
  const steps = stepsOf(item, say);
  for (const [index, step] of steps.entries())
    checkStep(step, item.requests === undefined ? '' : `requests[${index}]`, say);
  for (const [index, step] of (item.packets ?? []).entries())
    checkPacket(step, `packets[${index}]`, say);
  return {
    name,
    why: why ?? null,
    config: JSON.stringify(config),
    nowMs: item.now ?? file.now ?? nowMsDefault,
    values: { ...file.values, ...item.values },
    databases: { ...file.databases, ...item.databases },
    steps,
    packets: item.packets ?? [],
  };
}

/** Keys of a case that are not about one request. */
const caseKeys = new Set(['name', 'why', 'config', 'now', 'values', 'databases']);

function stepsOf(item: ModuleCase, say: SayHere): readonly CaseStep[] {
  const { request, requests, response, verdict, tags, score } = item;
  const { requestEdits, responseEdits, log, blocks } = item;
  const list = item.packets === undefined ? 'requests' : 'packets';
  if (item[list] !== undefined) {
    const beside = Object.entries(item).find(
      ([key, value]) => value !== undefined && key !== list && !caseKeys.has(key),
    );
    if (beside !== undefined)
      say(beside[0], `stands beside ${list}`, `put it into the one of ${list} it belongs to`);
    return requests ?? [];
  }
  if (request === undefined) {
    say('', 'has no request', 'say request, requests for several, or packets');
    return [];
  }
  const expected = {
    ...{ response, verdict, tags, score },
    ...{ requestEdits, responseEdits, log, blocks },
  };
  const given = Object.fromEntries(
    Object.entries(expected).filter(([, value]) => value !== undefined),
  );
  return [{ request, afterMs: 0, ...given }];
}

function checkStep(step: CaseStep, at: string, say: SayHere): void {
  const path = (key: string): string => (at === '' ? key : `${at}.${key}`);
  for (const side of ['request', 'response'] as const) {
    const message = step[side];
    if (message === undefined) continue;
    if (message.body !== undefined && message.bodyBase64 !== undefined)
      say(path(`${side}.bodyBase64`), 'stands beside body', 'keep one of the two');
    if (message.bodyBase64 !== undefined && !isBase64(message.bodyBase64))
      say(path(`${side}.bodyBase64`), 'is no base64');
    for (const [index, [name, value]] of message.headers.entries()) {
      if (!token.test(name ?? ''))
        say(path(`${side}.headers[${index}]`), `"${name}" is no field name`);
      if (!latin1.test(value ?? ''))
        say(path(`${side}.headers[${index}]`), `the value of ${name} holds what no field can`);
    }
  }
  if (!token.test(step.request.method)) say(path('request.method'), 'is no method');
  if (!target.test(step.request.target))
    say(path('request.target'), 'holds a blank, a control character or what is no latin1');
  if (step.verdict !== undefined) checkVerdict(step.verdict, path('verdict'), say);
}

function checkPacket(step: PacketStep, at: string, say: SayHere): void {
  if (step.payload !== undefined && step.payloadHex !== undefined)
    say(`${at}.payloadHex`, 'stands beside payload', 'keep one of the two');
  if (payloadOf(step).length > packetPayloadBytesMax)
    say(`${at}.payload`, `is longer than ${packetPayloadBytesMax} bytes`);
  const [from, to] = [parseIp(step.from), parseIp(step.to)];
  if (from === null) say(`${at}.from`, 'is no address');
  if (to === null) say(`${at}.to`, 'is no address');
  if (from !== null && to !== null && from.family !== to.family)
    say(`${at}.to`, 'is not of the family of from');
}

function checkVerdict(verdict: ExpectedVerdict, path: string, say: SayHere): void {
  const others = Object.keys(verdict).filter((key) => key !== 'kind');
  if (verdict.kind === 'allow' && others.length > 0)
    say(
      `${path}.${others[0] ?? ''}`,
      'says more than "allow"',
      'leave it out, or name another kind',
    );
}

const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/;
const latin1 = /^[\t\x20-\x7e\x80-\xff]*$/;
const target = /^[\x21-\x7e\x80-\xff]+$/;

const isBase64 = (text: string): boolean =>
  /^[A-Za-z0-9+/]*={0,2}$/.test(text) && text.length % 4 === 0;

/** Verdicts that say no more than their kind. */
export const shortVerdicts: readonly unknown[] = ['allow', 'pass', 'undecided'];

/** `"verdict": "allow"` is the short form of a verdict of that kind, and what is not there is not looked at. */
function withVerdicts(value: SourceValue): SourceValue {
  if (Array.isArray(value)) return value.map(withVerdicts);
  if (!(value instanceof Map)) return value;
  const result = new Map<string, SourceValue>();
  for (const [key, entry] of value) {
    if (key === 'verdict' && shortVerdicts.includes(entry))
      result.set(key, new Map([['kind', entry]]));
    else if (key === 'cases' || key === 'requests' || key === 'packets')
      result.set(key, withVerdicts(entry));
    else result.set(key, entry);
  }
  return result;
}

function listPositions(
  positions: ReadonlyMap<string, SourcePosition>,
): ReadonlyMap<string, SourcePosition> {
  return new Map([...positions].map(([path, position]) => [`cases${path}`, position]));
}
