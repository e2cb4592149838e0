/**
 * The corpora as requests: each payload once, where it belongs. A payload is the value of a parameter of a browser-like
 * GET; XML and what is JSON go as a body of that type. The recorded session goes as the browser sent it.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BuiltRequest, Field } from '#wasm/seclang/built-request.ts';
import { missingShared, sharedFile } from './shared-file.ts';

export type DetectionRequest = {
  readonly id: string;
  readonly request: BuiltRequest;
  readonly body: Buffer | null;
};

export type DetectionGroup = {
  readonly name: string;
  readonly isAttack: boolean;
  readonly requests: readonly DetectionRequest[];
};

type Row = {
  readonly id: string;
  readonly class: string;
  readonly label: 'attack' | 'benign';
  readonly ambiguous?: boolean;
  readonly payload?: string;
  readonly payload_b64?: string;
};

type Recorded = {
  readonly method: string;
  readonly target: string;
  readonly fields: readonly Field[];
  readonly body_b64?: string;
};

export const attackClasses = [
  ...['sqli', 'xss', 'lfi', 'rce', 'rfi', 'ssrf', 'ssti', 'xxe', 'ssi', 'nosql'],
  ...['prototype-pollution', 'log4shell', 'crlf'],
] as const;
export const benignFiles = ['generated', 'doc-prose', 'naughty-strings'] as const;
const libinjectionFile = 'corpora/libinjection/samples.jsonl';

export const missingDetectionCorpora: string | false = missingShared('corpora/attacks');

const rowsOf = (path: string): readonly Row[] =>
  sharedFile(path).lines.map((line) => JSON.parse(line) as Row);

const group = (name: string, isAttack: boolean, rows: readonly Row[]): DetectionGroup => ({
  name,
  isAttack,
  requests: rows
    .filter((row) => row.ambiguous !== true && (row.label === 'attack') === isAttack)
    .map(requestOf),
});

/** By class, as `corpora/attacks` has them. */
export const attackGroups = (): readonly DetectionGroup[] =>
  attackClasses.map((name) => group(name, true, rowsOf(`corpora/attacks/${name}.jsonl`)));

export const benignGroups = (): readonly DetectionGroup[] =>
  benignFiles.map((name) => group(name, false, rowsOf(`corpora/benign/${name}.jsonl`)));

export function libinjectionGroups(): readonly DetectionGroup[] {
  const rows = rowsOf(libinjectionFile);
  const of = (kind: string): readonly Row[] => rows.filter((row) => row.class === kind);
  return [
    group('libinjection: sqli', true, of('sqli')),
    group('libinjection: xss', true, of('xss')),
    group('libinjection: once false positives', false, rows),
  ];
}

export function browserSession(): DetectionGroup {
  const path = join(import.meta.dirname, '../corpus/detection/browser-session.jsonl');
  // The first line says how it was recorded.
  const lines = readFileSync(path, 'utf8').trim().split('\n').slice(1);
  const requests = lines.map((line) => JSON.parse(line) as Recorded);
  return {
    name: 'session of a browser',
    isAttack: false,
    requests: requests.map(({ method, target, fields, body_b64 }, index) => ({
      id: `session/${index}`,
      request: { method, target, version: 'HTTP/1.1', fields },
      body: body_b64 === undefined ? null : Buffer.from(body_b64, 'base64'),
    })),
  };
}

const browserFields: readonly Field[] = [
  ['Host', 'shop.example.test'],
  [
    'User-Agent',
    'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36',
  ],
  ['Accept', 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8'],
  ['Accept-Language', 'en-US,en;q=0.9'],
  ['Accept-Encoding', 'gzip, deflate, br'],
];

function requestOf(row: Row): DetectionRequest {
  const value =
    row.payload === undefined
      ? Buffer.from(row.payload_b64 ?? '', 'base64')
      : Buffer.from(row.payload);
  const type = bodyTypeOf(row, value);
  if (type === null) {
    const target = `/search?q=${encodeBytes(value)}`;
    const request = { method: 'GET', target, version: 'HTTP/1.1', fields: browserFields };
    return { id: row.id, request, body: null };
  }
  const fields: readonly Field[] = [
    ...browserFields,
    ['Content-Type', type],
    ['Content-Length', String(value.length)],
  ];
  return {
    id: row.id,
    request: { method: 'POST', target: '/search', version: 'HTTP/1.1', fields },
    body: value,
  };
}

function bodyTypeOf(row: Row, value: Buffer): string | null {
  if (row.class === 'xxe') return 'application/xml';
  if (row.class !== 'nosql' && row.class !== 'prototype-pollution') return null;
  try {
    const parsed: unknown = JSON.parse(value.toString('utf8'));
    return typeof parsed === 'object' ? 'application/json' : null;
  } catch {
    return null;
  }
}

/** As `encodeURIComponent` does, of bytes. */
function encodeBytes(value: Buffer): string {
  return Array.from(value, (byte) => {
    const character = String.fromCharCode(byte);
    return /[A-Za-z0-9_.!~*'()-]/.test(character)
      ? character
      : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }).join('');
}
