/** `edge.listeners[].tls`: the certificates shown, and what is spoken. */
import Type, { type Static } from 'typebox';
import { strict } from './schema-parts.ts';
import { defaultCiphers, defaultCurves } from './tls-names.ts';

export const tlsCertificate = Type.Object(
  {
    cert: Type.Optional(
      Type.String({ description: 'PEM file with the certificate chain, leaf first' }),
    ),
    key: Type.Optional(Type.String({ description: 'PEM file with the private key' })),
    acme: Type.Optional(
      Type.Array(Type.String(), {
        minItems: 1,
        maxItems: 100,
        description:
          'instead of cert and key: host names of one certificate obtained and renewed by ACME, see acme',
      }),
    ),
    ocsp: Type.Optional(
      Type.String({
        description: 'DER file with the OCSP response to staple, kept fresh by somebody else',
      }),
    ),
  },
  strict,
);

const version = (fallback: '1.2' | '1.3', description: string) =>
  Type.Union([Type.Literal('1.2'), Type.Literal('1.3')], { default: fallback, description });

export const tls = Type.Object(
  {
    certificates: Type.Array(tlsCertificate, {
      minItems: 1,
      maxItems: 1_000,
      description:
        'the certificates shown, by the names in them (subject alternative names, "*." for one label); the first also to clients that ask for another name or none',
    }),
    minVersion: version('1.2', 'oldest TLS version spoken'),
    maxVersion: version('1.3', 'newest TLS version spoken'),
    ciphers: Type.Array(Type.String(), {
      default: [...defaultCiphers],
      minItems: 1,
      maxItems: 32,
      description:
        'cipher suites by their OpenSSL names, the most wanted first; TLS_ names are for TLS 1.3, ECDHE- names for TLS 1.2',
    }),
    curves: Type.Array(Type.String(), {
      default: [...defaultCurves],
      minItems: 1,
      maxItems: 16,
      description: 'key exchange groups, the most wanted first',
    }),
    sessionTickets: Type.Boolean({
      default: true,
      description:
        'let a client resume its session with a ticket; false: every connection is a full handshake',
    }),
    ocspStapling: Type.Boolean({
      default: false,
      description:
        "fetch each certificate's OCSP response from its authority and staple it; the certificate file must hold the issuer",
    }),
    clientCertificates: Type.Object(
      {
        mode: Type.Union(
          [Type.Literal('off'), Type.Literal('optional'), Type.Literal('required')],
          {
            default: 'off',
            description:
              'off: not asked for; optional: asked for, rules see what came; required: without a valid one the handshake fails',
          },
        ),
        ca: Type.Optional(
          Type.String({
            description: 'PEM file with the authorities whose certificates are valid',
          }),
        ),
      },
      { ...strict, default: {} },
    ),
  },
  strict,
);

export type TlsCertificate = Static<typeof tlsCertificate>;
export type ListenerTls = Static<typeof tls>;
