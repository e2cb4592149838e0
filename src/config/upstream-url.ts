/** The address of an upstream server: `http://host:port`, `https://host:port` or `unix:/path`, and nothing more. */
import { parseIp } from '#core/ip.ts';

export type UpstreamUrl =
  | {
      readonly ok: true;
      readonly kind: 'tcp';
      readonly isTls: boolean;
      /** Without brackets. */
      readonly host: string;
      readonly port: number;
      /** What a Host field for it says: without the scheme's own port. */
      readonly authority: string;
    }
  | {
      readonly ok: true;
      readonly kind: 'unix';
      readonly isTls: false;
      readonly path: string;
      readonly authority: string;
    };
export type UpstreamUrlProblem = {
  readonly ok: false;
  readonly message: string;
  readonly fix: string;
};

/** Linux: sun_path has 108 bytes, the last one zero. */
const socketPathBytesMax = 107;

export function parseUpstreamUrl(text: string): UpstreamUrl | UpstreamUrlProblem {
  if (text.startsWith('unix:')) return parseSocketPath(text.slice('unix:'.length));
  const match = /^(https?):\/\/([^/?#]*)(.*)$/s.exec(text);
  if (match === null) return refuse('is no http://, https:// or unix: address', schemeHint(text));
  const [, scheme = '', authority = '', rest = ''] = match;
  if (authority.includes('@'))
    return refuse('holds a user name', 'leave out what stands before the @');
  if (authority === 'unix:' || authority === 'unix')
    return refuse('is no way to name a socket', `write unix:${rest.replace(/:.*$/s, '')}`);
  if (rest !== '') return refuse('holds a path', `end it after the port: ${scheme}://${authority}`);
  const parts = /^(?:\[([^\]]+)\]|([^:[\]]+))(?::([0-9]{1,5}))?$/.exec(authority);
  if (parts === null)
    return refuse(
      'holds no host and port',
      `write ${scheme}://host:port, IPv6 as ${scheme}://[::1]:8080`,
    );
  const [, ipv6, name = '', digits] = parts;
  const schemePort = scheme === 'https' ? 443 : 80;
  if (digits === undefined)
    return refuse('names no port', `write ${scheme}://${authority}:${schemePort}`);
  const port = Number(digits);
  if (port < 1 || port > 65_535)
    return refuse('names no port a server can have', 'give a port from 1 to 65535');
  const host = ipv6 ?? name;
  const good =
    ipv6 === undefined
      ? parseIp(name)?.family === 4 || isHostName(name)
      : parseIp(ipv6)?.family === 6;
  if (!good)
    return refuse(
      `names the host ${JSON.stringify(host)}, which is no address or host name`,
      'check the spelling',
    );
  const shown = ipv6 === undefined ? name : `[${ipv6}]`;
  return {
    ok: true,
    kind: 'tcp',
    isTls: scheme === 'https',
    host,
    port,
    authority: port === schemePort ? shown : `${shown}:${port}`,
  };
}

/** What was meant, where that can be told: an address without its scheme, or another proxy's scheme. */
function schemeHint(text: string): string {
  if (/^h2c?:\/\//.test(text))
    return `write http${text.slice(text.indexOf(':'))} and protocol: http2`;
  if (/^(?:tcp|tls):\/\//.test(text))
    return `write http${text.slice(text.indexOf(':'))}, or https:// for TLS to the server`;
  if (text.startsWith('/')) return `write unix:${text}`;
  if (/^[^/\s:]+:[0-9]{1,5}$|^\[[^\]]+\]:[0-9]{1,5}$/.test(text)) return `write http://${text}`;
  return 'write http://host:port, https://host:port or unix:/path';
}

function parseSocketPath(path: string): UpstreamUrl | UpstreamUrlProblem {
  if (!path.startsWith('/') || path.includes('\0'))
    return refuse('names no absolute path', 'write unix:/run/app.sock');
  if (Buffer.byteLength(path) > socketPathBytesMax)
    return refuse(
      'names a path longer than a socket can have',
      `use one of at most ${socketPathBytesMax} bytes`,
    );
  return { ok: true, kind: 'unix', isTls: false, path, authority: 'localhost' };
}

function refuse(message: string, fix: string): UpstreamUrlProblem {
  return { ok: false, message, fix };
}

/** Labels of letters, digits and hyphens (underscores are common inside clusters); the last no number. */
export function isHostName(text: string): boolean {
  if (text.length > 253) return false;
  const labels = text.split('.');
  return (
    labels.every((label) => /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/i.test(label)) &&
    !/^[0-9]+$/.test(labels.at(-1) ?? '')
  );
}

/** What may stand in a Host field: a name or an address, with or without a port. */
export function isHostField(text: string): boolean {
  const parts = /^(?:\[([^\]]+)\]|([^:[\]]+))(?::([0-9]{1,5}))?$/.exec(text);
  if (parts === null || Number(parts[3] ?? 1) > 65_535) return false;
  const [, ipv6, name = ''] = parts;
  if (ipv6 !== undefined) return parseIp(ipv6)?.family === 6;
  return parseIp(name)?.family === 4 || isHostName(name);
}
