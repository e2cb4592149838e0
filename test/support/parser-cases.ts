/**
 * A parser case of llhttp's notes against our codec: every message in its bytes, head and body, on one
 * connection, without a proxy around it.
 *
 * A missing Host does not end a case, as llhttp has no such rule and most of its cases have none: what
 * follows is still compared. It is given back beside the verdict.
 */
import { BodyDecoder, framing } from '#proxy/http1/body-decoder.ts';
import { BodyPiece } from '#proxy/http1/body-piece.ts';
import { complete, incomplete, parseProblem, problemOf } from '#proxy/http1/parse-problem.ts';
import { parseRequest } from '#proxy/http1/parse-request.ts';
import { RequestView } from '#waf/request-view.ts';
import type { ParserCase } from './smuggling-cases.ts';

const limits = { headBytesMax: 32_768, urlBytesMax: 8_192 };

/** What the codec says: `ok`, or why not. `closes` ends the connection before the bytes do. */
export type CodecResult = {
  readonly problem: string;
  readonly hostless: boolean;
  readonly closes: boolean;
};

export function codecResult(raw: Buffer): CodecResult {
  const view = new RequestView(100);
  const decoder = new BodyDecoder();
  const piece = new BodyPiece();
  let hostless = false;
  let at = 0;
  while (at < raw.length) {
    const result = parseRequest(view, raw, at, raw.length, limits);
    if (result === incomplete) break;
    if (result === parseProblem.hostMissing) hostless = true;
    else if (result !== complete)
      return { problem: problemOf(result).reason, hostless, closes: false };
    const kind = view.chunked
      ? framing.chunked
      : view.contentLength > 0
        ? framing.length
        : framing.none;
    decoder.reset(kind, view.contentLength);
    const body = decoder.decode(piece, raw, view.end, raw.length, false);
    if (body < 0) return { problem: problemOf(body).reason, hostless, closes: false };
    at = decoder.position;
    const isLast = view.connectionClose || (view.minor === 0 && !view.connectionKeepAlive);
    if (isLast && at < raw.length) return { problem: '', hostless, closes: true };
  }
  return { problem: '', hostless, closes: false };
}

/** By what our codec says: where it refuses what llhttp takes, and why that is right. */
const stricter: Readonly<Record<string, string>> = {
  'malformed Host': 'Host is an authority and nothing else (RFC 9112, 3.2)',
};

/** By case: every other difference, and why it stands. */
const explained: Readonly<Record<string, string>> = {
  'connection-03':
    'stricter in effect: the bytes behind a last request are dropped, the connection closes',
  'connection-08': afterUpgrade(),
  'connection-12': afterUpgrade(),
  'connection-13': afterUpgrade(),
  'invalid-04': 'a method is any token (RFC 9110, 9.1); the origin judges it',
  'invalid-13': 'a method is any token (RFC 9110, 9.1); the origin judges it',
  'invalid-18': 'the line is not whole: another version gets its 505 with the line end',
  'method-05': 'stricter: the asterisk is for OPTIONS alone (RFC 9112, 3.2.4)',
  'method-12': 'stricter: HTTP only, no ICE',
  'method-13': 'stricter: HTTP only, no RTSP',
  'method-14': 'stricter: HTTP only, no RTSP',
  'method-15': 'stricter: an HTTP/2 preface has no business on an HTTP/1.1 connection',
  'sample-10': 'stricter: no HTTP/0.9',
  'transfer-encoding-09':
    'extensions are bounded and dropped, never forwarded; the chunk is framed anew',
  'transfer-encoding-11':
    'extensions are bounded and dropped, never forwarded; CR LF ends one, quoted or not',
  'transfer-encoding-17': 'stricter: no fragment in a target, and no coding but chunked',
  'transfer-encoding-18': 'stricter: no fragment in a target, and no coding but chunked',
  'uri-08': 'stricter: no fragment in a target (RFC 9112, 3.2)',
  'uri-10': 'stricter: no user information in a target (RFC 9110, 4.2.4)',
};

function afterUpgrade(): string {
  return 'stricter: a tunnel begins with the 101 of the origin; until then bytes are the next request';
}

export type ParserDifference = {
  readonly one: ParserCase;
  readonly ours: string;
  /** Empty where nobody has explained it. */
  readonly reason: string;
};

/** Null where both say the same. */
export function parserDifference(one: ParserCase): ParserDifference | null {
  const { problem, closes } = codecResult(Buffer.from(one.raw, 'base64'));
  if ((problem === '') === (one.parser === 'ok')) return null;
  const ours = problem !== '' ? problem : closes ? 'the rest is dropped' : 'ok';
  const reason = explained[one.id.replace('llhttp-', '')] ?? stricter[problem] ?? '';
  return { one, ours, reason };
}
