/** Host calls about the world outside of a request: the log, the clock, HTTP calls; and what there is not. */
import { ownFields } from '#core/own-fields.ts';
import { fieldEditProblem } from '#waf/field-edit.ts';
import { logLevelMax, status } from '../abi.ts';
import type { CallHost, HostCalls } from '../host.ts';
import { callBodyBytesMax, callTimeoutMsMax, grantedUrl } from '../http-call.ts';
import { type Pair, pairBytesMax, parsePairs } from '../pairs.ts';

/** A longer line is cut. */
export const logBytesMax = 4_096;
const clusterBytesMax = 2_000;
const method = /^[A-Z]{1,16}$/;
const authority = /^[!-~]{1,255}$/;

/** trace, debug, info, warn, error, critical as levels of the host. */
const levels = [1, 1, 2, 3, 4, 4] as const;
const levelInfo = 2;

export function outsideCalls(host: CallHost): HostCalls {
  const { access, services, settings } = host;

  return {
    proxy_log(level: number, at: number, length: number): number {
      if (level >>> 0 > logLevelMax) return status.badArgument;
      const shown = Math.min(length >>> 0, logBytesMax);
      // What is cut off has to lie in the memory all the same.
      const text = access.view(at, length)?.subarray(0, shown).toString('utf8');
      if (text === undefined) return status.invalidMemoryAccess;
      services.log(levels[level] ?? levelInfo, text);
      return status.ok;
    },
    // What is worth writing is the receiver's affair; nothing is kept from it here.
    proxy_get_log_level: (into: number) =>
      access.writeWord(into, levelInfo) ? status.ok : status.invalidMemoryAccess,
    proxy_get_current_time_nanoseconds: (into: number) =>
      access.writeWord64(into, services.wallNanoseconds()) ? status.ok : status.invalidMemoryAccess,
    proxy_http_call(
      clusterAt: number,
      clusterLength: number,
      fieldsAt: number,
      fieldsLength: number,
      bodyAt: number,
      bodyLength: number,
      trailersAt: number,
      trailersLength: number,
      timeoutMs: number,
      into: number,
    ): number {
      const cluster = access.text(clusterAt, clusterLength, clusterBytesMax);
      if (bodyLength >>> 0 > callBodyBytesMax || fieldsLength >>> 0 > pairBytesMax)
        return status.badArgument;
      const serialised = access.view(fieldsAt, fieldsLength);
      const body = access.view(bodyAt, bodyLength);
      const trailers = access.view(trailersAt, Math.min(trailersLength >>> 0, pairBytesMax));
      if (cluster === null || serialised === null || body === null || trailers === null)
        return status.invalidMemoryAccess;
      const call = readCall(parsePairs(serialised) ?? [], Buffer.from(body));
      if (typeof call === 'string') return refused(call, status.badArgument);
      if ((parsePairs(trailers)?.length ?? 1) > 0)
        return refused('a call has no trailers', status.badArgument);
      const url = grantedUrl(settings.servers, cluster, call.path);
      if (url === null) {
        return refused(
          `${printable(cluster)}${printable(call.path)} is not granted: add a prefix of it to fetch of the module`,
          status.badArgument,
        );
      }
      if (!access.writeWord(into, 0)) return status.invalidMemoryAccess;
      const bounded = Math.min(Math.max(timeoutMs >>> 0, 1), callTimeoutMsMax);
      const token = host.startCall(url, call.request, bounded);
      if (token === 0) return refused('too many calls are under way', status.internalFailure);
      access.writeWord(into, token);
      return status.ok;
    },
    /** Of the last call's response. */
    proxy_get_status(intoStatus: number, intoAddress: number, intoLength: number): number {
      const code = Number(host.callResponse?.fields[0]?.[1] ?? 0);
      if (!access.writeWord(intoStatus, code)) return status.invalidMemoryAccess;
      return access.give(noBytes, intoAddress, intoLength);
    },
    proxy_grpc_call: () => unsupported('proxy_grpc_call'),
    proxy_grpc_stream: () => unsupported('proxy_grpc_stream'),
    proxy_grpc_send: () => unsupported('proxy_grpc_send'),
    proxy_grpc_cancel: () => unsupported('proxy_grpc_cancel'),
    proxy_grpc_close: () => unsupported('proxy_grpc_close'),
    proxy_call_foreign_function: () => unsupported('proxy_call_foreign_function'),
    emscripten_notify_memory_growth: () => status.ok,
  };

  function refused(why: string, answer: number): number {
    host.refuse(`proxy_http_call: ${why}`);
    return answer;
  }

  function unsupported(name: string): number {
    host.refuse(`${name}: not supported`);
    return status.unimplemented;
  }
}

/** What is to be sent, or what is wrong with it. */
function readCall(pairs: readonly Pair[], body: Buffer) {
  const pseudo = new Map<string, string>();
  const fields: Pair[] = [];
  for (const [name, value] of pairs) {
    if (name.startsWith(':')) {
      pseudo.set(name, value);
      continue;
    }
    // Framing is the client's, and who is called is what the configuration grants.
    if (ownFields.has(name)) continue;
    const problem = fieldEditProblem({ kind: 'add', name, value });
    if (problem !== null) return problem;
    fields.push([name, value]);
  }
  const path = pseudo.get(':path');
  if (!method.test(pseudo.get(':method') ?? '')) return ':method is missing or no method';
  if (path === undefined || !/^\/[!-~]*$/.test(path)) return ':path is missing or no path';
  // Asked for, as in Envoy, and not sent: what is granted is a URL, whose host is the one that is called.
  if (!authority.test(pseudo.get(':authority') ?? ''))
    return ':authority is missing or no authority';
  return { path, request: { method: pseudo.get(':method') ?? '', fields, body } };
}

function printable(text: string): string {
  return text.slice(0, 200).replaceAll(/[^\x20-\x7e]/g, '?');
}

const noBytes = Buffer.alloc(0);
