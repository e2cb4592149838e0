/** Host calls on maps of header fields. */
import { mapType, mapTypeMax, status } from '../abi.ts';
import type { HeaderMap } from '../header-map.ts';
import type { CallHost, HostCalls } from '../host.ts';
import { type Pair, pairBytesMax, parsePairs, serialisedBytes, serialisePairs } from '../pairs.ts';

const nameBytesMax = 256;
const valueBytesMax = 65_536;

export function mapCalls(host: CallHost): HostCalls {
  const { access } = host;

  /** What a map holds now; null where it is not there. */
  const pairsOf = (type: number): readonly Pair[] | null => {
    if (type === mapType.callResponseHeaders) return host.callResponse?.fields ?? null;
    return mapOf(type)?.pairs() ?? null;
  };
  /** As Envoy has it: a log callback comes for requests that never had a response. */
  const absent = (): number =>
    host.effective?.phase === 'log' ? status.notFound : status.badArgument;
  const mapOf = (type: number): HeaderMap | null => {
    if (type === mapType.requestHeaders) return host.effective?.requestHeaders ?? null;
    if (type === mapType.responseHeaders) return host.effective?.responseHeaders ?? null;
    if (type === mapType.requestTrailers) return host.effective?.requestTrailers ?? null;
    if (type === mapType.responseTrailers) return host.effective?.responseTrailers ?? null;
    // There are no calls of gRPC, whose responses would have some.
    return null;
  };
  /** A change of one field: the map, its name and its value, or the status of what is wrong. */
  const change = (
    type: number,
    nameAt: number,
    nameLength: number,
    valueAt: number,
    valueLength: number,
    apply: (map: HeaderMap, name: string, value: string) => number,
  ): number => {
    if (type >>> 0 > mapTypeMax) return status.badArgument;
    const name = access.text(nameAt, nameLength, nameBytesMax);
    const value = access.text(valueAt, valueLength, valueBytesMax);
    if (name === null || value === null) return status.invalidMemoryAccess;
    const map = mapOf(type);
    return map === null ? status.badArgument : apply(map, name, value);
  };

  return {
    proxy_get_header_map_size(type: number, into: number): number {
      const pairs = pairsOf(type);
      if (pairs === null) return absent();
      const bytes = pairs.length === 0 ? 0 : serialisedBytes(pairs);
      return access.writeWord(into, bytes) ? status.ok : status.invalidMemoryAccess;
    },
    proxy_get_header_map_pairs(type: number, intoAddress: number, intoLength: number): number {
      if (type >>> 0 > mapTypeMax) return status.badArgument;
      // As Envoy has it: a map that is not there is an empty one. SDKs give up on anything else.
      const pairs = pairsOf(type) ?? [];
      const bytes = pairs.length === 0 ? noBytes : serialisePairs(pairs);
      return access.give(bytes, intoAddress, intoLength);
    },
    proxy_set_header_map_pairs(type: number, at: number, length: number): number {
      if (length >>> 0 > pairBytesMax) return status.badArgument;
      const bytes = access.view(at, length);
      if (bytes === null) return status.invalidMemoryAccess;
      const pairs = parsePairs(bytes);
      const map = mapOf(type);
      return pairs === null || map === null ? status.badArgument : map.replaceAll(pairs);
    },
    proxy_get_header_map_value(
      type: number,
      nameAt: number,
      nameLength: number,
      intoAddress: number,
      intoLength: number,
    ): number {
      const name = access.text(nameAt, nameLength, nameBytesMax);
      if (name === null) return status.invalidMemoryAccess;
      const pairs = pairsOf(type);
      if (pairs === null) return absent();
      const value =
        mapOf(type)?.get(name) ?? pairs.find((pair) => pair[0] === name.toLowerCase())?.[1];
      if (value === undefined) return status.notFound;
      return access.give(Buffer.from(value, 'latin1'), intoAddress, intoLength);
    },
    proxy_add_header_map_value: (type: number, ...field: Field) => change(type, ...field, add),
    proxy_replace_header_map_value: (type: number, ...field: Field) =>
      change(type, ...field, replace),
    proxy_remove_header_map_value: (type: number, nameAt: number, nameLength: number) =>
      change(type, nameAt, nameLength, 0, 0, remove),
  };
}

type Field = readonly [nameAt: number, nameLength: number, valueAt: number, valueLength: number];

const add = (map: HeaderMap, name: string, value: string): number => map.add(name, value);
const replace = (map: HeaderMap, name: string, value: string): number => map.replace(name, value);
const remove = (map: HeaderMap, name: string): number => map.remove(name);

const noBytes = Buffer.alloc(0);
