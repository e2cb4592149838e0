/** Where a collector of syslog listens: `udp://192.0.2.1:514`, `tls://[2001:db8::1]:6514`. */
export type SyslogAddress = {
  readonly protocol: 'udp' | 'tcp' | 'tls';
  /** IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
};

const form =
  /^(udp|tcp|tls):\/\/(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]{1,253})):([1-9][0-9]{0,4})$/;

export function parseSyslogAddress(text: string): SyslogAddress | null {
  const [, protocol, six, name, digits] = form.exec(text) ?? [];
  const port = Number(digits);
  if (protocol === undefined || port > 65_535) return null;
  return { protocol: protocol as SyslogAddress['protocol'], host: six ?? name ?? '', port };
}
