/**
 * How the local ACME server looks at a challenge: a real request (RFC 8555 section 8.3) and a real
 * handshake (RFC 8737 section 3). Every name is this machine; ports are those of the test.
 *
 * Null when the name is proved, else what a CA would say.
 */
import '../../certs/metadata.ts';
import { createHash } from 'node:crypto';
import { get } from 'node:http';
import { connect } from 'node:tls';
import { SubjectAlternativeNameExtension, X509Certificate } from '@peculiar/x509';

const acmeIdentifier = '1.3.6.1.5.5.7.1.31';
const answerMs = 5_000;

export function validateHttp(
  port: number,
  name: string,
  token: string,
  keyAuthorization: string,
): Promise<string | null> {
  return new Promise((resolve) => {
    const request = get(
      {
        host: '127.0.0.1',
        port,
        path: `/.well-known/acme-challenge/${token}`,
        headers: { host: name },
        agent: false,
        timeout: answerMs,
      },
      (answer) => {
        let body = '';
        answer.setEncoding('latin1');
        answer.on('data', (text: string) => (body += text));
        answer.on('end', () => {
          if (answer.statusCode !== 200) resolve(`status ${answer.statusCode}`);
          else if (body.trimEnd() !== keyAuthorization) resolve(`the answer is ${body}`);
          else resolve(null);
        });
      },
    );
    request.on('timeout', () => request.destroy(new Error('no answer in time')));
    request.on('error', (error) => resolve(error.message));
  });
}

export function validateTlsAlpn(
  port: number,
  name: string,
  keyAuthorization: string,
): Promise<string | null> {
  return new Promise((resolve) => {
    const socket = connect({
      host: '127.0.0.1',
      port,
      servername: name,
      ALPNProtocols: ['acme-tls/1'],
      rejectUnauthorized: false,
      timeout: answerMs,
    });
    socket.on('timeout', () => socket.destroy(new Error('no handshake in time')));
    socket.on('error', (error) => resolve(error.message));
    socket.on('secureConnect', () => {
      const shown = socket.getPeerX509Certificate();
      const protocol = socket.alpnProtocol;
      socket.on('close', () => {
        if (protocol !== 'acme-tls/1') resolve(`the protocol is ${protocol}`);
        else if (shown === undefined) resolve('there is no certificate');
        else
          resolve(
            wrongWith(new X509Certificate(new Uint8Array(shown.raw)), name, keyAuthorization),
          );
      });
      // RFC 8737 section 3: the handshake is completed, and then the connection closed.
      socket.resume();
      socket.end();
    });
  });
}

function wrongWith(shown: X509Certificate, name: string, keyAuthorization: string): string | null {
  if (shown.subject !== shown.issuer) return 'the certificate is not self-signed';
  const names = shown.getExtension(SubjectAlternativeNameExtension)?.names.items ?? [];
  const [only] = names;
  if (names.length !== 1 || only?.type !== 'dns' || only.value !== name)
    return `the certificate is for ${names.map(({ value }) => value).join(', ')}`;
  const identifier = shown.extensions.find(({ type }) => type === acmeIdentifier);
  if (identifier === undefined) return 'the certificate has no acmeIdentifier';
  if (!identifier.critical) return 'acmeIdentifier is not critical';
  const digest = createHash('sha256').update(keyAuthorization).digest();
  const expected = Buffer.concat([Buffer.from([4, 32]), digest]);
  return expected.equals(Buffer.from(identifier.value)) ? null : 'acmeIdentifier is another one';
}
