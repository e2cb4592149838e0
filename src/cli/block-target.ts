/** The ADDR|CIDR argument: a slip is a usage error here, before a node is asked. The node has the last word. */
import { usageError } from '#cli/cli-error.ts';
import { parseCidr } from '#core/ip.ts';

export function blockTarget(text: string): string {
  if (parseCidr(text) === null) {
    throw usageError(
      `"${text}" is no address and no CIDR range`,
      'for example 192.0.2.7, 192.0.2.0/24 or 2001:db8::/32',
    );
  }
  return text;
}
