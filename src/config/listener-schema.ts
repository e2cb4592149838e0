/** `edge.listeners`: where clients connect, and how. */
import Type, { type Static } from 'typebox';
import { milliseconds, strict } from './schema-parts.ts';
import { tls } from './tls-schema.ts';

const tcp = Type.Object(
  {
    upstream: Type.String({
      description: 'a name under upstreams; its servers get the bytes as they come',
    }),
    idleMs: milliseconds(600_000, 'without a byte either way'),
    sendProxyProtocol: Type.Optional(
      Type.Literal('v2', {
        description: 'begin each upstream connection with a PROXY header that names the client',
      }),
    ),
  },
  strict,
);

export const listener = Type.Object(
  {
    address: Type.String({
      description:
        'host:port to listen on; IPv6 as "[::]:8443", which is IPv6 only; port 0 lets the system pick',
    }),
    tls: Type.Optional(tls),
    redirect: Type.Optional(
      Type.Literal('https', { description: 'answer everything with a redirect to https' }),
    ),
    redirectPort: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 65_535,
        description: 'port in the redirect, where it is not 443',
      }),
    ),
    lengthWithChunked: Type.Union([Type.Literal('refuse'), Type.Literal('drop')], {
      default: 'refuse',
      description:
        'a request with both Content-Length and Transfer-Encoding: refuse it, or drop Content-Length and close the connection behind it (RFC 9112 section 6.3)',
    }),
    connect: Type.Union([Type.Literal('refuse'), Type.Literal('tunnel')], {
      default: 'refuse',
      description:
        'CONNECT, after its rules: refuse it, or send it to the upstream of its route, a proxy that is reached by http1, and tunnel bytes once that answers 2xx. The edge itself connects to no target a client names; in HTTP/2 it is refused',
    }),
    withoutVersion: Type.Union([Type.Literal('refuse'), Type.Literal('close')], {
      default: 'refuse',
      description:
        'GET and a target without a version, as HTTP/0.9 had it: refuse it, or, as such a client reads no status line, let its rules see it and close the connection without an answer (logged as 444)',
    }),
    headerAliases: Type.Union(
      [Type.Literal('drop-known'), Type.Literal('drop'), Type.Literal('keep')],
      {
        default: 'drop-known',
        description:
          'fields with _ or . in their names, which many applications read as -. drop-known: those that could pass for a field the edge itself reads or writes; drop: all; keep: none. Rules see them either way',
      },
    ),
    http2: Type.Optional(
      Type.Boolean({
        description:
          'serve HTTP/2: with tls when the client asks for it (ALPN), and true unless said; on a plaintext listener to clients that begin with it, and false unless said',
      }),
    ),
    plaintext: Type.Optional(
      Type.Literal(true, {
        description: 'serve without TLS; a listener without tls, redirect or tcp has to say so',
      }),
    ),
    tcp: Type.Optional(tcp),
    proxyProtocol: Type.Optional(
      Type.Object(
        {
          from: Type.Array(Type.String(), {
            minItems: 1,
            maxItems: 1_024,
            description:
              'addresses and CIDR ranges of the load balancers that begin each connection with a PROXY header (version 1 or 2); others are refused',
          }),
        },
        strict,
      ),
    ),
    clientAddress: Type.Optional(
      Type.Object(
        {
          header: Type.String({
            pattern: "^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}$",
            description:
              'X-Forwarded-For, Forwarded, or a field that holds one address, such as CF-Connecting-IP; believed from edge.trustedProxies only',
          }),
          hops: Type.Integer({
            minimum: 1,
            maximum: 32,
            default: 1,
            description:
              'proxies in front that add to the field: the address is this one from the right',
          }),
        },
        strict,
      ),
    ),
  },
  strict,
);

export type Listener = Static<typeof listener>;
