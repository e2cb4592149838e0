/**
 * Host calls for values that the configuration names: secrets, and variables too long for WASI.
 *
 * They are no part of proxy-wasm: hosts of other vendors have them, and public filters ask for them. A secret is
 * a text under `config.secrets`; in lines that the filter writes to the log it is blotted out.
 */
import { status } from '../abi.ts';
import type { CallHost, HostCalls } from '../host.ts';

const nameBytesMax = 256;

export function valueCalls(host: CallHost): HostCalls {
  const { access, settings } = host;
  const give =
    (find: (name: string) => string | undefined) =>
    (at: number, length: number, intoAddress: number, intoLength: number): number => {
      const name = access.text(at, length, nameBytesMax);
      if (name === null) return status.invalidMemoryAccess;
      const value = find(name);
      if (value === undefined) return status.notFound;
      return access.give(Buffer.from(value), intoAddress, intoLength);
    };

  return {
    proxy_get_secret: give((name) => settings.secrets.get(name)),
    proxy_dictionary_get: give((name) => {
      const start = `${name}=`;
      return settings.environment.find((entry) => entry.startsWith(start))?.slice(start.length);
    }),
  };
}

/** Shorter ones are words that stand everywhere. */
const hiddenCharactersMin = 4;

/** A line for the log in which no secret of the filter stands. */
export function hideSecrets(line: string, secrets: ReadonlyMap<string, string>): string {
  let text = line;
  for (const secret of secrets.values())
    if (secret.length >= hiddenCharactersMin) text = text.replaceAll(secret, '***');
  return text;
}
