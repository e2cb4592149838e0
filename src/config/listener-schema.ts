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
    plaintext: Type.Optional(
      Type.Literal(true, {
        description: 'serve without TLS; a listener without tls or redirect has to say so',
      }),
    ),
  },
  strict,
);

export type Listener = Static<typeof listener>;
