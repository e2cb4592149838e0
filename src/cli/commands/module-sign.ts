/** `weir module sign` — a signature beside a module, for the name it will be loaded under. */
import { createHash, createPrivateKey, type KeyObject } from 'node:crypto';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { failureError, usageError } from '#cli/cli-error.ts';
import { type Command, jsonOption } from '#cli/command.ts';
import { exitCodes } from '#cli/exit-codes.ts';
import { readBounded } from '#cli/read-bounded.ts';
import { shortHash } from '#cli/words.ts';
import { wallMs } from '#core/clock.ts';
import { describeError } from '#core/errors.ts';
import { moduleBytesMax, signatureSuffix } from '#core/module-files.ts';
import { signModule } from '#core/module-signature.ts';

export const moduleSign: Command = {
  words: ['module', 'sign'],
  summary: 'sign a rule module for the nodes that ask for it',
  positionals: ['FILE'],
  options: [
    {
      name: 'key',
      kind: 'text',
      value: 'FILE',
      summary: 'the private key "weir module keygen" made',
      required: true,
    },
    {
      name: 'name',
      kind: 'text',
      value: 'NAME',
      summary: 'what the module is called under waf.rules',
      required: true,
    },
    {
      name: 'sequence',
      kind: 'text',
      value: 'N',
      summary: 'nodes refuse one below the newest they had; else the time in seconds',
    },
    {
      name: 'key-name',
      kind: 'text',
      value: 'NAME',
      summary: 'what the key is called in waf.signatures.keys; else every key is tried',
    },
    jsonOption,
  ],
  examples: ['weir module sign own.wasm --key signing.key --name own'],
  async run({ given, print }) {
    const file = given.positional(0);
    const bytes = await readBounded(file, moduleBytesMax, 'a module');
    const key = await readPrivateKey(given.text('key') ?? '');
    const signature = signModule(
      key,
      {
        name: given.text('name') ?? '',
        sha256: createHash('sha256').update(bytes).digest('hex'),
        sequence: sequenceOf(given.text('sequence')),
      },
      given.text('key-name'),
    );
    const path = `${file}${signatureSuffix}`;
    await replaceFile(path, `${JSON.stringify(signature, null, 2)}\n`);
    print.answer(
      { file: path, ...signature },
      () =>
        `${path} is the signature of ${shortHash(signature.sha256)} for module ${signature.module}, sequence ${signature.sequence}`,
    );
    return exitCodes.ok;
  },
};

function sequenceOf(text: string | null): number {
  if (text === null) return Math.floor(wallMs() / 1_000);
  if (/^[0-9]{1,15}$/.test(text)) return Number(text);
  throw usageError('--sequence takes a whole number');
}

async function readPrivateKey(file: string): Promise<KeyObject> {
  let key: KeyObject;
  try {
    key = createPrivateKey(await readFile(file, 'utf8'));
  } catch (error) {
    throw failureError(
      `${file} is no private key: ${describeError(error)}`,
      ['"weir module keygen --out FILE" makes one'],
      error,
    );
  }
  if (key.asymmetricKeyType === 'ed25519') return key;
  throw failureError(`${file} holds a key of type ${key.asymmetricKeyType}, not Ed25519`, [
    '"weir module keygen --out FILE" makes one',
  ]);
}

async function replaceFile(file: string, text: string): Promise<void> {
  const beside = `${file}.${process.pid}.new`;
  try {
    await writeFile(beside, text, { flag: 'wx' });
    await rename(beside, file);
  } catch (error) {
    throw failureError(`cannot write ${file}: ${describeError(error)}`, [], error);
  }
}
