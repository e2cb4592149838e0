/**
 * What the target parser must know of variables: which hold many values, so that one can be picked by
 * name, and which of ModSecurity's own Weir does not fill, with the reason.
 */
import type { VariableName } from './variables.ts';

export const collections: ReadonlySet<VariableName> = new Set<VariableName>([
  'ARGS',
  'ARGS_GET',
  'ARGS_GET_NAMES',
  'ARGS_NAMES',
  'ARGS_POST',
  'ARGS_POST_NAMES',
  'ENV',
  'FILES',
  'FILES_NAMES',
  'FILES_SIZES',
  'GEO',
  'GLOBAL',
  'IP',
  'MATCHED_VARS',
  'MATCHED_VARS_NAMES',
  'MULTIPART_FILENAME',
  'MULTIPART_NAME',
  'MULTIPART_PART_HEADERS',
  'REQUEST_COOKIES',
  'REQUEST_COOKIES_NAMES',
  'REQUEST_HEADERS',
  'REQUEST_HEADERS_NAMES',
  'RESOURCE',
  'RESPONSE_HEADERS',
  'RESPONSE_HEADERS_NAMES',
  'RULE',
  'SESSION',
  'TX',
  'USER',
  'XML',
]);

export type Refusal = { readonly reason: string; readonly fix: string };

/** The entry of a table whose names are written as people write them, found by the name without case. */
export function refusalNamed(
  table: Readonly<Record<string, Refusal>>,
  name: string,
): (Refusal & { readonly name: string }) | null {
  const lower = name.toLowerCase();
  const found = Object.entries(table).find(([known]) => known.toLowerCase() === lower);
  return found === undefined ? null : { name: found[0], ...found[1] };
}

const noStream = 'bodies are not rewritten by rules';
const noFiles = 'files are not written to disk';
const noProcess = 'it belongs to the process of a web server, which is not here';
const moduleFix = 'write the check as a module (weir module new)';

export const refusedVariables: Readonly<Record<string, Refusal>> = {
  FILES_TMPNAMES: { reason: noFiles, fix: 'look at FILES, FILES_NAMES or FILES_SIZES' },
  FILES_TMP_CONTENT: { reason: noFiles, fix: moduleFix },
  MSC_PCRE_ERROR: { reason: 'patterns never give up here', fix: 'remove this target' },
  PERF_ALL: { reason: 'no such timers', fix: 'read the metrics of the node' },
  REMOTE_IDENT: { reason: 'identd is not asked', fix: 'remove this target' },
  REQUEST_BODY_TMPFILE: { reason: noFiles, fix: 'look at REQUEST_BODY' },
  SCRIPT_BASENAME: { reason: noProcess, fix: 'look at REQUEST_BASENAME' },
  SCRIPT_FILENAME: { reason: noProcess, fix: 'look at REQUEST_FILENAME' },
  SCRIPT_GID: { reason: noProcess, fix: 'remove this target' },
  SCRIPT_GROUPNAME: { reason: noProcess, fix: 'remove this target' },
  SCRIPT_MODE: { reason: noProcess, fix: 'remove this target' },
  SCRIPT_UID: { reason: noProcess, fix: 'remove this target' },
  SCRIPT_USERNAME: { reason: noProcess, fix: 'remove this target' },
  STREAM_INPUT_BODY: { reason: noStream, fix: 'look at REQUEST_BODY' },
  STREAM_OUTPUT_BODY: { reason: noStream, fix: 'look at RESPONSE_BODY' },
  USERAGENT_IP: { reason: 'the address of the client is REMOTE_ADDR', fix: 'look at REMOTE_ADDR' },
  WEBAPPID: { reason: 'applications are routes here', fix: 'give the route rules of its own' },
  WEBSERVER_ERROR_LOG: { reason: noProcess, fix: 'remove this target' },
};

/** Why a variable that ModSecurity has is not here; null where nobody has it. */
export function variableRefusal(upperName: string): Refusal | null {
  if (upperName.startsWith('PERF_')) return refusedVariables['PERF_ALL'] ?? null;
  return Object.hasOwn(refusedVariables, upperName) ? (refusedVariables[upperName] ?? null) : null;
}
