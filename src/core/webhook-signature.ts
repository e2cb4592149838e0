/**
 * How a webhook's receiver knows who sent a body, and that it is not an old one: field `Weir-Signature`,
 * `t=UNIX_SECONDS,v1=HEX`, the hex HMAC-SHA256 of `t.body` under the shared secret.
 */
import { createHmac } from 'node:crypto';

export function webhookSignature(secret: string, seconds: number, body: string): string {
  const mac = createHmac('sha256', secret).update(`${seconds}.${body}`).digest('hex');
  return `t=${seconds},v1=${mac}`;
}
