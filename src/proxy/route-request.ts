/** What a route, its listener and the limits make of a request head, beside the verdict of its rules. */
import type { Config } from '#config/schema.ts';
import type { RequestView } from '#waf/request-view.ts';
import { takesConnect } from './asked-tunnel.ts';
import type { Entrance } from './entrance.ts';
import { fieldKind } from './http1/field-kind.ts';
import { type ParseProblem, problemOf } from './http1/parse-problem.ts';
import type { CompiledRoute, PathRewrite, RouteLimits } from './snapshot.ts';
import type { UpstreamGroup } from './upstream/upstream-group.ts';

const AMPERSAND = 38;

/** What a request is refused for that its rules need not see; `size` is what has come of its body. */
export function refusalBeforeRules(
  view: RequestView,
  size: number,
  limits: Config['edge']['limits'],
  { bodyBytesMax }: RouteLimits,
): ParseProblem | null {
  const reason = parametersProblem(view, limits);
  if (reason !== null) return { status: 414, reason };
  return Math.max(view.contentLength, size) > bodyBytesMax ? bodyTooLarge : null;
}

const bodyTooLarge = { status: 413, reason: 'request body too large' };

/** What is wrong with the parameters of the query, null when nothing is. */
function parametersProblem(view: RequestView, limits: Config['edge']['limits']): string | null {
  if (view.queryStart < 0) return null;
  const { bytes, targetEnd } = view;
  let count = 1;
  let start = view.queryStart;
  for (let at = start; at < targetEnd; at++) {
    if (bytes[at] !== AMPERSAND) continue;
    if (at - start > limits.parameterBytesMax) return 'query parameter too long';
    start = at + 1;
    count++;
  }
  if (targetEnd - start > limits.parameterBytesMax) return 'query parameter too long';
  return count > limits.parametersMax ? 'too many query parameters' : null;
}

/** The canary's share is of client addresses, so that one client does not change sides. */
export function pickUpstream(route: CompiledRoute, address: string): UpstreamGroup {
  const { canary } = route;
  if (canary === null) return route.upstream;
  return (hash(address) % 10_000) / 100 < canary.percent ? canary.upstream : route.upstream;
}

/** FNV-1a, 32 bits, mixed once more because the low bits decide. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  value ^= value >>> 16;
  value = Math.imul(value, 0x85ebca6b);
  return (value ^ (value >>> 13)) >>> 0;
}

/** In any case of letters: to the edge `trace` is no known method, but some origins fold case. */
const notServed = /^(?:CONNECT|TRACE)$/i;

/** Why a request that its rules let pass is refused all the same; null when it goes on. */
export function refusalAfterRules(
  view: RequestView,
  method: string,
  route: CompiledRoute,
  { tunnelsConnect }: Entrance,
): ParseProblem | null {
  if (view.refusal !== 0) return problemOf(view.refusal);
  if (tunnelsConnect && method === 'CONNECT' && takesConnect(view, route))
    return view.contentLength > 0 || view.chunked ? connectWithBody : null;
  if (notServed.test(method)) return methodNotServed;
  return route.rewrite !== null && !canRewrite(view, route.rewrite) ? notRewritable : null;
}

const methodNotServed = { status: 405, reason: 'method not served' };
const connectWithBody = { status: 400, reason: 'CONNECT with a body' };
const notRewritable = { status: 404, reason: 'path cannot be rewritten as it is spelled' };

/** Routes compare decoded paths; what is rewritten are the bytes, so they must say the prefix as it is. */
function canRewrite(view: RequestView, { prefix, isWhole }: PathRewrite): boolean {
  const end = view.pathStart + prefix.length;
  if (isWhole ? end !== view.pathEnd : end > view.pathEnd) return false;
  return prefix.compare(view.bytes, view.pathStart, end) === 0;
}

const UNDERSCORE = 95;
const DOT = 46;

/** Marks every field with an underscore or a dot in its name, where the listener drops them all. */
export function markAliases(view: RequestView): void {
  const { bytes, headers, kinds, headerCount } = view;
  for (let i = 0; i < headerCount; i++) {
    if (kinds[i] !== fieldKind.other) continue;
    const end = headers[i * 4 + 1] as number;
    for (let at = headers[i * 4] as number; at < end; at++) {
      if (bytes[at] !== UNDERSCORE && bytes[at] !== DOT) continue;
      kinds[i] = fieldKind.alias;
      break;
    }
  }
}
