/** What a signature of a module has to say, and how each way of not saying it is refused. */
import assert from 'node:assert/strict';
import {
  createHash,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
} from 'node:crypto';
import { describe, it } from 'node:test';
import { WeirError } from '#core/errors.ts';
import {
  checkModuleSignature,
  checkSequence,
  type ModuleSignature,
  parseModuleSignature,
  type SignaturePolicy,
  signModule,
} from '#core/module-signature.ts';

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const newKey = (): { readonly privateKey: KeyObject } => generateKeyPairSync('ed25519');
const [build, other, stranger] = [newKey(), newKey(), newKey()];
const keys = [
  { name: 'build', publicKey: createPublicKey(build.privateKey) },
  { name: 'other', publicKey: createPublicKey(other.privateKey) },
];
const policy: SignaturePolicy = { isRequired: true, keys };
const module = { name: 'own', sha256: sha256('bytes') };
const signed = signModule(build.privateKey, { ...module, sequence: 7 }, 'build');
const nameless = signModule(other.privateKey, { ...module, sequence: 7 }, null);

const refused = (says: RegExp) => (error: unknown) =>
  error instanceof WeirError &&
  error.code === 'MODULE_SIGNATURE_REFUSED' &&
  says.test(error.message);

/** The last byte of the signature is another one. */
function damaged(signature: ModuleSignature): ModuleSignature {
  const bytes = Buffer.from(signature.signature, 'base64');
  bytes[0] = (bytes[0] as number) ^ 1;
  return { ...signature, signature: bytes.toString('base64') };
}

describe('a signature that holds', () => {
  it('names its key, with the key said or found among all', () => {
    const expected = { keyName: 'build', sequence: 7, signature: signed.signature };
    assert.deepEqual(checkModuleSignature(policy, module, signed), expected);
    assert.equal(checkModuleSignature(policy, module, nameless)?.keyName, 'other');
  });

  it('is over the text that is documented, so that other tools can make it', () => {
    const text = `weir-module-1\nown\n${module.sha256}\n7\n`;
    const made = signModule(build.privateKey, { ...module, sequence: 7 }, null);
    assert.deepEqual(Object.keys(made), ['module', 'sha256', 'sequence', 'signature']);
    // Ed25519 is deterministic.
    const again = sign(null, Buffer.from(text), build.privateKey).toString('base64');
    assert.equal(made.signature, again);
  });
});

describe('a signature that does not hold is refused', () => {
  const cases: readonly {
    readonly name: string;
    readonly found: ModuleSignature | null;
    readonly policy?: SignaturePolicy;
    readonly says: RegExp;
  }[] = [
    {
      name: 'because there is none',
      found: null,
      says: /module own has no signature, and waf\.signatures\.required is set/,
    },
    {
      name: 'because there are no keys',
      found: signed,
      policy: { isRequired: true, keys: [] },
      says: /there are no keys in waf\.signatures\.keys/,
    },
    {
      name: 'by a key that is not known',
      found: { ...signed, keyName: 'elsewhere' },
      says: /a key named elsewhere that is not known here; waf\.signatures\.keys has build, other/,
    },
    {
      name: 'by another key than it says',
      found: { ...signed, keyName: 'other' },
      says: /was not made by the key other, or something in it was changed/,
    },
    {
      name: 'by a stranger',
      found: signModule(stranger.privateKey, { ...module, sequence: 7 }, null),
      says: /was made by none of the keys build, other/,
    },
    {
      name: 'over other bytes',
      found: signModule(build.privateKey, { ...module, sha256: sha256('else'), sequence: 7 }, null),
      says: /is for other bytes/,
    },
    {
      name: 'for another name',
      found: signModule(build.privateKey, { ...module, name: 'core', sequence: 7 }, null),
      says: /is for a module named core, and this is own/,
    },
    {
      name: 'whose name was changed',
      found: {
        ...signModule(build.privateKey, { ...module, name: 'core', sequence: 7 }, null),
        module: 'own',
      },
      says: /something in it was changed/,
    },
    {
      name: 'whose hash was changed',
      found: {
        ...signModule(build.privateKey, { ...module, sha256: sha256('else'), sequence: 7 }, null),
        sha256: module.sha256,
      },
      says: /something in it was changed/,
    },
    {
      name: 'whose sequence was changed',
      found: { ...signed, sequence: 8 },
      says: /something in it was changed/,
    },
    {
      name: 'with a bit that is wrong',
      found: damaged(signed),
      says: /something in it was changed/,
    },
  ];
  for (const { name, found, policy: of = policy, says } of cases) {
    it(name, () => {
      assert.throws(() => checkModuleSignature(of, module, found), refused(says));
    });
  }

  it('also where signatures are not required, once there are keys', () => {
    const lenient = { isRequired: false, keys };
    assert.equal(checkModuleSignature(lenient, module, null), null);
    assert.throws(
      () => checkModuleSignature(lenient, module, damaged(signed)),
      refused(/something in it was changed/),
    );
  });

  it('and is not looked at where there are no keys and none are required', () => {
    const none = { isRequired: false, keys: [] };
    assert.equal(checkModuleSignature(none, module, damaged(signed)), null);
  });
});

describe('the sequence number', () => {
  it('may be that of the newest or above it, and not below', () => {
    const of = (sequence: number) => ({ keyName: 'build', sequence, signature: '' });
    checkSequence('own', of(0), null);
    checkSequence('own', of(7), 7);
    checkSequence('own', of(8), 7);
    assert.throws(
      () => checkSequence('own', of(6), 7),
      refused(/older than one that was live already \(sequence 6, and 7 was accepted\)/),
    );
  });
});

describe('a signature file', () => {
  const good = JSON.stringify(signed);
  it('is read as it was written', () => {
    assert.deepEqual(parseModuleSignature(good, 'own.wasm.sig'), signed);
  });

  const bad: readonly (readonly [string, unknown])[] = [
    ['without a sequence', { ...signed, sequence: undefined }],
    ['with a negative sequence', { ...signed, sequence: -1 }],
    ['with a sequence beyond what is exact', { ...signed, sequence: 2 ** 53 }],
    ['with a fraction of a sequence', { ...signed, sequence: 1.5 }],
    ['with a key more', { ...signed, extra: 1 }],
    ['with a short hash', { ...signed, sha256: 'ab' }],
    ['with a hash in capitals', { ...signed, sha256: signed.sha256.toUpperCase() }],
    ['with a short signature', { ...signed, signature: 'AAAA' }],
    ['that is a list', [signed]],
    ['that is null', null],
  ];
  for (const [name, value] of bad) {
    it(`${name} is none`, () => {
      assert.throws(
        () => parseModuleSignature(JSON.stringify(value), 'own.wasm.sig'),
        refused(/^own\.wasm\.sig is no signature: it needs/),
      );
    });
  }

  it('that is not JSON is none', () => {
    assert.throws(
      () => parseModuleSignature('{', 'x.sig'),
      refused(/^x\.sig is no signature: it is not JSON/),
    );
  });
});
