/**
 * How long the certificates that are live are still good for: a metric for each, and a word in the status
 * when one runs out.
 */
import { X509Certificate } from 'node:crypto';
import { certificateNames } from '#core/certificate-names.ts';
import { wallMs } from '#core/clock.ts';
import { seriesKey } from '#telemetry/metrics.ts';
import type { Supervisor } from './supervisor.ts';

export const certificateNotAfter = {
  name: 'weir_tls_certificate_not_after_seconds',
  type: 'gauge',
  help: 'When each certificate shown runs out, in seconds since 1970, by listener and first name.',
} as const;

const dayMs = 86_400_000;
const lookEveryMs = 3_600_000;
/** Certificates of a few days are renewed a few days before: they warn in the last third of their life. */
const warnBeforeMs = 14 * dayMs;

type Dates = { readonly name: string; readonly notBeforeMs: number; readonly notAfterMs: number };

export class CertificateWatch {
  readonly #supervisor: Supervisor;
  /** By PEM text: a certificate is parsed once. */
  #dates = new Map<string, Dates>();
  #parts = new Set<string>();
  #timer: NodeJS.Timeout;

  constructor(supervisor: Supervisor) {
    this.#supervisor = supervisor;
    this.#timer = setInterval(() => this.look(), lookEveryMs);
    this.#timer.unref();
    this.look();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  samples(): Map<string, number> {
    const samples = new Map<string, number>();
    for (const { listener, dates } of this.#live()) {
      const labels = { listener: String(listener), name: dates.name };
      samples.set(seriesKey(certificateNotAfter.name, labels), dates.notAfterMs / 1_000);
    }
    return samples;
  }

  /** Brings the status up to date with what is live. */
  look(): void {
    const now = wallMs();
    const parts = new Set<string>();
    for (const { listener, dates } of this.#live()) {
      const reason = worry(dates, now);
      if (reason === null) continue;
      const part = `certificate ${dates.name} (edge.listeners[${listener}])`;
      parts.add(part);
      this.#supervisor.setDegraded(part, reason);
    }
    for (const part of this.#parts) if (!parts.has(part)) this.#supervisor.setDegraded(part, null);
    this.#parts = parts;
  }

  #live(): { listener: number; dates: Dates }[] {
    const before = this.#dates;
    this.#dates = new Map();
    return this.#supervisor.snapshot.certificates.map(({ listener, cert }) => {
      const dates = before.get(cert) ?? datesOf(cert);
      this.#dates.set(cert, dates);
      return { listener, dates };
    });
  }
}

function datesOf(pem: string): Dates {
  const leaf = new X509Certificate(pem);
  return {
    name: certificateNames(leaf)[0] ?? leaf.serialNumber,
    notBeforeMs: leaf.validFromDate.getTime(),
    notAfterMs: leaf.validToDate.getTime(),
  };
}

/** Null while there is nothing to worry about. */
export function worry(dates: Omit<Dates, 'name'>, nowMs: number): string | null {
  const leftMs = dates.notAfterMs - nowMs;
  const on = new Date(dates.notAfterMs).toISOString();
  if (leftMs <= 0) return `expired on ${on}: clients refuse it; renew it and weir reload`;
  const lifeMs = dates.notAfterMs - dates.notBeforeMs;
  if (leftMs >= Math.min(warnBeforeMs, lifeMs / 3)) return null;
  const days = Math.floor(leftMs / dayMs);
  return `expires in ${days === 1 ? '1 day' : `${days} days`}, on ${on}`;
}
