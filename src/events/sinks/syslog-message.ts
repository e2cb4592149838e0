/**
 * An event as a message of syslog (RFC 5424), the JSON line as its text:
 *
 * ```
 * <PRI>1 TIME HOST weir PID KIND - {"@timestamp": …}      over UDP one a datagram (RFC 5426)
 * LENGTH <PRI>1 …                                         over TCP and TLS counted in octets (RFC 6587, RFC 5425)
 * ```
 */
import { hostname } from 'node:os';
import type { EcsEvent } from '../ecs-event.ts';

/** RFC 5424 section 6.2.1: facility log audit. */
const facility = 13;
const severity = { alert: 4, notice: 5, info: 6 } as const;

/** Section 6.2.4 and after: what may stand in these fields. */
const visible = (text: string, charactersMax: number): string =>
  text.replaceAll(/[^\x21-\x7e]/g, '_').slice(0, charactersMax) || '-';

const host = visible(hostname(), 255);

export function syslogMessage(event: EcsEvent): Buffer {
  const { action, kind, type } = event.event;
  const level =
    kind === 'event' ? severity.info : type[0] === 'denied' ? severity.alert : severity.notice;
  const head = `<${facility * 8 + level}>1 ${event['@timestamp']} ${host} weir ${process.pid} ${visible(action, 32)} - `;
  return Buffer.from(head + JSON.stringify(event));
}

export function octetCounted(message: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`${message.length} `), message]);
}
