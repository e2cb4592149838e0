/**
 * The challenges that are live on this node: what the data plane answers a validating server with.
 *
 * Several orders run side by side; each publishes its own and withdraws them when it ends, and the data
 * plane always gets the whole set. `publish` resolves when every worker has it, so whoever awaits it may
 * tell the ACME server to look.
 */
import type { CertificateWithKey } from './certificate-request.ts';

export type LiveChallenges = {
  /** `/.well-known/acme-challenge/TOKEN` is answered with the key authorization. */
  readonly http: readonly { readonly token: string; readonly keyAuthorization: string }[];
  /** Shown to who asks for `acme-tls/1` under this name. */
  readonly tls: readonly ({ readonly name: string } & CertificateWithKey)[];
};

export const noChallenges: LiveChallenges = { http: [], tls: [] };

export class ChallengeBoard {
  readonly #send: (live: LiveChallenges) => Promise<unknown>;
  readonly #byOwner = new Map<object, LiveChallenges>();

  constructor(send: (live: LiveChallenges) => Promise<unknown>) {
    this.#send = send;
  }

  async publish(owner: object, challenges: LiveChallenges): Promise<void> {
    this.#byOwner.set(owner, challenges);
    await this.#send(this.#all());
  }

  async withdraw(owner: object): Promise<void> {
    if (this.#byOwner.delete(owner)) await this.#send(this.#all());
  }

  #all(): LiveChallenges {
    const parts = [...this.#byOwner.values()];
    return { http: parts.flatMap(({ http }) => http), tls: parts.flatMap(({ tls }) => tls) };
  }
}
