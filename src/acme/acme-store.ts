/**
 * Accounts, orders under way and certificates on disk, below the state directory:
 *
 * ```
 * acme/                        0700
 *   account-DIRECTORY.json     key and address of the account at one ACME server
 *   order-NAMES.json           an order that has not ended: its address and the key it is for
 *   certificate-NAMES.json     chain and key together, so that one never stands without the other
 *   failure-NAMES.json         how often in a row it failed and when to try again
 * ```
 *
 * Every file is 0600 and replaced whole. What an account or an order rests on is on disk before the
 * server hears of it, so a crash costs no account and no order; and a process that keeps being started again
 * does not spend what the authority allows of failures.
 */
import { createHash } from 'node:crypto';
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import Type, { type Static, type TSchema } from 'typebox';
import { Check } from 'typebox/value';
import { describeError, WeirError } from '#core/errors.ts';
import {
  makePrivateFolder,
  removePrivateFile,
  temporarySuffix,
  writePrivateFile,
} from '#state/private-file.ts';

const orNull = <S extends TSchema>(schema: S) => Type.Union([schema, Type.Null()]);

const accountRecord = Type.Object({
  directory: Type.String(),
  /** PEM. */
  privateKey: Type.String(),
  /** Null until the server has confirmed it. */
  url: orNull(Type.String()),
  email: orNull(Type.String()),
});
const orderRecord = Type.Object({
  directory: Type.String(),
  names: Type.Array(Type.String()),
  url: Type.String(),
  /** PEM, of the certificate to come. */
  privateKey: Type.String(),
});
const certificateRecord = Type.Object({
  directory: Type.String(),
  /** As configured. */
  names: Type.Array(Type.String()),
  /** PEM, leaf first. */
  certificate: Type.String(),
  privateKey: Type.String(),
  /** Its life counts from here: some authorities date certificates back. */
  obtainedAtMs: Type.Number(),
  /** What the server looked at, and will be offered first next time. */
  challenge: orNull(Type.Union([Type.Literal('http-01'), Type.Literal('tls-alpn-01')])),
});

const failureRecord = Type.Object({
  names: Type.Array(Type.String()),
  /** Of the settings it failed with; others are worth a try at once. */
  settings: Type.String(),
  failures: Type.Integer({ minimum: 1 }),
  againAtMs: Type.Number(),
  reason: Type.String(),
});

export type AccountRecord = Static<typeof accountRecord>;
export type OrderRecord = Static<typeof orderRecord>;
export type CertificateRecord = Static<typeof certificateRecord>;
export type FailureRecord = Static<typeof failureRecord>;

export type StoredCertificates = {
  readonly records: readonly CertificateRecord[];
  /** Files that cannot be read as certificates, each with its reason. */
  readonly problems: readonly string[];
};

/** One file a set of names; the order they are written in does not matter. */
export function namesId(names: readonly string[]): string {
  return shortHash(names.toSorted().join('\n'));
}

export class AcmeStore {
  readonly #folder: string;
  #accountWork: Promise<unknown> = Promise.resolve();

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async open(stateDirectory: string): Promise<AcmeStore> {
    const folder = join(stateDirectory, 'acme');
    await makePrivateFolder(folder);
    for (const name of await readdir(folder)) {
      if (name.endsWith(temporarySuffix)) await rm(join(folder, name), { force: true });
    }
    return new AcmeStore(folder);
  }

  /** Orders that begin together must not each make an account. */
  oneAccountAtATime<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#accountWork.then(work);
    this.#accountWork = result.catch(() => {});
    return result;
  }

  readAccount(directory: string): Promise<AccountRecord | null> {
    return this.#read(accountRecord, `account-${shortHash(directory)}.json`);
  }

  writeAccount(record: AccountRecord): Promise<void> {
    return this.#write(`account-${shortHash(record.directory)}.json`, record);
  }

  readOrder(names: readonly string[]): Promise<OrderRecord | null> {
    return this.#read(orderRecord, `order-${namesId(names)}.json`);
  }

  writeOrder(record: OrderRecord): Promise<void> {
    return this.#write(`order-${namesId(record.names)}.json`, record);
  }

  removeOrder(names: readonly string[]): Promise<void> {
    return removePrivateFile(join(this.#folder, `order-${namesId(names)}.json`));
  }

  async certificates(): Promise<StoredCertificates> {
    const records: CertificateRecord[] = [];
    const problems: string[] = [];
    for (const name of await readdir(this.#folder)) {
      if (!/^certificate-[0-9a-f]+\.json$/.test(name)) continue;
      try {
        const record = await this.#read(certificateRecord, name);
        if (record !== null) records.push(record);
      } catch (error) {
        problems.push(describeError(error));
      }
    }
    return { records, problems };
  }

  writeCertificate(record: CertificateRecord): Promise<void> {
    return this.#write(`certificate-${namesId(record.names)}.json`, record);
  }

  readFailure(names: readonly string[]): Promise<FailureRecord | null> {
    return this.#read(failureRecord, `failure-${namesId(names)}.json`);
  }

  writeFailure(record: FailureRecord): Promise<void> {
    return this.#write(`failure-${namesId(record.names)}.json`, record);
  }

  removeFailure(names: readonly string[]): Promise<void> {
    return removePrivateFile(join(this.#folder, `failure-${namesId(names)}.json`));
  }

  /** Orders and failures of names nobody wants. */
  async removeUnwanted(wanted: ReadonlySet<string>): Promise<void> {
    for (const name of await readdir(this.#folder)) {
      const id = /^(?:order|failure)-([0-9a-f]+)\.json$/.exec(name)?.[1];
      if (id !== undefined && !wanted.has(id)) await removePrivateFile(join(this.#folder, name));
    }
  }

  removeCertificate(names: readonly string[]): Promise<void> {
    return removePrivateFile(join(this.#folder, `certificate-${namesId(names)}.json`));
  }

  async #read<S extends TSchema>(schema: S, name: string): Promise<Static<S> | null> {
    const path = join(this.#folder, name);
    let text: string;
    try {
      text = await readFile(path, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
      throw unusable(path, error);
    }
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      // The parser's message would quote the text, and the text holds a key.
      throw unusable(path, 'it holds no JSON');
    }
    if (!Check(schema, value)) throw unusable(path, 'it is not what weir writes');
    return value;
  }

  #write(name: string, record: object): Promise<void> {
    return writePrivateFile(join(this.#folder, name), `${JSON.stringify(record, null, 2)}\n`);
  }
}

function unusable(path: string, cause: unknown): WeirError {
  return new WeirError('STATE_UNUSABLE', `${path} cannot be used; remove it or restore it`, {
    cause,
  });
}

function shortHash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 32);
}
