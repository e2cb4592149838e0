/**
 * What an ACME server refuses, as one error a person can act on: problem documents (RFC 7807, RFC 8555
 * section 6.7) become a sentence, and each name that failed a line.
 *
 * The texts come from another machine and end in logs and on terminals: they are cut and cleaned here.
 */
import Type from 'typebox';
import { Check } from 'typebox/value';
import { WeirError } from '#core/errors.ts';

const textCharactersMax = 300;
const subproblemsMax = 20;
const typePrefix = 'urn:ietf:params:acme:error:';

const subproblem = Type.Object({
  type: Type.Optional(Type.String()),
  detail: Type.Optional(Type.String()),
  identifier: Type.Optional(Type.Object({ value: Type.String() })),
});
const problemDocument = Type.Object({
  type: Type.Optional(Type.String()),
  detail: Type.Optional(Type.String()),
  subproblems: Type.Optional(Type.Array(subproblem, { maxItems: 1_000 })),
});

export class AcmeError extends WeirError {
  /** Without the `urn:` in front, for example `rateLimited`; empty when the server named none. */
  readonly type: string;
  /** How long the server asks to be left alone. */
  readonly retryAfterMs: number | null;
  /** Null when it is not an HTTP answer that said so. */
  readonly httpStatus: number | null;

  constructor(
    message: string,
    options: {
      type?: string;
      retryAfterMs?: number | null;
      httpStatus?: number | null;
      details?: readonly string[];
      cause?: unknown;
    } = {},
  ) {
    super('ACME_FAILED', message, options);
    this.type = options.type ?? '';
    this.retryAfterMs = options.retryAfterMs ?? null;
    this.httpStatus = options.httpStatus ?? null;
  }
}

/** `what` names the step: "a new order", "the challenge for example.org". */
export function problemError(
  what: string,
  status: number | null,
  document: unknown,
  retryAfterMs: number | null,
): AcmeError {
  if (!Check(problemDocument, document)) {
    const code = status === null ? 'no reason' : `status ${status} and no reason`;
    return new AcmeError(`the ACME server refused ${what} with ${code}`, {
      retryAfterMs,
      httpStatus: status,
    });
  }
  const type = shortType(document.type);
  const details = (document.subproblems ?? [])
    .slice(0, subproblemsMax)
    .map(
      (one) =>
        `${cleanText(one.identifier?.value ?? 'a name')}: ${cleanText(one.detail ?? 'no reason')} (${shortType(one.type)})`,
    );
  return new AcmeError(
    `the ACME server refused ${what}: ${cleanText(document.detail ?? 'no reason given')}${type === '' ? '' : ` (${type})`}`,
    { type, retryAfterMs, httpStatus: status, details },
  );
}

function shortType(type: string | undefined): string {
  const text = cleanText(type ?? '');
  return text.startsWith(typePrefix) ? text.slice(typePrefix.length) : text;
}

export function cleanText(text: string): string {
  const cut = text.length > textCharactersMax ? `${text.slice(0, textCharactersMax)}…` : text;
  return cut.replace(/[\p{Cc}\u200e\u200f\u202a-\u202e\u2066-\u2069]+/gu, ' ').trim();
}
