/**
 * What `proxy_get_property` knows, by Envoy's names (its attributes), and what a guest may set.
 *
 * Numbers are 8 bytes little-endian, booleans one byte, times nanoseconds since 1970, everything else is
 * text: as Envoy serialises them. Names come with zero bytes between their parts as SDKs for Rust, Go and
 * C++ write them, or with dots as the one for AssemblyScript does.
 *
 * A guest may keep properties of its own names for the rest of a request, and write those that are parts of the
 * request line (`line-properties.ts`). Any other that says what a request is, it may read alone.
 */
import type { RequestLine } from '#waf/request-line.ts';
import type { Transaction } from '#waf/transaction.ts';
import type { HeaderMap } from './header-map.ts';
import { isLineProperty, lineChange } from './line-properties.ts';

/** A request's own properties, names and values. */
export const ownPropertiesMax = 32;
export const ownPropertyBytesMax = 16_384;
export const propertyPathBytesMax = 512;

/** What properties are read from; null where there is no request, as in a timer. */
export type PropertySource = {
  readonly plugin: { readonly name: string; readonly rootId: string };
  readonly stream: {
    readonly transaction: Transaction;
    readonly startedNanoseconds: bigint;
    readonly requestHeaders: HeaderMap;
    readonly responseHeaders: HeaderMap | null;
    readonly responseStatus: number;
    readonly own: Map<string, Buffer>;
    readonly changeLine: (change: Partial<RequestLine>) => string | null;
  } | null;
  /** From the address databases that the configuration grants; null for nothing. */
  readonly lookup: (address: string, path: string) => string | null;
};

type Stream = NonNullable<PropertySource['stream']>;
type Lookup = PropertySource['lookup'];
type Value = Buffer | string | number | bigint | boolean | null | undefined;

export function getProperty(path: string, source: PropertySource): Buffer | null {
  const parts = partsOf(path);
  const [first = '', ...rest] = parts;
  const own = source.stream?.own.get(parts.join('.'));
  if (own !== undefined) return own;
  if (rest.length === 0 && Object.hasOwn(plugin, first)) return encode(plugin[first]?.(source));
  if (source.stream === null) return null;
  return encode(streamProperty(parts.join('.'), source.stream, source.lookup));
}

/** Why not, as text; null when it is set. */
export function setProperty(path: string, value: Buffer, source: PropertySource): string | null {
  const { stream } = source;
  const name = partsOf(path).join('.');
  if (stream === null) return `setting ${name}: there is no request to set it for`;
  if (isLineProperty(name)) {
    const change = lineChange(name, value.toString('latin1'), stream);
    const problem = typeof change === 'string' ? change : stream.changeLine(change);
    return problem === null ? null : `setting ${name}: ${problem}`;
  }
  if (isHostProperty(name)) return `setting ${name}: a module does not change whose a request is`;
  const { own } = stream;
  const before = own.get(name);
  let bytes = value.length - (before?.length ?? -name.length);
  for (const [key, kept] of own) bytes += key.length + kept.length;
  if (bytes > ownPropertyBytesMax || (before === undefined && own.size >= ownPropertiesMax))
    return `setting ${name}: the request has as many properties as it may have`;
  own.set(name, Buffer.from(value));
  return null;
}

/** Whether the name means something to the host, whether it has a value now or not. */
function isHostProperty(name: string): boolean {
  return (
    Object.hasOwn(plugin, name) ||
    Object.hasOwn(attributes, name) ||
    headerName(name, 'request.headers.') !== null ||
    headerName(name, 'response.headers.') !== null
  );
}

function partsOf(path: string): string[] {
  return path.includes('\0') ? path.split('\0').filter((part) => part !== '') : path.split('.');
}

const plugin: Readonly<Record<string, (source: PropertySource) => Value>> = {
  plugin_name: ({ plugin }) => plugin.name,
  plugin_root_id: ({ plugin }) => plugin.rootId,
  plugin_vm_id: () => '',
};

function streamProperty(name: string, stream: Stream, lookup: Lookup): Value {
  const requestField = headerName(name, 'request.headers.');
  if (requestField !== null) return latin1(stream.requestHeaders.get(requestField));
  const responseField = headerName(name, 'response.headers.');
  if (responseField !== null) return latin1(stream.responseHeaders?.get(responseField));
  return Object.hasOwn(attributes, name) ? attributes[name]?.(stream, lookup) : null;
}

function headerName(name: string, prefix: string): string | null {
  return name.startsWith(prefix) && name.length > prefix.length ? name.slice(prefix.length) : null;
}

const requestField =
  (name: string) =>
  ({ requestHeaders }: Stream): Value =>
    latin1(requestHeaders.get(name));

const located =
  (path: string) =>
  ({ transaction }: Stream, lookup: Lookup): Value =>
    lookup(transaction.facts.clientAddress, path);

const attributes: Readonly<Record<string, (stream: Stream, lookup: Lookup) => Value>> = {
  'request.path': requestField(':path'),
  'request.url_path': ({ requestHeaders }) => latin1(requestHeaders.get(':path')?.split('?', 1)[0]),
  // Not of Envoy's attributes: what follows the last dot of a path's last part.
  'request.extension': ({ requestHeaders }) =>
    latin1(/\.([^./]+)$/.exec(requestHeaders.get(':path')?.split('?', 1)[0] ?? '')?.[1]),
  'request.query': ({ transaction: { request } }) =>
    request.queryStart < 0 ? '' : request.bytes.subarray(request.queryStart, request.targetEnd),
  'request.host': requestField(':authority'),
  'request.scheme': requestField(':scheme'),
  'request.method': requestField(':method'),
  'request.referer': requestField('referer'),
  'request.useragent': requestField('user-agent'),
  'request.url': ({ requestHeaders }) =>
    latin1(
      `${requestHeaders.get(':scheme')}://${requestHeaders.get(':authority') ?? ''}${requestHeaders.get(':path')}`,
    ),
  'request.id': ({ transaction }) => transaction.requestId,
  'request.protocol': ({ transaction: { request } }) =>
    request.major === 2 ? 'HTTP/2' : request.major === 0 ? 'HTTP/0.9' : `HTTP/1.${request.minor}`,
  'request.time': ({ startedNanoseconds }) => startedNanoseconds,
  'request.size': ({ transaction: { request } }) => Math.max(request.contentLength, 0),
  'response.code': ({ responseStatus }) => (responseStatus === 0 ? null : responseStatus),
  // Two bytes in network order: what the host that the AssemblyScript SDK is made for says.
  'response.status': ({ responseStatus }) =>
    responseStatus === 0 ? null : Buffer.from([responseStatus >>> 8, responseStatus & 0xff]),
  'source.address': ({ transaction }) => transaction.facts.clientAddress,
  'request.x_real_ip': ({ transaction }) => transaction.facts.clientAddress,
  'request.country': located('country.iso_code'),
  'request.continent': located('continent.code'),
  'request.city': located('city.names.en'),
  'request.asn': located('autonomous_system_number'),
  'connection.mtls': ({ transaction }) => transaction.facts.certificate?.verified === true,
  'connection.subject_peer_certificate': ({ transaction }) =>
    transaction.facts.certificate?.subject,
  'connection.sha256_peer_certificate_digest': ({ transaction }) =>
    transaction.facts.certificate?.sha256,
  route_name: ({ transaction }) => transaction.route,
  cluster_name: ({ transaction }) => transaction.upstream,
  'weir.ja4': ({ transaction }) => transaction.facts.ja4,
  'weir.score': ({ transaction }) => String(transaction.score),
  'weir.tags': ({ transaction }) => [...transaction.tags].join(' '),
};

function latin1(text: string | undefined): Buffer | undefined {
  return text === undefined ? undefined : Buffer.from(text, 'latin1');
}

function encode(value: Value): Buffer | null {
  if (value === null || value === undefined) return null;
  if (Buffer.isBuffer(value)) return value;
  if (typeof value === 'string') return Buffer.from(value);
  if (typeof value === 'boolean') return Buffer.from([value ? 1 : 0]);
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64LE(BigInt.asIntN(64, BigInt(value)));
  return bytes;
}
