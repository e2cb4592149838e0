/** `edge.listeners`: where clients connect, and how. */
import Type, { type Static } from 'typebox';
import { strict } from './schema-parts.ts';
import { tls } from './tls-schema.ts';

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
    headerAliases: Type.Union(
      [Type.Literal('drop-known'), Type.Literal('drop'), Type.Literal('keep')],
      {
        default: 'drop-known',
        description:
          'fields with _ or . in their names, which many applications read as -. drop-known: those that could pass for a field the edge itself reads or writes; drop: all; keep: none. Rules see them either way',
      },
    ),
    plaintext: Type.Optional(
      Type.Literal(true, {
        description: 'serve without TLS; a listener without tls or redirect has to say so',
      }),
    ),
  },
  strict,
);

export type Listener = Static<typeof listener>;
