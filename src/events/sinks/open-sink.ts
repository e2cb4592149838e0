/** An entry of `events.to` as what delivers to it. */
import { readWebhookSecret } from '#config/check-webhook.ts';
import type { EventTarget } from '#config/events-schema.ts';
import { parseSyslogAddress } from '#config/syslog-address.ts';
import { assert } from '#core/assert.ts';
import { FileSink } from './file-sink.ts';
import type { SinkTransport } from './sink-queue.ts';
import { SyslogSink } from './syslog-sink.ts';
import { WebhookSink } from './webhook-sink.ts';

/** Throws where the secret of a webhook cannot be read any more. */
export function openSink(target: EventTarget): SinkTransport {
  const { file, syslog, webhook, secretFile, rotateBytes, keep } = target;
  if (file !== undefined) return new FileSink({ path: file, rotateBytes, keep });
  if (syslog !== undefined) {
    const address = parseSyslogAddress(syslog);
    assert(address !== null, 'the check has refused anything else');
    return new SyslogSink({ ...address, ca: target.ca ?? null });
  }
  assert(webhook !== undefined && secretFile !== undefined, 'the check has refused anything else');
  const { allowInternal, timeoutMs, attemptsMax } = target;
  const secret = readWebhookSecret(secretFile);
  return new WebhookSink({ url: webhook, secret, allowInternal, timeoutMs, attemptsMax });
}
