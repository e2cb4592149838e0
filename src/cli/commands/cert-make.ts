/**
 * `weir cert make` — a self-signed certificate for trying things out, as `site.crt` and `site.key`.
 *
 * Neither file is overwritten unless asked for. Each is written beside its place and moved there, so
 * that a node reading it never sees half of it, and the key has mode 0600 from its first byte.
 */
import { access, mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { failureError, usageError } from '#cli/cli-error.ts';
import { type Command, jsonOption } from '#cli/command.ts';
import { exitCodes } from '#cli/exit-codes.ts';
import type { DevelopmentCertificate } from '../../../certs/development-certificate.ts';

export const certMake: Command = {
  words: ['cert', 'make'],
  summary: 'make a self-signed certificate for trying things out',
  positionals: [],
  options: [
    {
      name: 'host',
      kind: 'texts',
      value: 'NAME',
      summary: 'a name or address it is for; may be repeated',
      required: true,
    },
    {
      name: 'out',
      kind: 'text',
      value: 'DIR',
      summary: 'where site.crt and site.key go',
      required: true,
    },
    { name: 'force', kind: 'flag', summary: 'overwrite them' },
    jsonOption,
  ],
  examples: ['weir cert make --host localhost --host 127.0.0.1 --out certs'],
  async run({ given, print }) {
    const hosts = given.texts('host');
    const directory = given.text('out') ?? '';
    const certificateFile = join(directory, 'site.crt');
    const keyFile = join(directory, 'site.key');
    if (!given.flag('force')) await refuseExisting([certificateFile, keyFile]);
    const made = await make(hosts);
    await mkdir(directory, { recursive: true });
    await replaceFile(keyFile, made.privateKey, 0o600);
    await replaceFile(certificateFile, made.certificate, 0o644);
    const notAfter = made.notAfter.toISOString();
    print.answer(
      { certificate: certificateFile, privateKey: keyFile, hosts, notAfter, sha256: made.sha256 },
      () =>
        print.columns([
          ['certificate', certificateFile],
          ['private key', keyFile],
          ['for', hosts.join(', ')],
          ['valid until', notAfter.slice(0, 10)],
          ['sha-256', made.sha256],
        ]),
    );
    return exitCodes.ok;
  },
};

async function refuseExisting(files: readonly string[]): Promise<void> {
  for (const file of files) {
    const exists = await access(file).then(
      () => true,
      () => false,
    );
    if (exists)
      throw failureError(`${file} exists`, [
        '--force overwrites it; --out DIR names another place',
      ]);
  }
}

/** The maker throws a TypeError for a host no certificate can name. */
async function make(hosts: readonly string[]): Promise<DevelopmentCertificate> {
  // Loaded here alone: the certificate library costs every other command a tenth of a second.
  const { makeDevelopmentCertificate } = await import('../../../certs/development-certificate.ts');
  try {
    return await makeDevelopmentCertificate(hosts);
  } catch (error) {
    if (error instanceof TypeError) throw usageError(error.message);
    throw error;
  }
}

async function replaceFile(file: string, text: string, mode: number): Promise<void> {
  const beside = `${file}.${process.pid}.new`;
  await writeFile(beside, text, { mode, flag: 'wx' });
  await rename(beside, file);
}
