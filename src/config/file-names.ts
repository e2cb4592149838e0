/**
 * File names in the configuration, made absolute in this one place; everyone else takes them as they are.
 *
 * A relative name belongs to the place it was written in: one in the file to the file's folder, one
 * from the environment or a default to the working directory.
 */
import { resolve } from 'node:path';
import type { Config } from './schema.ts';

export const builtinPrefix = 'builtin:';

export function resolveFileNames(
  config: Config,
  origins: ReadonlyMap<string, string>,
  baseDirectory: string,
  workingDirectory: string,
): Config {
  const absolute = (path: string, name: string): string =>
    resolve((origins.get(path) ?? '').startsWith('file') ? baseDirectory : workingDirectory, name);

  const resolved = structuredClone(config);
  resolved.state = absolute('state', config.state);
  if (config.accessLog.to !== 'stdout' && config.accessLog.to !== 'off') {
    resolved.accessLog.to = absolute('accessLog.to', config.accessLog.to);
  }
  for (const [index, listener] of resolved.edge.listeners.entries()) {
    for (const [at, certificate] of (listener.tls?.certificates ?? []).entries()) {
      const path = `edge.listeners[${index}].tls.certificates[${at}]`;
      certificate.cert = absolute(`${path}.cert`, certificate.cert);
      certificate.key = absolute(`${path}.key`, certificate.key);
    }
  }
  for (const [name, rule] of Object.entries(resolved.waf.rules)) {
    if (!rule.module.startsWith(builtinPrefix))
      rule.module = absolute(`waf.rules.${name}.module`, rule.module);
  }
  return resolved;
}
