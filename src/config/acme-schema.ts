/** `acme`: where certificates come from by themselves (RFC 8555), and the certificates that do. */
import Type, { type Static } from 'typebox';
import { oneOf, strict } from './schema-parts.ts';

export const acme = Type.Object(
  {
    directory: Type.String({
      pattern: '^https://[^\\s]+$',
      description: 'directory of the ACME server, an https address; there is no default',
    }),
    email: Type.Optional(
      Type.String({
        pattern: '^[^@\\s,:?&]+@[^@\\s,:?&]+$',
        description: 'where the server may write to you about your certificates',
      }),
    ),
    agreeToTerms: Type.Boolean({
      default: false,
      description: "true says that you have read the server's terms of service and agree to them",
    }),
    ca: Type.Optional(
      Type.String({
        description:
          'PEM file with a root to trust for the server itself, where it is a private one',
      }),
    ),
    challenge: oneOf(['auto', 'http-01', 'tls-alpn-01'], {
      default: 'auto',
      description:
        'how the names are proved: http-01 comes in on port 80, tls-alpn-01 on port 443; auto takes what works',
    }),
    accountKey: oneOf(['ES256', 'EdDSA'], {
      default: 'ES256',
      description: 'kind of key a new account gets; an account that is there keeps its own',
    }),
    externalAccount: Type.Optional(
      Type.Object(
        {
          keyId: Type.String({
            pattern: '^.+$',
            description: 'key identifier the certificate authority gave you',
          }),
          hmacKeyFile: Type.Optional(
            Type.String({ description: 'file with the key that goes with it, in base64url' }),
          ),
          hmacKeyVariable: Type.Optional(
            Type.String({
              pattern: '^[A-Za-z_][A-Za-z0-9_]*$',
              description: 'or the name of the environment variable that holds that key',
            }),
          ),
        },
        { ...strict, description: 'binds the account to one you have with the authority' },
      ),
    ),
  },
  { ...strict, description: 'where certificates come from by themselves' },
);

export type Acme = Static<typeof acme>;
