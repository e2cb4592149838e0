/** How `nft` is started, and what its refusals mean to whoever runs the machine. */

const reasonCharactersMax = 500;

/** nft opens its input anew by name, which a pipe stands and the sockets that Node makes do not. */
export function nftArguments(
  command: readonly [string, ...string[]],
  flags: readonly string[] = [],
): readonly [string, ...string[]] {
  return ['/bin/sh', '-c', 'cat | "$0" "$@"', ...command, ...flags, '-j', '-f', '-'];
}

/** Where it is on most machines, which the PATH of a service may leave out. */
export const nftSearchPath = ({ PATH = '' }: NodeJS.ProcessEnv): string =>
  `${PATH}:/usr/local/sbin:/usr/sbin:/sbin`;

export function nftProblem(status: number | string | null, said: string): string {
  const text = said.replace(/\s+/g, ' ').trim().slice(0, reasonCharactersMax);
  if (status === 127) return 'the program nft is not installed: install nftables';
  if (/Operation not permitted/.test(text))
    return 'CAP_NET_ADMIN is missing: start as root, or give it to the service (AmbientCapabilities= in systemd)';
  return `nft ended with ${status}${text === '' ? '' : `: ${text}`}`;
}
