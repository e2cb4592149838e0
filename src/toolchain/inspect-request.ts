/** One request through a rule set, in this process: every match, what is decided, what it costs. */

import { responseHeadBytesMax, responseHeadersMax } from '#waf/response-bounds.ts';
import { Transaction } from '#waf/transaction.ts';
import type { Stop } from '#waf/verdict.ts';
import type { GuestLimits } from '#wasm/abi.ts';
import type { BodyWindow } from '#wasm/filter.ts';
import {
  type BuiltRequest,
  type Field,
  requestView,
  responseView,
} from '#wasm/seclang/built-request.ts';
import { matchFlag } from '#wasm/seclang/call-frame.ts';
import { readModule } from '#wasm/seclang/module-file.ts';
import { SeclangFilter } from '#wasm/seclang/seclang-filter.ts';

export type InspectedRequest = BuiltRequest & {
  /** latin1. */
  readonly body: string;
  readonly clientAddress: string;
};

export type InspectedMatch = {
  readonly rule: number;
  readonly phase: number;
  readonly severity: number | null;
  readonly message: string;
  readonly target: string;
  readonly value: string;
  readonly data: string;
  readonly isLogged: boolean;
  readonly hasStopped: boolean;
};

export type Inspection = {
  readonly matches: readonly InspectedMatch[];
  readonly verdict: Stop | null;
  readonly failures: readonly string[];
  /** Fastest of many runs, both phases of the request and those behind it. */
  readonly microseconds: number;
  readonly fuel: number;
};

export const headersMax = 200;
export const bodyBytesMax = 1_048_576;

export const inspectionLimits: GuestLimits = {
  headBytesMax: 262_144,
  headersMax,
  responseHeadBytesMax,
  responseHeadersMax,
  bodyWindowBytes: bodyBytesMax,
};

export function inspectRequest(bytes: Uint8Array, given: InspectedRequest, runs = 300): Inspection {
  const module = readModule(bytes);
  if (module === null) throw new RangeError('is no SecLang module');
  const matches: InspectedMatch[] = [];
  const failures: string[] = [];
  let keeps = true;
  const filter = new SeclangFilter(
    { name: 'inspect', sha256: '', failure: 'closed', fuel: 1_000_000_000 },
    new WebAssembly.Module(bytes as Uint8Array<ArrayBuffer>),
    module.facts,
    inspectionLimits,
    (message) => failures.push(message),
    (_transaction, { rules }, answer) => {
      if (!keeps) return;
      for (const { rule: index, name, value, message, data, flags } of answer.matches) {
        const rule = rules[index];
        if (rule === undefined) continue;
        matches.push({
          rule: rule.id,
          phase: rule.phase,
          severity: rule.severity,
          message: message === '' ? rule.message : message,
          target: name,
          value,
          data,
          isLogged: (flags & matchFlag.logged) !== 0,
          hasStopped: (flags & matchFlag.stopped) !== 0,
        });
      }
    },
  );
  const view = requestView(given);
  const body: BodyWindow | null = given.body === '' ? null : windowOf(given.body);
  const response = responseView(200, []);
  const once = (): Stop | null => {
    const facts = { clientAddress: given.clientAddress, tls: false };
    const transaction = new Transaction(view, facts, 'inspect', 'inspect', 'inspect', false);
    const run = filter.begin(transaction);
    let stop = run.requestHead(body === null) as Stop | null;
    if (stop === null && body !== null) stop = run.requestBody(body) as Stop | null;
    if (stop === null) {
      transaction.response = response;
      stop = run.responseHead(true) as Stop | null;
    }
    run.end();
    return stop;
  };
  const verdict = once();
  keeps = false;
  const fuelBefore = filter.fuelUsed;
  let microseconds = Number.POSITIVE_INFINITY;
  for (let i = 0; i < runs && failures.length === 0; i++) {
    const startedAt = process.hrtime.bigint();
    once();
    microseconds = Math.min(microseconds, Number(process.hrtime.bigint() - startedAt) / 1_000);
  }
  const fuel = Math.round((filter.fuelUsed - fuelBefore) / Math.max(1, runs));
  return { matches, verdict, failures, microseconds, fuel };
}

/** A request as it stands on the wire, LF alone allowed. */
export function parseRequestText(text: string): Omit<InspectedRequest, 'clientAddress'> | string {
  const split = /\r?\n\r?\n/.exec(text);
  const head = split === null ? text.trimEnd() : text.slice(0, split.index);
  const body = split === null ? '' : text.slice(split.index + split[0].length);
  const [line = '', ...rest] = head.split(/\r?\n/);
  const parts = /^(\S+) (.+?)(?: (HTTP\/\d(?:\.\d)?))?$/.exec(line);
  if (parts === null) return `"${line.slice(0, 60)}" is no request line: METHOD TARGET HTTP/1.1`;
  const fields: Field[] = [];
  for (const field of rest) {
    const colon = field.indexOf(':');
    if (colon < 1) return `"${field.slice(0, 60)}" is no header field: Name: value`;
    fields.push([field.slice(0, colon), field.slice(colon + 1).trim()]);
  }
  if (fields.length > headersMax) return `has ${fields.length} fields, at most ${headersMax}`;
  return {
    method: parts[1] ?? '',
    target: parts[2] ?? '',
    version: parts[3] ?? 'HTTP/1.1',
    fields,
    body,
  };
}

export const windowOf = (text: string): BodyWindow => ({
  bytes: Buffer.from(text, 'latin1'),
  overlap: 0,
  position: 0,
  isFirst: true,
  isLast: true,
  isWhole: true,
});
