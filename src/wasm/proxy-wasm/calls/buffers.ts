/** Host calls on bodies and on the module's configuration. */
import { bufferType, bufferTypeMax, status } from '../abi.ts';
import { changedBodyBytesMax } from '../body-buffer.ts';
import type { CallHost, HostCalls } from '../host.ts';

export function bufferCalls(host: CallHost): HostCalls {
  const { access } = host;

  const bytesOf = (type: number): Buffer | number => {
    if (type >>> 0 > bufferTypeMax) return status.badArgument;
    if (type === bufferType.pluginConfiguration) return host.settings.configuration;
    if (type === bufferType.vmConfiguration) return noBytes;
    if (type === bufferType.callResponseBody) return host.callResponse?.body ?? status.notFound;
    const body = host.effective?.body;
    return body?.type === type ? body.buffer.bytes : status.notFound;
  };

  return {
    proxy_get_buffer_status(type: number, intoLength: number, intoFlags: number): number {
      const bytes = bytesOf(type);
      if (typeof bytes === 'number') return bytes;
      return access.writeWord(intoLength, bytes.length) && access.writeWord(intoFlags, 0)
        ? status.ok
        : status.invalidMemoryAccess;
    },
    proxy_get_buffer_bytes(
      type: number,
      start: number,
      length: number,
      intoAddress: number,
      intoLength: number,
    ): number {
      const bytes = bytesOf(type);
      if (typeof bytes === 'number') return bytes;
      const from = start >>> 0;
      const to = from + (length >>> 0);
      // As Envoy has it: the sum is one of 32 bits.
      if (to > 0xffff_ffff) return status.badArgument;
      return access.give(bytes.subarray(from, to), intoAddress, intoLength);
    },
    proxy_set_buffer_bytes(
      type: number,
      start: number,
      length: number,
      valueAt: number,
      valueLength: number,
    ): number {
      if (type >>> 0 > bufferTypeMax) return status.badArgument;
      if (valueLength >>> 0 > changedBodyBytesMax) return status.badArgument;
      const value = access.view(valueAt, valueLength);
      if (value === null) return status.invalidMemoryAccess;
      const body = host.effective?.body;
      if (body?.type !== type) return status.notFound;
      // Each splice copies the whole body.
      access.spend(body.buffer.bytes.length);
      const answer = body.buffer.splice(start >>> 0, length >>> 0, value);
      if (answer === status.unimplemented) {
        host.refuse(
          'proxy_set_buffer_bytes: a body is changed only while all of it is held, which one longer than waf.bodyWindowBytes is not',
        );
      }
      return answer;
    },
  };
}

const noBytes = Buffer.alloc(0);
