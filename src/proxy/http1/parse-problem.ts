/**
 * Everything a message can be refused for while it is parsed: one table, so that a parser returns a
 * small number and logs, answers and metrics share its words.
 *
 * A parser's result is `incomplete` (0), `complete` (1) or the negated index of a problem.
 */

export const incomplete = 0;
export const complete = 1;

export type ParseProblem = { readonly status: number; readonly reason: string };

const problems: ParseProblem[] = [
  { status: 400, reason: 'unused' },
  { status: 400, reason: 'unused' },
];

function problem(status: number, reason: string): number {
  return -(problems.push({ status, reason }) - 1);
}

export const parseProblem = {
  requestLine: problem(400, 'malformed request line'),
  withoutVersion: problem(400, 'request line without a version'),
  method: problem(400, 'malformed method'),
  target: problem(400, 'malformed request target'),
  version: problem(505, 'HTTP version not supported'),
  lineBreak: problem(400, 'line break that is not CR LF'),
  fieldName: problem(400, 'malformed field name'),
  fieldValue: problem(400, 'control byte in a field value'),
  tooManyFields: problem(431, 'too many header fields'),
  headTooLarge: problem(431, 'header section too large'),
  targetTooLong: problem(414, 'request target too long'),
  hostMissing: problem(400, 'Host missing or repeated'),
  hostMalformed: problem(400, 'malformed Host'),
  contentLength: problem(400, 'malformed or repeated Content-Length'),
  transferEncoding: problem(501, 'Transfer-Encoding other than chunked'),
  transferEncodingRepeated: problem(400, 'repeated Transfer-Encoding'),
  transferEncodingOld: problem(400, 'Transfer-Encoding in HTTP/1.0'),
  lengthAndChunked: problem(400, 'Content-Length together with Transfer-Encoding'),
  expectation: problem(417, 'Expect other than 100-continue'),
  connectionOptions: problem(400, 'too many Connection options'),
  statusLine: problem(502, 'malformed status line'),
  chunkSize: problem(400, 'malformed chunk size'),
  chunkExtension: problem(400, 'chunk extension too long or malformed'),
  chunkData: problem(400, 'chunk data not followed by CR LF'),
  trailer: problem(400, 'malformed or too long trailer section'),
} as const;

/** The problem behind a negative parser result. */
export function problemOf(result: number): ParseProblem {
  return problems[-result] as ParseProblem;
}
