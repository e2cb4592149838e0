/** Whether a listener's certificate and key can be read, belong to each other and are valid today. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { describeError } from '#core/errors.ts';

export type CertificateProblem = {
  readonly key: 'cert' | 'key';
  readonly message: string;
  readonly fix: string;
};

export async function checkCertificate(
  files: { readonly cert: string; readonly key: string },
  nowMs: number,
): Promise<CertificateProblem[]> {
  const problems: CertificateProblem[] = [];
  const say = (key: 'cert' | 'key', message: string, fix: string): null => {
    problems.push({ key, message, fix });
    return null;
  };
  const make = `"weir cert make" makes a certificate for trying things out`;
  const read = async (key: 'cert' | 'key'): Promise<string | null> => {
    try {
      return await readFile(files[key], 'latin1');
    } catch (error) {
      return say(key, `${files[key]} cannot be read: ${describeError(error)}`, make);
    }
  };

  const [certificateText, keyText] = await Promise.all([read('cert'), read('key')]);
  let certificate: X509Certificate | null = null;
  if (certificateText !== null) {
    try {
      // The leaf stands first; the rest of the chain is read too, so that a damaged one shows here.
      [certificate = null] = pemCertificates(certificateText);
      if (certificate === null) say('cert', `${files.cert} holds no PEM certificate`, make);
    } catch (error) {
      say(
        'cert',
        `${files.cert} holds a certificate that does not parse: ${describeError(error)}`,
        make,
      );
    }
  }
  if (certificate !== null) {
    const { validFromDate, validToDate } = certificate;
    if (validToDate.getTime() <= nowMs) {
      say('cert', `${files.cert} expired on ${validToDate.toISOString()}`, `renew it; ${make}`);
    } else if (validFromDate.getTime() > nowMs) {
      say(
        'cert',
        `${files.cert} is not valid before ${validFromDate.toISOString()}`,
        "check this machine's clock",
      );
    }
  }
  if (keyText === null) return problems;
  try {
    const privateKey = createPrivateKey(keyText);
    if (certificate !== null && !certificate.checkPrivateKey(privateKey)) {
      say(
        'key',
        `${files.key} is not the key of the certificate in ${files.cert}`,
        `name the two that belong together; ${make}`,
      );
    }
  } catch (error) {
    const locked = /ENCRYPTED/.test(keyText);
    if (locked)
      say(
        'key',
        `${files.key} is locked with a passphrase`,
        'write it without one: openssl pkey -in KEY -out KEY',
      );
    else say('key', `${files.key} holds no private key: ${describeError(error)}`, make);
  }
  return problems;
}

/** More than any real chain has. */
const chainMax = 16;

export function pemCertificates(text: string): X509Certificate[] {
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  return blocks.slice(0, chainMax).map((block) => new X509Certificate(block));
}
