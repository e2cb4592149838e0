/**
 * An authority with a certificate to staple for, and its OCSP responder: the openssl command, which reads
 * our requests and writes the responses, so that neither is judged by the code under test.
 */
import '../../certs/metadata.ts';
import { execFile } from 'node:child_process';
import { webcrypto } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import {
  AuthorityInfoAccessExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsageExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  type X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';

const run = promisify(execFile);
const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const dayMs = 86_400_000;
const ocspSigning = '1.3.6.1.5.5.7.3.9';

export class OcspAuthority implements AsyncDisposable {
  readonly folder: string;
  /** Leaf and issuer, PEM. */
  chain = '';
  key = '';
  /** Requests answered. */
  asked = 0;
  /** What the responder does instead of answering. */
  failure: null | 'refuse' | 'garbage' | 'large' = null;
  /** Flags of `openssl ocsp` for the times; without any there is no next update. */
  times: readonly string[] = ['-ndays', '7'];
  signer = 'ca';
  #server: http.Server;

  private constructor(folder: string) {
    this.folder = folder;
    this.#server = http.createServer((request, response) => void this.#answer(request, response));
  }

  static async start(): Promise<OcspAuthority> {
    const authority = new OcspAuthority(mkdtempSync(join(tmpdir(), 'weir-ocsp-')));
    authority.#server.listen(0, '127.0.0.1');
    await once(authority.#server, 'listening');
    const { port } = authority.#server.address() as AddressInfo;
    await authority.#make(`http://127.0.0.1:${port}/ocsp`);
    return authority;
  }

  /** `V` for good, `R` for revoked; without a line the certificate is not known. */
  setState(state: 'V' | 'R' | null): void {
    const until = '400101000000Z';
    const line =
      state === null
        ? ''
        : `${state}\t${until}\t${state === 'R' ? '260101000000Z' : ''}\t0A0B\tunknown\t/CN=site\n`;
    writeFileSync(join(this.folder, 'index.txt'), line);
  }

  /** The response to what `request` asks, as the responder gives it now. */
  async respond(request: Buffer): Promise<Buffer> {
    const file = (name: string) => join(this.folder, name);
    writeFileSync(file('request.der'), request);
    await run('openssl', [
      'ocsp',
      '-index',
      file('index.txt'),
      '-CA',
      file('ca.crt'),
      '-rsigner',
      file(`${this.signer}.crt`),
      '-rkey',
      file(`${this.signer}.key`),
      '-reqin',
      file('request.der'),
      '-respout',
      file('response.der'),
      ...this.times,
    ]);
    return readFileSync(file('response.der'));
  }

  async #answer(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    this.asked++;
    if (this.failure === 'refuse') response.writeHead(500).end();
    else if (this.failure === 'garbage') response.end('no response');
    else if (this.failure === 'large') response.end(Buffer.alloc(100_000));
    else response.end(await this.respond(Buffer.concat(parts)));
  }

  async #make(url: string): Promise<void> {
    const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
    const now = Date.now();
    const times = { notBefore: new Date(now - dayMs), notAfter: new Date(now + 90 * dayMs) };
    const ca = await X509CertificateGenerator.createSelfSigned(
      {
        ...times,
        serialNumber: '01',
        name: 'CN=OCSP Test Authority',
        signingAlgorithm: algorithm,
        keys,
        extensions: [new BasicConstraintsExtension(true, undefined, true)],
      },
      webcrypto,
    );
    const issue = async (
      serialNumber: string,
      extensions: X509Certificate['extensions'],
      issuer: string,
    ) => {
      const own = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
      const certificate = await X509CertificateGenerator.create(
        {
          ...times,
          serialNumber,
          subject: 'CN=site',
          issuer,
          signingAlgorithm: algorithm,
          publicKey: own.publicKey,
          signingKey: issuer === ca.subject ? keys.privateKey : own.privateKey,
          extensions,
        },
        webcrypto,
      );
      return { certificate, key: await pem(own.privateKey) };
    };
    const site = await issue(
      '0a0b',
      [
        new SubjectAlternativeNameExtension([{ type: 'dns', value: 'a.test' }]),
        new AuthorityInfoAccessExtension({ ocsp: url }),
      ],
      ca.subject,
    );
    const delegate = await issue('0c', [new ExtendedKeyUsageExtension([ocspSigning])], ca.subject);
    const stranger = await issue('0d', [new ExtendedKeyUsageExtension([ocspSigning])], 'CN=site');
    this.chain = `${site.certificate.toString('pem')}\n${ca.toString('pem')}\n`;
    this.key = site.key;
    const write = (name: string, text: string) => writeFileSync(join(this.folder, name), text);
    write('ca.crt', `${ca.toString('pem')}\n`);
    write('ca.key', await pem(keys.privateKey));
    write('delegate.crt', `${delegate.certificate.toString('pem')}\n`);
    write('delegate.key', delegate.key);
    write('stranger.crt', `${stranger.certificate.toString('pem')}\n`);
    write('stranger.key', stranger.key);
    this.setState('V');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

async function pem(key: webcrypto.CryptoKey): Promise<string> {
  return `${PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY')}\n`;
}
