/**
 * The ACME challenges that are live on this node, as the supervisor sends them: always the whole set.
 *
 * A proof is given only for a token that is live; any other path under `/.well-known/acme-challenge/` is
 * a request like all others, so a backend with an ACME client of its own keeps working. Without live
 * challenges the cost of it is one comparison a request.
 */
import tls from 'node:tls';
import type { RequestView } from '#waf/request-view.ts';

export type AcmeChallengeSet = {
  readonly http: readonly { readonly token: string; readonly keyAuthorization: string }[];
  /** PEM. */
  readonly tls: readonly {
    readonly name: string;
    readonly certificate: string;
    readonly privateKey: string;
  }[];
};

const prefix = '/.well-known/acme-challenge/';
/** Longer than any token taken from a server. */
const pathBytesMax = 512;

export class AcmeChallenges {
  #byToken: ReadonlyMap<string, string> = new Map();
  #byName: ReadonlyMap<string, tls.SecureContext> = new Map();

  /** Throws when OpenSSL does not take a certificate; then nothing has changed. */
  set(challenges: AcmeChallengeSet): void {
    const byName = new Map(
      challenges.tls.map(({ name, certificate, privateKey }) => [
        name.toLowerCase(),
        tls.createSecureContext({ cert: certificate, key: privateKey, minVersion: 'TLSv1.2' }),
      ]),
    );
    this.#byToken = new Map(challenges.http.map((one) => [one.token, one.keyAuthorization]));
    this.#byName = byName;
  }

  get hasTls(): boolean {
    return this.#byName.size > 0;
  }

  /** What HTTP-01 (RFC 8555 section 8.3) is answered with; null for every other request. */
  httpProof(view: RequestView): string | null {
    if (this.#byToken.size === 0 || view.pathEnd - view.pathStart > pathBytesMax) return null;
    if (view.refusal !== 0 || view.bytes.toString('latin1', view.start, view.methodEnd) !== 'GET')
      return null;
    const path = view.bytes.toString('latin1', view.pathStart, view.pathEnd);
    if (!path.startsWith(prefix)) return null;
    return this.#byToken.get(path.slice(prefix.length)) ?? null;
  }

  /** What TLS-ALPN-01 (RFC 8737) is answered with; null where no challenge is live for the name. */
  tlsContext(name: string): tls.SecureContext | null {
    return this.#byName.get(name.toLowerCase()) ?? null;
  }
}
