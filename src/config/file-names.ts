/**
 * File names in the configuration, made absolute in this one place; everyone else takes them as they are.
 *
 * A relative name belongs to the place it was written in: one in the file to the file's folder, one
 * from the environment or a default to the working directory.
 */
import { resolve } from 'node:path';
import { installedCrs } from '#core/installed-rules.ts';
import { type ConfigDraft, type Draft, present, presentEntries } from './draft.ts';
import type { FleetMember } from './fleet-schema.ts';
import { rawKeyPattern } from './signature-keys.ts';

export const builtinPrefix = 'builtin:';
export const ociPrefix = 'oci:';

/** `FOLDER` or `FOLDER#TAG`, as it stands behind `oci:`. */
export function splitOciName(text: string): {
  readonly folder: string;
  readonly tag: string | null;
} {
  const hash = text.lastIndexOf('#');
  if (hash < 0) return { folder: text, tag: null };
  return { folder: text.slice(0, hash), tag: text.slice(hash + 1) };
}

export function resolveFileNames<C extends ConfigDraft>(
  config: C,
  origins: ReadonlyMap<string, string>,
  baseDirectory: string,
  workingDirectory: string,
): C {
  const absolute = (path: string, name: string): string =>
    resolve((origins.get(path) ?? '').startsWith('file') ? baseDirectory : workingDirectory, name);

  const resolved = structuredClone(config);
  const { accessLog } = resolved;
  if (resolved.state !== undefined) resolved.state = absolute('state', resolved.state);
  if (accessLog?.to !== undefined && accessLog.to !== 'stdout' && accessLog.to !== 'off') {
    accessLog.to = absolute('accessLog.to', accessLog.to);
  }
  const matchLog = resolved.waf?.matchLog;
  if (resolved.waf !== undefined && matchLog !== undefined && matchLog !== 'off')
    resolved.waf.matchLog = absolute('waf.matchLog', matchLog);
  for (const [index, target] of present(resolved.events?.to)) {
    const path = `events.to[${index}]`;
    for (const key of ['file', 'ca', 'secretFile'] as const) {
      const file = target[key];
      if (file !== undefined) target[key] = absolute(`${path}.${key}`, file);
    }
  }
  const { acme } = resolved;
  if (acme?.ca !== undefined) acme.ca = absolute('acme.ca', acme.ca);
  const external = acme?.externalAccount;
  if (external?.hmacKeyFile !== undefined) {
    external.hmacKeyFile = absolute('acme.externalAccount.hmacKeyFile', external.hmacKeyFile);
  }
  resolveFleetFiles(resolved.fleet, absolute);
  resolveCrowdsecFiles(resolved.crowdsec, absolute);
  for (const [name, feed] of presentEntries(resolved.feeds))
    for (const key of ['file', 'ca'] as const) {
      const file = feed[key];
      if (file !== undefined) feed[key] = absolute(`feeds.${name}.${key}`, file);
    }
  for (const [index, listener] of present(resolved.edge?.listeners)) {
    for (const [at, files] of present(listener.tls?.certificates)) {
      const path = `edge.listeners[${index}].tls.certificates[${at}]`;
      if (files.cert !== undefined) files.cert = absolute(`${path}.cert`, files.cert);
      if (files.key !== undefined) files.key = absolute(`${path}.key`, files.key);
      if (files.ocsp !== undefined) files.ocsp = absolute(`${path}.ocsp`, files.ocsp);
    }
    const authorities = listener.tls?.clientCertificates;
    if (authorities?.ca !== undefined) {
      const path = `edge.listeners[${index}].tls.clientCertificates.ca`;
      authorities.ca = absolute(path, authorities.ca);
    }
  }
  for (const [name, upstream] of presentEntries(resolved.upstreams)) {
    const { tls } = upstream;
    const path = `upstreams.${name}.tls`;
    if (tls?.ca !== undefined) tls.ca = absolute(`${path}.ca`, tls.ca);
    if (tls?.cert !== undefined) tls.cert = absolute(`${path}.cert`, tls.cert);
    if (tls?.key !== undefined) tls.key = absolute(`${path}.key`, tls.key);
  }
  for (const [name, rule] of presentEntries(resolved.waf?.rules)) {
    for (const [database, file] of presentEntries(rule.databases))
      if (rule.databases !== undefined)
        rule.databases[database] = absolute(`waf.rules.${name}.databases.${database}`, file);
    for (const [index, file] of present<string>(rule.seclang))
      if (rule.seclang !== undefined && file !== installedCrs)
        rule.seclang[index] = absolute(`waf.rules.${name}.seclang[${index}]`, file);
    for (const key of ['module', 'shadow'] as const) {
      const source = rule[key];
      if (source === undefined || source.startsWith(builtinPrefix)) continue;
      const path = `waf.rules.${name}.${key}`;
      rule[key] = source.startsWith(ociPrefix)
        ? `${ociPrefix}${absolute(path, source.slice(ociPrefix.length))}`
        : absolute(path, source);
    }
  }
  for (const [index, key] of present(resolved.waf?.signatures?.keys)) {
    if (key.publicKey !== undefined && !rawKeyPattern.test(key.publicKey))
      key.publicKey = absolute(`waf.signatures.keys[${index}].publicKey`, key.publicKey);
  }
  return resolved;
}

function resolveCrowdsecFiles(
  crowdsec: ConfigDraft['crowdsec'],
  absolute: (path: string, name: string) => string,
): void {
  const { lapi, serve } = crowdsec ?? {};
  for (const key of ['keyFile', 'ca'] as const) {
    const file = lapi?.[key];
    if (lapi !== undefined && file !== undefined)
      lapi[key] = absolute(`crowdsec.lapi.${key}`, file);
  }
  for (const key of ['cert', 'key'] as const) {
    const file = serve?.tls?.[key];
    if (serve?.tls !== undefined && file !== undefined)
      serve.tls[key] = absolute(`crowdsec.serve.tls.${key}`, file);
  }
  for (const [name, bouncer] of presentEntries(serve?.bouncers))
    if (bouncer.keyFile !== undefined)
      bouncer.keyFile = absolute(`crowdsec.serve.bouncers.${name}.keyFile`, bouncer.keyFile);
}

/** The section a node and an orchestrator both have. */
export function resolveFleetFiles(
  fleet: Draft<FleetMember> | undefined,
  absolute: (path: string, name: string) => string,
): void {
  if (fleet === undefined) return;
  for (const key of ['signingKey', 'trust'] as const) {
    const file = fleet[key];
    if (file !== undefined) fleet[key] = absolute(`fleet.${key}`, file);
  }
  for (const key of ['nkeyFile', 'credsFile', 'tokenFile', 'passwordFile'] as const) {
    const file = fleet.auth?.[key];
    if (fleet.auth !== undefined && file !== undefined)
      fleet.auth[key] = absolute(`fleet.auth.${key}`, file);
  }
  for (const key of ['ca', 'cert', 'key'] as const) {
    const file = fleet.tls?.[key];
    if (fleet.tls !== undefined && file !== undefined)
      fleet.tls[key] = absolute(`fleet.tls.${key}`, file);
  }
}
