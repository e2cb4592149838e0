/** The account an order is made with: the one on disk, else a new one (RFC 8555 section 7.3). */
import type { AcmeClient } from './acme-client.ts';
import type { AcmeSettings } from './acme-settings.ts';
import type { AcmeStore } from './acme-store.ts';
import { type AccountKey, makeAccountKey, readAccountKey, writeAccountKey } from './jws.ts';

/** `client` signs as the account from here on; the answer is its key. */
export function useAccount(
  client: AcmeClient,
  store: AcmeStore,
  settings: AcmeSettings,
): Promise<AccountKey> {
  return store.oneAccountAtATime(() => findOrMake(client, store, settings));
}

async function findOrMake(
  client: AcmeClient,
  store: AcmeStore,
  settings: AcmeSettings,
): Promise<AccountKey> {
  const { directory, email } = settings;
  const kept = await store.readAccount(directory);
  const key = kept === null ? makeAccountKey(settings.accountKey) : readAccountKey(kept.privateKey);
  const record = kept ?? { directory, privateKey: writeAccountKey(key), url: null, email };
  // Durable before the server hears of it: a key that is lost takes its account with it.
  if (kept === null) await store.writeAccount(record);
  if (record.url === null) {
    const url = await client.newAccount(key, settings);
    await store.writeAccount({ ...record, url, email });
    return key;
  }
  client.use(key, record.url);
  if (record.email !== email) {
    await client.updateContact(email);
    await store.writeAccount({ ...record, email });
  }
  return key;
}

/** The server does not know the account any more: the next `useAccount` makes it again with the same key. */
export async function forgetAccountUrl(store: AcmeStore, directory: string): Promise<void> {
  const record = await store.readAccount(directory);
  if (record !== null) await store.writeAccount({ ...record, url: null });
}
