/**
 * New TLS session ticket keys from time to time, the same for all workers: a key that leaks opens the
 * sessions of one period and no more.
 *
 * Node's TLS has one set of keys at a time, so a ticket from before a change is taken for none and its
 * client makes a full handshake: one more per client and period, and never a failure (RFC 5077 section
 * 3.1, RFC 8446 section 4.6.1).
 */
import { randomBytes } from 'node:crypto';
import { describeError } from '#core/errors.ts';
import type { Logger } from '#telemetry/log.ts';
import type { Supervisor } from './supervisor.ts';

/** Name, cipher key and MAC key of OpenSSL's tickets. */
const ticketKeyBytes = 48;

export const newTicketKeys = (): Buffer => randomBytes(ticketKeyBytes);

export function rotateTicketKeys(supervisor: Supervisor, log: Logger): { close(): void } {
  let timer: NodeJS.Timeout;
  const wait = (): void => {
    timer = setTimeout(rotate, supervisor.snapshot.config.edge.timeouts.ticketRotationMs);
    timer.unref();
  };
  const rotate = (): void => {
    supervisor
      .changeTicketKeys(newTicketKeys())
      .then((workers) => log.info({ workers }, 'ticket keys changed'))
      .catch((error) => log.warn({ reason: describeError(error) }, 'ticket keys not changed'))
      .finally(wait);
  };
  wait();
  return { close: () => clearTimeout(timer) };
}
