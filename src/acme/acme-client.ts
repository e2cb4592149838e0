/**
 * The calls of ACME (RFC 8555), each typed and checked: directory, account, order, authorization,
 * challenge, certificate, renewal information (RFC 9773).
 *
 * What an answer must hold stands here as a schema; servers may add fields, so unknown ones are left
 * aside. The order of the calls is `order-run.ts`.
 */
import Type, { type Static, type TSchema } from 'typebox';
import { Check } from 'typebox/value';
import { AcmeError, problemError } from './acme-error.ts';
import { type AcmeAnswer, AcmeTransport, jsonOf } from './acme-transport.ts';
import { type AccountKey, type Jws, type JwsSigner, signExternalBinding } from './jws.ts';

/** More names than one certificate of any public authority holds. */
export const namesMax = 100;

const url = Type.String({ minLength: 1, maxLength: 2_048 });
const directorySchema = Type.Object({
  newNonce: url,
  newAccount: url,
  newOrder: url,
  renewalInfo: Type.Optional(url),
  meta: Type.Optional(
    Type.Object({
      termsOfService: Type.Optional(url),
      externalAccountRequired: Type.Optional(Type.Boolean()),
    }),
  ),
});
const orderSchema = Type.Object({
  status: Type.String(),
  authorizations: Type.Array(url, { maxItems: namesMax }),
  finalize: url,
  certificate: Type.Optional(url),
  error: Type.Optional(Type.Unknown()),
});
const challengeSchema = Type.Object({
  type: Type.String({ maxLength: 64 }),
  url,
  status: Type.String(),
  // RFC 8555 section 8.1: base64url of at least 128 random bits, and it becomes part of a path.
  token: Type.Optional(Type.String({ pattern: '^[A-Za-z0-9_-]{20,256}$' })),
  error: Type.Optional(Type.Unknown()),
});
const authorizationSchema = Type.Object({
  status: Type.String(),
  identifier: Type.Object({ type: Type.String(), value: Type.String({ maxLength: 253 }) }),
  challenges: Type.Array(challengeSchema, { maxItems: 32 }),
});
const renewalInfoSchema = Type.Object({
  suggestedWindow: Type.Object({ start: Type.String(), end: Type.String() }),
});

export type Directory = Static<typeof directorySchema>;
export type Order = Static<typeof orderSchema>;
export type Authorization = Static<typeof authorizationSchema>;
export type Challenge = Static<typeof challengeSchema>;
export type RenewalInfo = Static<typeof renewalInfoSchema>;

/** An answer with how long the server wants to be left alone before it is asked for it again. */
export type Polled<T> = { readonly value: T; readonly retryAfterMs: number | null };

export type AccountRequest = {
  readonly email: string | null;
  readonly agreeToTerms: boolean;
  readonly external: { readonly keyId: string; readonly hmacKey: Buffer } | null;
};

export type AcmeClientOptions = {
  readonly directory: string;
  readonly ca: string | null;
  readonly userAgent: string;
};

export class AcmeClient {
  readonly #options: AcmeClientOptions;
  readonly #transport: AcmeTransport;
  #directory: Directory | null = null;
  #signer: JwsSigner | null = null;

  constructor(options: AcmeClientOptions) {
    this.#options = options;
    this.#transport = new AcmeTransport(options);
  }

  /** Reads the directory anew: servers move their addresses, and terms change. */
  async open(): Promise<Directory> {
    const what = 'its directory';
    const answer = await this.#transport.get(what, this.#options.directory);
    const directory = parsed(what, directorySchema, answer);
    this.#transport.newNonceUrl = directory.newNonce;
    this.#directory = directory;
    return directory;
  }

  /** Signs as this account from here on. */
  use(key: AccountKey, accountUrl: string): void {
    this.#signer = { key, accountUrl };
  }

  /** Makes the account, or finds the one this key has; the answer is its address. */
  async newAccount(key: AccountKey, account: AccountRequest): Promise<string> {
    const directory = await this.#opened();
    const { external } = account;
    if (directory.meta?.externalAccountRequired === true && external === null) {
      throw new AcmeError(
        'the ACME server takes only accounts bound to one you have with it: set acme.externalAccount',
      );
    }
    const binding: { externalAccountBinding?: Jws } =
      external === null
        ? {}
        : {
            externalAccountBinding: signExternalBinding(external, directory.newAccount, key.jwk),
          };
    const answer = await this.#transport.post(
      'an account',
      { key, accountUrl: null },
      directory.newAccount,
      {
        termsOfServiceAgreed: account.agreeToTerms,
        contact: contactOf(account.email),
        ...binding,
      },
    );
    if (answer.location === null)
      throw new AcmeError('the ACME server made an account and did not say where it is');
    this.use(key, answer.location);
    return answer.location;
  }

  async updateContact(email: string | null): Promise<void> {
    const signer = this.#signed();
    await this.#transport.post('the account', signer, signer.accountUrl ?? '', {
      contact: contactOf(email),
    });
  }

  /** `replaces` is the RFC 9773 identifier of the certificate this one takes the place of. */
  async newOrder(
    names: readonly string[],
    replaces: string | null,
  ): Promise<{ url: string; order: Order }> {
    const { newOrder, renewalInfo } = await this.#opened();
    const what = `an order for ${names.join(', ')}`;
    const answer = await this.#transport.post(what, this.#signed(), newOrder, {
      identifiers: names.map((value) => ({ type: 'dns', value })),
      // Only who has renewal information knows the field.
      ...(replaces === null || renewalInfo === undefined ? {} : { replaces }),
    });
    if (answer.location === null)
      throw new AcmeError('the ACME server took an order and did not say where it is');
    return { url: answer.location, order: parsed(what, orderSchema, answer) };
  }

  order(at: string): Promise<Polled<Order>> {
    return this.#read('the order', orderSchema, at);
  }

  authorization(at: string): Promise<Polled<Authorization>> {
    return this.#read('an authorization', authorizationSchema, at);
  }

  /** Tells the server that the challenge can be looked at. */
  async answerChallenge(name: string, challenge: Challenge): Promise<void> {
    const what = `the ${challenge.type} challenge for ${name}`;
    await this.#transport.post(what, this.#signed(), challenge.url, {});
  }

  /** `request` is DER. */
  async finalize(order: Order, request: Buffer): Promise<Order> {
    const what = 'the certificate request';
    const answer = await this.#transport.post(what, this.#signed(), order.finalize, {
      csr: request.toString('base64url'),
    });
    return parsed(what, orderSchema, answer);
  }

  /** PEM, leaf first. */
  async certificate(at: string): Promise<string> {
    return (await this.#transport.post('the certificate', this.#signed(), at, null)).text;
  }

  /** Null when the server has no such service. */
  async renewalInfo(certificateId: string): Promise<Polled<RenewalInfo> | null> {
    const { renewalInfo } = await this.#opened();
    if (renewalInfo === undefined) return null;
    const what = 'its renewal information';
    const answer = await this.#transport.get(what, `${renewalInfo}/${certificateId}`);
    return { value: parsed(what, renewalInfoSchema, answer), retryAfterMs: answer.retryAfterMs };
  }

  close(): Promise<void> {
    return this.#transport.close();
  }

  async #read<S extends TSchema>(what: string, schema: S, at: string): Promise<Polled<Static<S>>> {
    const answer = await this.#transport.post(what, this.#signed(), at, null);
    return { value: parsed(what, schema, answer), retryAfterMs: answer.retryAfterMs };
  }

  async #opened(): Promise<Directory> {
    return this.#directory ?? (await this.open());
  }

  #signed(): JwsSigner {
    if (this.#signer === null) throw new AcmeError('there is no ACME account yet');
    return this.#signer;
  }
}

function parsed<S extends TSchema>(what: string, schema: S, answer: AcmeAnswer): Static<S> {
  const value = jsonOf(answer.text);
  if (!Check(schema, value))
    throw new AcmeError(`the ACME server answered ${what} in a form that is not RFC 8555`);
  return value;
}

/** The error inside an order, an authorization or a challenge. */
export function innerError(what: string, document: unknown): AcmeError {
  return problemError(what, null, document, null);
}

const contactOf = (email: string | null): string[] => (email === null ? [] : [`mailto:${email}`]);
