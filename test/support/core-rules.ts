/**
 * The cases that lie beside the rules of `builtin:core`: for each rule requests it must match, and near neighbours it
 * must pass. A request is said in one of these ways, the rest left out:
 *
 *     { "value": "…" }                       GET, the text as a query argument; "name" for another than q
 *     { "form": { "name": "…" } }            POST of a form
 *     { "json": … }, { "xml": "…" }          POST of that type
 *     { "method", "target", "fields", "body" }   as it is on the wire
 *     { "response": { "status", "fields", "body" } }   and what the origin answers
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildRuleSet } from '#toolchain/build-rule-set.ts';
import type { SeclangCase } from './seclang.ts';

export const coreFolder = fileURLToPath(new URL('../../wasm-rules/core', import.meta.url));

export type CoreRequest = {
  readonly value?: string;
  readonly name?: string;
  readonly form?: Readonly<Record<string, string>>;
  readonly json?: unknown;
  readonly xml?: string;
  readonly method?: string;
  readonly target?: string;
  readonly fields?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly response?: {
    readonly status?: number;
    readonly fields?: Readonly<Record<string, string>>;
    readonly body?: string;
  };
};

export type CoreCases = {
  readonly rule: number;
  readonly matches: readonly CoreRequest[];
  readonly passes: readonly CoreRequest[];
};

export function buildCore(paranoia: number): Uint8Array {
  const request = {
    name: 'core',
    paths: [coreFolder],
    paranoia,
    inboundThreshold: null,
    outboundThreshold: null,
    setup: {},
    exclusions: [],
    keepsRuleEngine: false,
  };
  return buildRuleSet(request, null).bytes;
}

export function coreCases(): readonly CoreCases[] {
  return readdirSync(coreFolder)
    .filter((name) => name.endsWith('.cases.json'))
    .toSorted()
    .flatMap((name) => JSON.parse(readFileSync(join(coreFolder, name), 'utf8')) as CoreCases[]);
}

export function caseOf(request: CoreRequest): SeclangCase {
  const { value, name = 'q', method, target, fields = {}, response } = request;
  const sent = bodyOf(request);
  const given: [string, string][] = Object.entries(fields).map(([field, text]) => [
    field,
    latin1(text),
  ]);
  const has = (field: string): boolean => given.some(([known]) => known.toLowerCase() === field);
  if (sent !== null && sent.type !== null && !has('content-type'))
    given.push(['Content-Type', sent.type]);
  if (sent !== null && !has('content-length'))
    given.push(['Content-Length', String(sent.text.length)]);
  const query = value === undefined ? '' : `?${name}=${encodeURIComponent(value)}`;
  return {
    method: method ?? (sent === null ? 'GET' : 'POST'),
    target: latin1(target ?? `/${query}`),
    fields: given,
    ...(sent === null ? {} : { body: sent.text }),
    ...(response === undefined
      ? {}
      : {
          response: {
            status: response.status ?? 200,
            fields: Object.entries(response.fields ?? { 'Content-Type': 'text/html' }),
            body: latin1(response.body ?? ''),
          },
        }),
    isMonitored: true,
  };
}

type Sent = { readonly type: string | null; readonly text: string };

function bodyOf({ form, json, xml, body }: CoreRequest): Sent | null {
  if (form !== undefined)
    return {
      type: 'application/x-www-form-urlencoded',
      text: new URLSearchParams(form).toString(),
    };
  if (json !== undefined) return { type: 'application/json', text: latin1(JSON.stringify(json)) };
  if (xml !== undefined) return { type: 'application/xml', text: latin1(xml) };
  return body === undefined ? null : { type: null, text: latin1(body) };
}

const latin1 = (text: string): string => Buffer.from(text).toString('latin1');
