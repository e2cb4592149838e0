/** The address of an upstream server: `http://host:port` and nothing more. */
import { parseIp } from '#core/ip.ts';

export type UpstreamUrl = { readonly ok: true; readonly host: string; readonly port: number };
export type UpstreamUrlProblem = {
  readonly ok: false;
  readonly message: string;
  readonly fix: string;
};

export function parseUpstreamUrl(text: string): UpstreamUrl | UpstreamUrlProblem {
  const refuse = (message: string, fix: string): UpstreamUrlProblem => ({
    ok: false,
    message,
    fix,
  });
  if (/^https:/i.test(text))
    return refuse(
      'names an https server',
      'upstreams are reached over http://; give its plain port',
    );
  const match = /^http:\/\/([^/?#]*)(.*)$/s.exec(text);
  if (match === null) return refuse('is no http:// address', 'write http://host:port');
  const [, authority = '', rest = ''] = match;
  if (authority.includes('@'))
    return refuse('holds a user name', 'leave out what stands before the @');
  if (rest !== '') return refuse('holds a path', `end it after the port: http://${authority}`);
  const parts = /^(?:\[([^\]]+)\]|([^:[\]]+))(?::([0-9]{1,5}))?$/.exec(authority);
  if (parts === null)
    return refuse('holds no host and port', 'write http://host:port, IPv6 as http://[::1]:8080');
  const [, ipv6, name = '', digits] = parts;
  if (digits === undefined) return refuse('names no port', `write http://${authority}:80`);
  const port = Number(digits);
  if (port < 1 || port > 65_535)
    return refuse('names no port a server can have', 'give a port from 1 to 65535');
  const host = ipv6 ?? name;
  const good =
    ipv6 === undefined
      ? parseIp(name)?.family === 4 || isHostName(name)
      : parseIp(ipv6)?.family === 6;
  return good
    ? { ok: true, host, port }
    : refuse(
        `names the host ${JSON.stringify(host)}, which is no address or host name`,
        'check the spelling',
      );
}

/** Labels of letters, digits and hyphens (underscores are common inside clusters); the last no number. */
function isHostName(text: string): boolean {
  if (text.length > 253) return false;
  const labels = text.split('.');
  return (
    labels.every((label) => /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/i.test(label)) &&
    !/^[0-9]+$/.test(labels.at(-1) ?? '')
  );
}
