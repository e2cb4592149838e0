/**
 * Signatures of rule modules: Ed25519 over a text that names the module, its bytes and a sequence number.
 *
 * ```
 * weir-module-1 LF NAME LF SHA256 LF SEQUENCE LF            what is signed
 * { "module", "sha256", "sequence", "keyName"?, "signature" }   FILE.sig, JSON
 * ```
 *
 * The name is in it so that a module signed for one place cannot be put in another, the sequence number so
 * that an old version with a known hole cannot be brought back by whoever gets hold of its file. All of it
 * is checked before a byte of the module is looked at by a compiler.
 */
import { type KeyObject, sign, verify } from 'node:crypto';
import Type, { type Static } from 'typebox';
import { Check } from 'typebox/value';
import { WeirError } from './errors.ts';

export const moduleSignature = Type.Object(
  {
    module: Type.String({ minLength: 1, maxLength: 100 }),
    sha256: Type.String({ pattern: '^[0-9a-f]{64}$' }),
    sequence: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
    keyName: Type.Optional(Type.String({ minLength: 1, maxLength: 100 })),
    /** 64 bytes in base64. */
    signature: Type.String({ pattern: '^[A-Za-z0-9+/]{86}==$' }),
  },
  { additionalProperties: false },
);
export type ModuleSignature = Static<typeof moduleSignature>;

export type SignatureKey = { readonly name: string; readonly publicKey: KeyObject };

export type SignaturePolicy = {
  readonly isRequired: boolean;
  readonly keys: readonly SignatureKey[];
};

/** What a signature that holds says of a module. */
export type Signed = {
  readonly keyName: string;
  readonly sequence: number;
  readonly signature: string;
};

/** Throws MODULE_SIGNATURE_REFUSED. */
export function parseModuleSignature(text: string, from: string): ModuleSignature {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw refused(`${from} is no signature: it is not JSON; "weir module sign" makes one`);
  }
  if (!Check(moduleSignature, value)) {
    throw refused(
      `${from} is no signature: it needs module, sha256, sequence and signature, and nothing else but keyName; "weir module sign" makes one`,
    );
  }
  return value;
}

/**
 * Null where a module need not be signed and is not; without any key in the configuration signatures are
 * not looked at. Throws MODULE_SIGNATURE_REFUSED.
 */
export function checkModuleSignature(
  policy: SignaturePolicy,
  module: { readonly name: string; readonly sha256: string },
  found: ModuleSignature | null,
): Signed | null {
  const { name } = module;
  if (found === null || policy.keys.length === 0) {
    if (!policy.isRequired) return null;
    throw refused(
      policy.keys.length === 0
        ? `module ${name} is refused: waf.signatures.required is set and there are no keys in waf.signatures.keys`
        : `module ${name} has no signature, and waf.signatures.required is set; sign it with "weir module sign FILE --key FILE --name ${name}"`,
    );
  }
  if (found.module !== name)
    throw refused(
      `the signature is for a module named ${found.module}, and this is ${name}; sign it with --name ${name}`,
    );
  if (found.sha256 !== module.sha256)
    throw refused(
      `the signature of module ${name} is for other bytes: it says SHA-256 ${found.sha256}, these have ${module.sha256}`,
    );
  const key = keyOf(policy.keys, found, name);
  const { sequence, signature } = found;
  return { keyName: key.name, sequence, signature };
}

/** Refuses what was signed before something that was live already. Throws MODULE_SIGNATURE_REFUSED. */
export function checkSequence(name: string, signed: Signed, newest: number | null): void {
  if (newest === null || signed.sequence >= newest) return;
  throw refused(
    `the signature of module ${name} is older than one that was live already (sequence ${signed.sequence}, and ${newest} was accepted): it may be replayed; go back with "weir module rollback ${name}", or sign it anew`,
  );
}

export function signModule(
  privateKey: KeyObject,
  module: { readonly name: string; readonly sha256: string; readonly sequence: number },
  keyName: string | null,
): ModuleSignature {
  const { name, sha256, sequence } = module;
  const signature = sign(null, signedText(name, sha256, sequence), privateKey).toString('base64');
  return {
    module: name,
    sha256,
    sequence,
    ...(keyName === null ? {} : { keyName }),
    signature,
  };
}

function keyOf(keys: readonly SignatureKey[], found: ModuleSignature, name: string): SignatureKey {
  const { keyName } = found;
  const names = keys.map((key) => key.name).join(', ');
  const candidates = keyName === undefined ? keys : keys.filter((key) => key.name === keyName);
  if (candidates.length === 0) {
    throw refused(
      `module ${name} is signed with a key named ${keyName} that is not known here; waf.signatures.keys has ${names}`,
    );
  }
  const text = signedText(found.module, found.sha256, found.sequence);
  const bytes = Buffer.from(found.signature, 'base64');
  const key = candidates.find(({ publicKey }) => verify(null, text, publicKey, bytes));
  if (key !== undefined) return key;
  throw refused(
    keyName === undefined
      ? `the signature of module ${name} was made by none of the keys ${names}, or something in it was changed`
      : `the signature of module ${name} was not made by the key ${keyName}, or something in it was changed`,
  );
}

const signedText = (name: string, sha256: string, sequence: number): Buffer =>
  Buffer.from(`weir-module-1\n${name}\n${sha256}\n${sequence}\n`, 'utf8');

const refused = (message: string): WeirError => new WeirError('MODULE_SIGNATURE_REFUSED', message);
