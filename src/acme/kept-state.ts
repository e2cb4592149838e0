/** What a manager finds on disk and leaves there, beside the certificates themselves. */
import { createHash } from 'node:crypto';
import { describeError } from '#core/errors.ts';
import type { Logger } from '#telemetry/log.ts';
import type { AcmeSettings } from './acme-settings.ts';
import {
  type AcmeStore,
  type CertificateRecord,
  type FailureRecord,
  namesId,
} from './acme-store.ts';
import { chainFacts } from './certificate-chain.ts';

/** The one for just these names, else the one that has most of them. */
export function bestRecord(
  records: readonly CertificateRecord[],
  names: readonly string[],
): CertificateRecord | null {
  const id = namesId(names);
  let best: CertificateRecord | null = null;
  let most = 0;
  for (const record of records) {
    if (namesId(record.names) === id) return record;
    const shared = record.names.filter((name) => names.includes(name)).length;
    if (shared <= most) continue;
    best = record;
    most = shared;
  }
  return best;
}

/** A process that is started again and again must not spend what the authority allows of failures. */
export async function rememberFailure(
  store: AcmeStore,
  failure: Omit<FailureRecord, 'settings'>,
  settings: AcmeSettings,
  log: Logger,
): Promise<void> {
  try {
    await store.writeFailure({ ...failure, settings: settingsId(settings) });
  } catch (error) {
    log.warn({ names: failure.names, reason: describeError(error) }, 'failure not remembered');
  }
}

/** Null when there was none, or with other settings: those are worth a try at once. */
export async function recallFailure(
  store: AcmeStore,
  names: readonly string[],
  settings: AcmeSettings,
  log: Logger,
): Promise<FailureRecord | null> {
  try {
    const failure = await store.readFailure(names);
    return failure?.settings === settingsId(settings) ? failure : null;
  } catch (error) {
    log.warn({ names, reason: describeError(error) }, 'failure not recalled');
    return null;
  }
}

/** Takes away what nobody asks for any more: orders and failures at once, certificates when they have expired. */
export async function pruneStore(
  store: AcmeStore,
  records: readonly CertificateRecord[],
  wanted: ReadonlySet<string>,
  nowMs: number,
  log: Logger,
): Promise<void> {
  try {
    await store.removeUnwanted(wanted);
    for (const record of records) {
      if (wanted.has(namesId(record.names))) continue;
      if (chainFacts(record.certificate).notAfterMs <= nowMs)
        await store.removeCertificate(record.names);
    }
  } catch (error) {
    log.warn({ reason: describeError(error) }, 'old files not removed');
  }
}

/** Of what an attempt depends on. */
function settingsId(settings: AcmeSettings): string {
  return createHash('sha256').update(JSON.stringify(settings)).digest('hex').slice(0, 32);
}
