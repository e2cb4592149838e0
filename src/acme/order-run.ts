/**
 * One order from the names to the certificate (RFC 8555 section 7.4), taken up again after a restart.
 *
 * ```
 * account ─► order (kept on disk) ─► challenges live in every worker ─► server looks ─► finalize ─► chain
 *                │ there is one already: go on where it stands               │ refused: the order is gone
 * ```
 *
 * The challenges are withdrawn when the run ends, whichever way.
 */
import { monotonicMs, wallMs } from '#core/clock.ts';
import { describeError } from '#core/errors.ts';
import type { Logger } from '#telemetry/log.ts';
import { forgetAccountUrl, useAccount } from './acme-account.ts';
import { type AcmeClient, innerError, type Order } from './acme-client.ts';
import { AcmeError } from './acme-error.ts';
import type { AcmeSettings, ChallengeKind } from './acme-settings.ts';
import type { AcmeStore, CertificateRecord, OrderRecord } from './acme-store.ts';
import { checkedChain } from './certificate-chain.ts';
import { makeCertificateKey, makeCertificateRequest } from './certificate-request.ts';
import type { ChallengeBoard } from './challenge-board.ts';
import { proveNames } from './name-proof.ts';
import { type PollOptions, pollUntil } from './polling.ts';

/** An order that takes longer is left on disk and taken up again later. */
export const orderMsMax = 600_000;

export type OrderRun = {
  readonly client: AcmeClient;
  readonly store: AcmeStore;
  readonly board: ChallengeBoard;
  readonly settings: AcmeSettings;
  readonly names: readonly string[];
  /** In the order they are tried. */
  readonly kinds: readonly ChallengeKind[];
  /** RFC 9773 identifier of the certificate this one takes the place of. */
  readonly replaces: string | null;
  readonly log: Logger;
  readonly signal: AbortSignal;
};

export async function runOrder(run: OrderRun): Promise<CertificateRecord> {
  const { client, store, board, settings, names } = run;
  const poll: PollOptions = { deadlineMs: monotonicMs() + orderMsMax, signal: run.signal };
  // One of its own, so that two runs for the same names do not take down each other's challenges.
  const owner = {};
  await client.open();
  const { thumbprint } = await useAccount(client, store, settings);
  const { record, order } = await findOrder(run);
  try {
    const challenge =
      order.status === 'pending'
        ? await proveNames({ client, board, owner, order, thumbprint, kinds: run.kinds, poll })
        : null;
    const { certificate: at } = await finalizeOrder(run, record, order, poll);
    if (at === undefined)
      throw new AcmeError('the ACME server made a certificate and did not say where it is');
    const chain = await client.certificate(at);
    const made: CertificateRecord = {
      directory: settings.directory,
      names: [...names],
      certificate: checkedChain(chain, record.privateKey, names, wallMs()),
      privateKey: record.privateKey,
      obtainedAtMs: wallMs(),
      challenge,
    };
    await store.writeCertificate(made);
    await store.removeOrder(names);
    return made;
  } catch (error) {
    if (endsOrder(error)) await store.removeOrder(names);
    throw error;
  } finally {
    // A challenge that stays up for a while gives nothing away, and the next change takes it down.
    await board
      .withdraw(owner)
      .catch((error) => run.log.warn({ reason: describeError(error) }, 'challenges stay up'));
  }
}

/** What may come through later; everything else the server refuses it refuses again. */
const passing: ReadonlySet<string> = new Set([
  '',
  'notFinished',
  'rateLimited',
  'serverInternal',
  'badNonce',
]);

const endsOrder = (error: unknown): boolean =>
  error instanceof AcmeError && !passing.has(error.type);

async function findOrder(run: OrderRun): Promise<{ record: OrderRecord; order: Order }> {
  const { client, store, names, settings } = run;
  const kept = await store.readOrder(names);
  if (kept !== null && kept.directory === settings.directory) {
    const order = await orderAt(client, kept.url);
    if (order !== null) return { record: kept, order };
  }
  const { url, order } = await newOrder(run);
  const record: OrderRecord = {
    directory: settings.directory,
    names: [...names],
    url,
    privateKey: makeCertificateKey(),
  };
  await store.writeOrder(record);
  return { record, order };
}

/** Null when the server has forgotten it, or is done with it without a certificate. */
async function orderAt(client: AcmeClient, url: string): Promise<Order | null> {
  try {
    const { value } = await client.order(url);
    return value.status === 'invalid' ? null : value;
  } catch (error) {
    // No authority says "gone" the same way, but all of them refuse.
    if (error instanceof AcmeError && error.httpStatus !== null && !passing.has(error.type))
      return null;
    if (error instanceof AcmeError && error.httpStatus === 404) return null;
    throw error;
  }
}

async function newOrder(run: OrderRun): Promise<{ url: string; order: Order }> {
  const { client, store, settings, names, replaces } = run;
  try {
    return await client.newOrder(names, replaces);
  } catch (error) {
    const type = error instanceof AcmeError ? error.type : '';
    // Somebody has renewed it already: then it is an order like any other.
    if (type === 'alreadyReplaced' && replaces !== null) return client.newOrder(names, null);
    if (type !== 'accountDoesNotExist') throw error;
    await forgetAccountUrl(store, settings.directory);
    await useAccount(client, store, settings);
    return client.newOrder(names, replaces);
  }
}

async function finalizeOrder(
  run: OrderRun,
  record: OrderRecord,
  before: Order,
  poll: PollOptions,
): Promise<Order> {
  const { client, names } = run;
  const what = `the order for ${names.join(', ')}`;
  const wait = (from: Order | null, ...passed: readonly string[]) =>
    pollUntil(
      what,
      from === null ? null : { value: from, retryAfterMs: null },
      () => client.order(record.url),
      ({ status }) => !passed.includes(status),
      poll,
    );
  let order = before.status === 'pending' ? await wait(null, 'pending') : before;
  if (order.status === 'ready') {
    const request = await makeCertificateRequest(names, record.privateKey);
    order = await client.finalize(order, request);
  }
  order = await wait(order, 'ready', 'processing');
  if (order.status !== 'valid') throw innerError(what, order.error ?? { type: 'orderInvalid' });
  return order;
}
