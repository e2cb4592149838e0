/**
 * Answers the edge gives itself: a small page for people, RFC 9457 problem JSON for programs. Both carry
 * the request id, and neither says which rule decided; that stands in the log under the same id.
 */
import { STATUS_CODES } from 'node:http';
import type { RequestView } from '#waf/request-view.ts';
import type { LocalAnswer as FilterAnswer } from '#waf/verdict.ts';

export type LocalAnswer = { readonly contentType: string; readonly body: string };

/** A whole answer of the edge's own, as `ClientSide.sendLocal` takes it. */
export type OwnAnswer = {
  readonly status: number;
  readonly contentType: string;
  readonly body: string | Buffer;
  /** `Name: value CR LF` for each. */
  readonly fields: string;
  /** For the access log. */
  readonly reason: string;
};

const details: Readonly<Record<number, string>> = {
  400: 'The request could not be understood.',
  403: 'The request was blocked.',
  404: 'Nothing is served under this address.',
  405: 'This method is not served here.',
  408: 'The request did not arrive in time.',
  413: 'The request body is too large.',
  414: 'The address is too long.',
  415: 'The media type of the request is not taken here.',
  417: 'The expectation in the request cannot be met.',
  429: 'Too many requests came from here.',
  431: 'The header fields are too large or too many.',
  501: 'The transfer coding is not supported.',
  502: 'The server behind this address gave no usable answer.',
  503: 'The service cannot take the request right now.',
  504: 'The server behind this address did not answer in time.',
  505: 'The HTTP version is not supported.',
};

export function errorAnswer(status: number, requestId: string, wantsHtml: boolean): LocalAnswer {
  const title = STATUS_CODES[status] ?? 'Error';
  const detail = details[status] ?? '';
  if (!wantsHtml) {
    return {
      contentType: 'application/problem+json',
      body: `${JSON.stringify({ type: 'about:blank', title, status, detail, requestId })}\n`,
    };
  }
  return {
    contentType: 'text/html; charset=utf-8',
    body: `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${status} ${title}</title>
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:34rem;margin:15vh auto;padding:0 1rem;color:#1d2733}
h1{font-size:1.5rem}code{background:#eef2f6;padding:.15rem .4rem;border-radius:.25rem}</style></head>
<body><h1>${status} ${title}</h1><p>${detail}</p>
<p>If you think this is a mistake, tell the site's owner this request id: <code>${requestId}</code></p></body></html>
`,
  };
}

/** Asked for by name: `*\/*` alone is a program. */
export function wantsHtml(view: RequestView): boolean {
  for (let i = 0; i < view.headerCount; i++) {
    const at = i * 4;
    if ((view.headers[at + 1] as number) - (view.headers[at] as number) !== 6) continue;
    if (view.headerName(i).toLowerCase() === 'accept' && view.headerValue(i).includes('text/html'))
      return true;
  }
  return false;
}

/** What such an answer says beside its page. */
export function fieldsOf(status: number, retryAfterSeconds: number, allow: string): string {
  if (status === 503 || status === 429) return `Retry-After: ${retryAfterSeconds}\r\n`;
  return status === 405 ? `Allow: ${allow || servedMethods}\r\n` : '';
}

const servedMethods = 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS';

/** The fields of an answer that a filter has made. */
export function fieldsOfAnswer({ fields }: FilterAnswer): {
  readonly contentType: string;
  readonly fields: string;
} {
  let contentType = 'text/plain';
  let lines = '';
  for (const [name, value] of fields) {
    if (name === 'content-type') contentType = value;
    else lines += `${name}: ${value}\r\n`;
  }
  return { contentType, fields: lines };
}
