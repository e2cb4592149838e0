/**
 * The request a bouncer asks about, put together again from its question: what stands in `X-Crowdsec-Appsec-*` is the
 * request line, the host and the client; all other fields are the request's own.
 *
 * https://docs.crowdsec.net/docs/appsec/protocol
 */
import { parseIp } from '#core/ip.ts';

export type AppsecRequest = {
  readonly clientAddress: string;
  /** A request head as on the wire. */
  readonly head: Buffer;
  readonly body: Buffer;
};

const prefix = 'x-crowdsec-appsec-';
/** What is the question's own: its host, its framing, its connection. */
const ownFields = new Set([
  'host',
  'connection',
  'content-length',
  'transfer-encoding',
  'keep-alive',
  'te',
  'upgrade',
  'expect',
  'x-api-key',
]);

/** In words what is missing or wrong. */
export function readAppsecRequest(
  rawFields: readonly string[],
  body: Buffer,
): AppsecRequest | string {
  const asked = new Map<string, string>();
  const fields: string[] = [];
  for (let at = 0; at + 1 < rawFields.length; at += 2) {
    const name = rawFields[at] ?? '';
    const value = rawFields[at + 1] ?? '';
    const lower = name.toLowerCase();
    if (lower.startsWith(prefix)) {
      if (asked.has(lower.slice(prefix.length))) return `${name} is there twice`;
      asked.set(lower.slice(prefix.length), value);
    } else if (!ownFields.has(lower)) fields.push(`${name}: ${value}`);
  }
  const address = parseIp(asked.get('ip') ?? '');
  if (address === null) return 'X-Crowdsec-Appsec-Ip is no address';
  const uri = asked.get('uri') ?? '';
  const verb = asked.get('verb') ?? '';
  const host = asked.get('host') ?? '';
  if (uri === '' || verb === '') return 'X-Crowdsec-Appsec-Uri or -Verb is missing';
  const agent = asked.get('user-agent');
  const hasAgent = fields.some((field) => /^user-agent:/i.test(field));
  const lines = [
    `${verb} ${uri} ${asked.get('http-version') === '10' ? 'HTTP/1.0' : 'HTTP/1.1'}`,
    `Host: ${host}`,
    ...fields,
    ...(agent === undefined || hasAgent ? [] : [`User-Agent: ${agent}`]),
    ...(body.length === 0 ? [] : [`Content-Length: ${body.length}`]),
  ];
  return {
    clientAddress: address.text,
    head: Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'),
    body,
  };
}
