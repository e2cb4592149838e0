/**
 * Where values come from, as the guest numbers them: collections that parsers fill, and single values. A
 * SecLang variable is one or two of them, and either their values or their names.
 */
import type { VariableName } from '#waf/language/variables.ts';
import { noSource, part } from './image-layout.ts';

/** As `Collection` of `wasm-rules/engine/sink.ts`, and two that rules themselves fill. */
export const collection = {
  argsGet: 0,
  argsPost: 1,
  cookies: 2,
  requestHeaders: 3,
  responseHeaders: 4,
  files: 5,
  partHeaders: 6,
  xmlText: 7,
  xmlAttributes: 8,
  fileSizes: 9,
  tx: 12,
  matchedVars: 13,
} as const;

export const firstSingle = 16;

/** Append only: the guest has the same list (`Single` of `wasm-rules/seclang/layout.ts`). */
export const singleNames = [
  'ARGS_COMBINED_SIZE',
  'AUTH_TYPE',
  'DURATION',
  'FILES_COMBINED_SIZE',
  'FULL_REQUEST',
  'FULL_REQUEST_LENGTH',
  'HIGHEST_SEVERITY',
  'INBOUND_DATA_ERROR',
  'MATCHED_VAR',
  'MATCHED_VAR_NAME',
  'MODSEC_BUILD',
  'MSC_PCRE_LIMITS_EXCEEDED',
  'MULTIPART_BOUNDARY_QUOTED',
  'MULTIPART_BOUNDARY_WHITESPACE',
  'MULTIPART_CRLF_LF_LINES',
  'MULTIPART_DATA_AFTER',
  'MULTIPART_DATA_BEFORE',
  'MULTIPART_FILE_LIMIT_EXCEEDED',
  'MULTIPART_HEADER_FOLDING',
  'MULTIPART_INVALID_HEADER_FOLDING',
  'MULTIPART_INVALID_PART',
  'MULTIPART_INVALID_QUOTING',
  'MULTIPART_LF_LINE',
  'MULTIPART_MISSING_SEMICOLON',
  'MULTIPART_UNMATCHED_BOUNDARY',
  'MULTIPART_STRICT_ERROR',
  'OUTBOUND_DATA_ERROR',
  'PATH_INFO',
  'QUERY_STRING',
  'REMOTE_ADDR',
  'REMOTE_HOST',
  'REMOTE_PORT',
  'REMOTE_USER',
  'REQBODY_ERROR',
  'REQBODY_ERROR_MSG',
  'REQBODY_PROCESSOR',
  'REQUEST_BASENAME',
  'REQUEST_BODY',
  'REQUEST_BODY_LENGTH',
  'REQUEST_FILENAME',
  'REQUEST_LINE',
  'REQUEST_METHOD',
  'REQUEST_PROTOCOL',
  'REQUEST_URI',
  'REQUEST_URI_RAW',
  'RESPONSE_BODY',
  'RESPONSE_CONTENT_LENGTH',
  'RESPONSE_CONTENT_TYPE',
  'RESPONSE_PROTOCOL',
  'RESPONSE_STATUS',
  'SERVER_ADDR',
  'SERVER_NAME',
  'SERVER_PORT',
  'STATUS_LINE',
  'TIME',
  'TIME_DAY',
  'TIME_EPOCH',
  'TIME_HOUR',
  'TIME_MIN',
  'TIME_MON',
  'TIME_SEC',
  'TIME_WDAY',
  'TIME_YEAR',
  'UNIQUE_ID',
  'URLENCODED_ERROR',
] as const satisfies readonly VariableName[];

export type SingleName = (typeof singleNames)[number];

export const singleSource = (name: SingleName): number => firstSingle + singleNames.indexOf(name);

export const sourceCount = firstSingle + singleNames.length;

export type Sources = {
  readonly first: number;
  readonly second: number;
  readonly part: number;
  /** What a match is called. */
  readonly label: string;
};

const values = (label: string, first: number, second: number = noSource): Sources => ({
  first,
  second,
  part: part.value,
  label,
});
const names = (label: string, first: number, second: number = noSource): Sources => ({
  first,
  second,
  part: part.name,
  label,
});

const collections: Partial<Record<VariableName, Sources>> = {
  ARGS: values('ARGS', collection.argsGet, collection.argsPost),
  ARGS_GET: values('ARGS_GET', collection.argsGet),
  ARGS_GET_NAMES: names('ARGS_GET_NAMES', collection.argsGet),
  ARGS_NAMES: names('ARGS_NAMES', collection.argsGet, collection.argsPost),
  ARGS_POST: values('ARGS_POST', collection.argsPost),
  ARGS_POST_NAMES: names('ARGS_POST_NAMES', collection.argsPost),
  FILES: values('FILES', collection.files),
  FILES_NAMES: names('FILES_NAMES', collection.files),
  FILES_SIZES: values('FILES_SIZES', collection.fileSizes),
  MATCHED_VARS: values('MATCHED_VARS', collection.matchedVars),
  MATCHED_VARS_NAMES: names('MATCHED_VARS_NAMES', collection.matchedVars),
  MULTIPART_FILENAME: values('MULTIPART_FILENAME', collection.files),
  MULTIPART_NAME: names('MULTIPART_NAME', collection.files),
  MULTIPART_PART_HEADERS: values('MULTIPART_PART_HEADERS', collection.partHeaders),
  REQUEST_COOKIES: values('REQUEST_COOKIES', collection.cookies),
  REQUEST_COOKIES_NAMES: names('REQUEST_COOKIES_NAMES', collection.cookies),
  REQUEST_HEADERS: values('REQUEST_HEADERS', collection.requestHeaders),
  REQUEST_HEADERS_NAMES: names('REQUEST_HEADERS_NAMES', collection.requestHeaders),
  RESPONSE_HEADERS: values('RESPONSE_HEADERS', collection.responseHeaders),
  RESPONSE_HEADERS_NAMES: names('RESPONSE_HEADERS_NAMES', collection.responseHeaders),
  TX: values('TX', collection.tx),
  // The same numbers under older names.
  REQBODY_PROCESSOR_ERROR: values('REQBODY_PROCESSOR_ERROR', singleSource('REQBODY_ERROR')),
  REQBODY_PROCESSOR_ERROR_MSG: values(
    'REQBODY_PROCESSOR_ERROR_MSG',
    singleSource('REQBODY_ERROR_MSG'),
  ),
};

/** Null where Weir has nothing to fill it with: storage between requests, the origin's environment. */
export function sourcesOf(variable: VariableName): Sources | null {
  const known = collections[variable];
  if (known !== undefined) return known;
  const index = (singleNames as readonly string[]).indexOf(variable);
  return index < 0 ? null : values(variable, firstSingle + index);
}

export const xmlSources = {
  '/*': values('XML', collection.xmlText),
  '//@*': values('XML', collection.xmlAttributes),
} as const;

/** Values that are there once a head or body is parsed and change no more: those that are scanned once. */
const scannable: ReadonlySet<number> = new Set([
  collection.argsGet,
  collection.argsPost,
  collection.cookies,
  collection.requestHeaders,
  collection.responseHeaders,
  collection.files,
  collection.partHeaders,
  collection.xmlText,
  collection.xmlAttributes,
  ...(
    [
      'QUERY_STRING',
      'REQUEST_BASENAME',
      'REQUEST_BODY',
      'REQUEST_FILENAME',
      'REQUEST_LINE',
      'REQUEST_URI',
      'REQUEST_URI_RAW',
      'RESPONSE_BODY',
    ] as const
  ).map(singleSource),
]);

export const isScannable = (source: number): boolean => scannable.has(source);

/** Not there yet when rules of phase 1 run. */
const ofBody: ReadonlySet<number> = new Set([
  collection.argsPost,
  collection.files,
  collection.partHeaders,
  collection.xmlText,
  collection.xmlAttributes,
  collection.fileSizes,
  singleSource('REQUEST_BODY'),
]);

export const isOfBody = (source: number): boolean => ofBody.has(source);

/** A variable that is always empty: it has its name in the log and nothing else. */
export const noSourceAt = (variable: VariableName): Sources => values(variable, noSource, noSource);
