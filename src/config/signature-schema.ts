/** `waf.signatures`: whether rule modules have to be signed, and by whom. */
import Type, { type Static } from 'typebox';
import { namePattern, strict } from './schema-parts.ts';

export const signatureKey = Type.Object(
  {
    name: Type.String({
      pattern: namePattern,
      description: 'what logs and histories call the key',
    }),
    publicKey: Type.String({
      description: 'Ed25519, 32 bytes in base64 as "weir module keygen" prints them, or a PEM file',
    }),
  },
  strict,
);

export const signatures = Type.Object(
  {
    required: Type.Boolean({
      default: false,
      description:
        'a module without a signature is refused; those that ship with Weir ("builtin:") need none',
    }),
    keys: Type.Array(signatureKey, {
      default: [],
      maxItems: 32,
      description: 'keys whose signatures are taken; without any, signatures are not looked at',
    }),
  },
  { ...strict, default: {} },
);

export type SignatureKeyConfig = Static<typeof signatureKey>;
