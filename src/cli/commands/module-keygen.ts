/**
 * `weir module keygen` — a key pair to sign rule modules with. The private half goes into a file only its
 * owner reads; the public half is printed, for `waf.signatures.keys` of every node that takes its modules.
 */
import { generateKeyPairSync } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { failureError } from '#cli/cli-error.ts';
import { type Command, jsonOption } from '#cli/command.ts';
import { exitCodes } from '#cli/exit-codes.ts';
import { describeError } from '#core/errors.ts';

export const moduleKeygen: Command = {
  words: ['module', 'keygen'],
  summary: 'make a key to sign rule modules with',
  positionals: [],
  options: [
    {
      name: 'out',
      kind: 'text',
      value: 'FILE',
      summary: 'where the private key goes; it must not exist',
      required: true,
    },
    jsonOption,
  ],
  examples: ['weir module keygen --out signing.key'],
  async run({ given, print }) {
    const file = given.text('out') ?? '';
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    try {
      // A key that is overwritten cannot be had back, and modules signed with it cannot be signed again.
      const pem = privateKey.export({ type: 'pkcs8', format: 'pem' });
      await writeFile(file, pem, { mode: 0o600, flag: 'wx' });
    } catch (error) {
      const isThere = (error as NodeJS.ErrnoException).code === 'EEXIST';
      throw failureError(
        isThere ? `${file} exists` : `cannot write ${file}: ${describeError(error)}`,
        ['name another file; a key is never overwritten'],
        error,
      );
    }
    const raw = Buffer.from(publicKey.export({ format: 'jwk' }).x ?? '', 'base64url');
    const text = raw.toString('base64');
    print.answer({ privateKey: file, publicKey: text }, () =>
      print.columns([
        ['private key', file],
        ['public key', text],
      ]),
    );
    return exitCodes.ok;
  },
};
