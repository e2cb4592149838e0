/** Host calls that decide what becomes of a request. */
import { ownFields } from '#core/own-fields.ts';
import { fieldEditProblem } from '#waf/field-edit.ts';
import type { LocalAnswer } from '#waf/verdict.ts';
import { status, streamType, streamTypeMax } from '../abi.ts';
import type { CallHost, HostCalls } from '../host.ts';
import { pairBytesMax, parsePairs } from '../pairs.ts';
import {
  getProperty,
  type PropertySource,
  propertyPathBytesMax,
  setProperty,
} from '../properties.ts';

const detailsBytesMax = 512;
export const localBodyBytesMax = 1024 * 1024;

export function streamCalls(host: CallHost): HostCalls {
  const { access, settings, services } = host;

  const propertySource = (): PropertySource => ({
    plugin: settings,
    stream: host.effective,
    lookup: services.lookup,
  });

  return {
    proxy_send_local_response(
      code: number,
      detailsAt: number,
      detailsLength: number,
      bodyAt: number,
      bodyLength: number,
      fieldsAt: number,
      fieldsLength: number,
      _grpcStatus: number,
    ): number {
      const details = access.text(detailsAt, detailsLength, detailsBytesMax);
      if (bodyLength >>> 0 > localBodyBytesMax || fieldsLength >>> 0 > pairBytesMax)
        return status.badArgument;
      const body = access.view(bodyAt, bodyLength);
      const serialised = access.view(fieldsAt, fieldsLength);
      if (details === null || body === null || serialised === null)
        return status.invalidMemoryAccess;
      const context = host.effective;
      const pairs = parsePairs(serialised);
      if (context === null || pairs === null || code < 200 || code > 599) return status.badArgument;
      if (!context.canAnswer) {
        host.refuse('proxy_send_local_response: the response is on its way');
        return status.badArgument;
      }
      const fields: (readonly [string, string])[] = [];
      for (const [name, value] of pairs) {
        // Framing is the edge's, and :status is the code.
        if (name.startsWith(':') || ownFields.has(name)) continue;
        const problem = fieldEditProblem({ kind: 'add', name, value });
        if (problem !== null) {
          host.refuse(`proxy_send_local_response: ${problem}`);
          return status.badArgument;
        }
        fields.push([name, value]);
      }
      context.answer = {
        kind: 'answer',
        status: code,
        rule: `${settings.name}/local-response`,
        reason: details === '' ? 'the module answered by itself' : printable(details),
        target: 'request',
        matched: '',
        fields,
        body: Buffer.from(body),
      } satisfies LocalAnswer;
      host.settle(context);
      return status.ok;
    },
    proxy_continue_stream(type: number): number {
      if (type >>> 0 > streamTypeMax) return status.badArgument;
      if (type > streamType.response) return status.unimplemented;
      const context = host.effective;
      if (context === null) return status.badArgument;
      const isResponse = context.phase === 'responseHead' || context.phase === 'responseBody';
      // The other direction is not paused: there is nothing to resume.
      if (isResponse !== (type === streamType.response)) return status.ok;
      context.isContinued = true;
      host.settle(context);
      return status.ok;
    },
    proxy_close_stream(type: number): number {
      host.refuse('proxy_close_stream: answer with proxy_send_local_response instead');
      return type >>> 0 > streamTypeMax ? status.badArgument : status.unimplemented;
    },
    // SDKs give up on anything but Ok. The route's modules have judged the request, so it stays on that route.
    proxy_clear_route_cache(): number {
      if (host.effective?.transaction.request.hasNewLine === true)
        host.refuse(
          'proxy_clear_route_cache: a request that a module has rewritten keeps its route',
        );
      return status.ok;
    },
    proxy_set_effective_context(id: number): number {
      const context = host.context(id >>> 0);
      if (context === undefined) return status.badArgument;
      host.effective = context;
      return status.ok;
    },
    proxy_done(): number {
      host.refuse('proxy_done: a request is over when it is over; nothing waits for it');
      return status.notFound;
    },
    proxy_get_property(
      pathAt: number,
      pathLength: number,
      intoAddress: number,
      intoLength: number,
    ): number {
      const path = access.text(pathAt, pathLength, propertyPathBytesMax);
      if (path === null) return status.invalidMemoryAccess;
      const value = getProperty(path, propertySource());
      return value === null ? status.notFound : access.give(value, intoAddress, intoLength);
    },
    proxy_set_property(
      pathAt: number,
      pathLength: number,
      valueAt: number,
      valueLength: number,
    ): number {
      const path = access.text(pathAt, pathLength, propertyPathBytesMax);
      const value = access.view(valueAt, valueLength);
      if (path === null || value === null) return status.invalidMemoryAccess;
      const problem = setProperty(path, value, propertySource());
      if (problem === null) return status.ok;
      host.refuse(`proxy_set_property: ${problem}`);
      return status.unimplemented;
    },
  };
}

function printable(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]/g, '?');
}
