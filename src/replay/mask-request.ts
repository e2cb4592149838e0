/**
 * A request without its secrets, of the same length and shape: what is written to disk of it.
 *
 * ```
 * target     values of secret parameters, and whatever holds a secret inside
 * fields     cookies, credentials, other secret fields whole; of URLs their queries
 * body       by its own look, not by what its type says: JSON, parts, pairs, elements, lines; the answer's as well
 * ```
 *
 * Which names are secret says `#core/secret-names.ts`, which texts hold one `#core/mask-secrets.ts`; how a value is
 * made unreadable `fill-secret.ts`. It says too often yes rather than too seldom: rules still see the shape. A body with a
 * Content-Encoding is masked inside it (`mask-coded.ts`); one that cannot be decoded is left out, as nobody can say what it
 * holds, and so is a coded one of which a request's beginning alone is here: rules look at it in other ways than at a whole one.
 */
import { isSecretName } from '#core/secret-names.ts';
import type { SecretFiller } from './fill-secret.ts';
import { maskBody } from './mask-body.ts';
import { maskCoded } from './mask-coded.ts';
import { maskPairs, maskValue } from './mask-text.ts';
import type { RecordedRequest } from './recorded-request.ts';

export function maskRequest(request: RecordedRequest, filler: SecretFiller): RecordedRequest {
  const head = Buffer.from(request.head);
  const fields = maskHead(head, filler, true);
  const responseHead = request.responseHead === null ? null : Buffer.from(request.responseHead);
  const answerFields = responseHead === null ? fields : maskHead(responseHead, filler, false);
  const isWhole = request.body === 'whole';
  const bytes = maskedBody(request.bytes, fields, isWhole, isWhole, filler);
  const masked = { ...request, head, responseHead, bytes: bytes ?? noBytes };
  if (bytes === null) masked.body = 'encoded';
  if (request.answerBytes === undefined || request.answer === undefined) return masked;
  const isAnswerWhole = request.answer === 'whole';
  const answerBytes = maskedBody(request.answerBytes, answerFields, isAnswerWhole, true, filler);
  const answer = answerBytes === null ? 'encoded' : request.answer;
  return { ...masked, answer, answerBytes: answerBytes ?? noBytes };
}

const noBytes = Buffer.alloc(0);

/** Null where it cannot be read, or is not to be kept where it is coded. */
function maskedBody(
  given: Buffer,
  fields: ReadonlyMap<string, string>,
  isWhole: boolean,
  keepsCoded: boolean,
  filler: SecretFiller,
): Buffer | null {
  const encoding = fields.get('content-encoding') ?? 'identity';
  if (given.length > 0 && encoding.trim().toLowerCase() !== 'identity')
    return keepsCoded ? maskCoded(encoding, given, isWhole, filler) : null;
  const bytes = Buffer.from(given);
  maskBody(bytes, filler);
  return bytes;
}

/** Masks in place; the fields as they stand now, names in lower case. */
function maskHead(
  head: Buffer,
  filler: SecretFiller,
  isRequest: boolean,
): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  let start = 0;
  for (let line = 0; start < head.length; line++) {
    let end = head.indexOf('\r\n', start, 'latin1');
    if (end < 0) end = head.length;
    if (line === 0) {
      if (isRequest) maskRequestLine(head, start, end, filler);
    } else {
      const colon = head.indexOf(58, start);
      if (colon > start && colon < end) {
        const name = head.toString('latin1', start, colon).toLowerCase();
        maskField(head, name, colon + 1, end, filler);
        const value = head.toString('latin1', colon + 1, end);
        const before = fields.get(name);
        fields.set(name, before === undefined ? value : `${before},${value}`);
      }
    }
    start = end + 2;
  }
  return fields;
}

function maskRequestLine(head: Buffer, start: number, end: number, filler: SecretFiller): void {
  const targetStart = head.indexOf(32, start) + 1;
  const targetEnd = head.lastIndexOf(32, end - 1);
  if (targetStart < 1 || targetEnd <= targetStart) return;
  const question = head.indexOf(63, targetStart);
  const pathEnd = question < 0 || question > targetEnd ? targetEnd : question;
  let segment = targetStart;
  for (let at = targetStart; at <= pathEnd; at++) {
    if (at < pathEnd && head[at] !== 47) continue;
    maskValue(head, segment, at, filler);
    segment = at + 1;
  }
  if (pathEnd < targetEnd) maskPairs(head, pathEnd + 1, targetEnd, filler);
}

/** Say how the message is to be read, and nothing secret. */
const structural: ReadonlySet<string> = new Set([
  ...['host', 'content-length', 'content-type', 'content-encoding', 'transfer-encoding'],
  ...['connection', 'accept', 'accept-encoding', 'accept-language', 'date'],
]);

function maskField(
  head: Buffer,
  name: string,
  from: number,
  end: number,
  filler: SecretFiller,
): void {
  let start = from;
  while (start < end && (head[start] === 32 || head[start] === 9)) start++;
  if (structural.has(name)) return;
  if (name === 'cookie' || name === 'set-cookie') {
    const semicolon = name === 'cookie' ? -1 : head.indexOf(59, start);
    maskCookies(head, start, semicolon < 0 || semicolon > end ? end : semicolon, filler);
    return;
  }
  if (isSecretName(name)) {
    const scheme = /^[A-Za-z][A-Za-z0-9-]{1,15} +(?=\S)/.exec(head.toString('latin1', start, end));
    filler.fill(head, start + (scheme?.[0].length ?? 0), end);
    return;
  }
  const question = head.indexOf(63, start);
  if (question >= 0 && question < end) {
    maskValue(head, start, question, filler);
    maskPairs(head, question + 1, end, filler);
  } else maskValue(head, start, end, filler);
}

/** Any of them may be the session, whatever it is called. */
function maskCookies(head: Buffer, start: number, end: number, filler: SecretFiller): void {
  for (let from = start; from < end; ) {
    let to = head.indexOf(59, from);
    if (to < 0 || to > end) to = end;
    const equals = head.indexOf(61, from);
    const hasName = equals >= 0 && equals < to;
    let value = hasName ? equals + 1 : from;
    while (value < to && head[value] === 32) value++;
    filler.fill(head, value, to);
    from = to + 1;
  }
}
