/**
 * From a loaded configuration to what workers need: certificates and modules read from disk and checked,
 * before anything that is live is touched.
 */
import { readFile } from 'node:fs/promises';
import type { Tried } from '#admin/replay-control.ts';
import { allProblems } from '#config/check.ts';
import { loadConfig } from '#config/load.ts';
import type { RuleModule } from '#config/module-schema.ts';
import type { ConfigProblem } from '#config/problem.ts';
import type { Config } from '#config/schema.ts';
import { assert } from '#core/assert.ts';
import { WeirError } from '#core/errors.ts';
import type { CertificateSource } from '#proxy/tls/certificate-store.ts';
import type { UpstreamFiles } from '#proxy/upstream/upstream-registry.ts';
import type { CompileSource } from '#wasm/live-module.ts';
import { withKeptPolicies } from './fleet-policies.ts';
import type { ManagedEntry, TlsPlan } from './node-certificates.ts';
import { checkConfigTried, checkGeneration } from './tried-change.ts';

export type LoadedConfig = Extract<Awaited<ReturnType<typeof loadConfig>>, { ok: true }>;

/** With what its gate let through, where one was asked. */
export type TriedConfig = LoadedConfig & { readonly tried?: Tried | null };

/** Where the configuration comes from: a file, or text of our own when there is none. */
export type ConfigOrigin = { readonly file: string | null; readonly defaults?: string };

export type ModuleSettings = Omit<CompileSource, 'name' | 'sha256' | 'bytes'>;

/** Loads and checks everything, with what the fleet lays over it; throws CONFIG_INVALID with every problem at once. */
export async function loadChecked(origin: ConfigOrigin): Promise<LoadedConfig> {
  const loaded = loadConfig({ ...origin, env: process.env });
  const problems = await allProblems(loaded);
  if (!loaded.ok || problems.length > 0) throw invalid(origin, problems);
  return withKeptPolicies(loaded);
}

/** As a gate has tried it: this configuration over that generation, and modules that `planModules` compares. */
export async function loadTried(
  origin: ConfigOrigin,
  tried: Tried | null,
  generation: number,
): Promise<TriedConfig> {
  checkGeneration(tried, generation);
  const loaded = await loadChecked(origin);
  checkConfigTried(tried, loaded.sha256);
  return { ...loaded, tried };
}

/** Files are read here; lists of names are filled in by `NodeCertificates`. */
export async function readTlsPlan(config: Config): Promise<TlsPlan> {
  const entries: (CertificateSource | ManagedEntry)[] = [];
  const clientAuthorities: { listener: number; pem: string }[] = [];
  for (const [index, { tls }] of config.edge.listeners.entries()) {
    for (const files of tls?.certificates ?? []) {
      const { cert, key, acme } = files;
      if (acme !== undefined) {
        entries.push({ listener: index, acme });
        continue;
      }
      assert(cert !== undefined && key !== undefined, 'the check has refused anything else');
      entries.push({
        listener: index,
        cert: await readFile(cert, 'utf8'),
        key: await readFile(key, 'utf8'),
        ...(files.ocsp === undefined ? {} : { ocsp: await readFile(files.ocsp) }),
      });
    }
    const asked = tls?.clientCertificates;
    if (asked?.ca !== undefined && asked.mode !== 'off')
      clientAuthorities.push({ listener: index, pem: await readFile(asked.ca, 'utf8') });
  }
  return { entries, clientAuthorities };
}

/** The files of `upstreams.NAME.tls`. */
export function readUpstreamFiles(config: Config): Promise<UpstreamFiles[]> {
  const read = async (file: string | undefined): Promise<string | null> =>
    file === undefined ? null : readFile(file, 'utf8');
  return Promise.all(
    Object.entries(config.upstreams).flatMap(([upstream, { tls }]) =>
      tls === undefined
        ? []
        : [
            Promise.all([read(tls.ca), read(tls.cert), read(tls.key)]).then(([ca, cert, key]) => ({
              upstream,
              ca,
              cert,
              key,
            })),
          ],
    ),
  );
}

/** What the configuration says of a module, beside where it comes from. */
export function moduleSettings(rule: RuleModule): ModuleSettings {
  const { failure, fuel, memoryPagesMax, grants, fetch, databases } = rule;
  const settings = { failure, fuel, memoryPagesMax, grants, fetch, databases };
  return { ...settings, config: JSON.stringify(rule.config) };
}

function invalid(origin: ConfigOrigin, problems: readonly ConfigProblem[]): WeirError {
  const details = problems.map(({ path, message, line, column, fix }) => {
    const at =
      origin.file === null
        ? ''
        : `${origin.file}${line === null ? '' : `:${line}:${column ?? 1}`}  `;
    return `${at}${path}  ${message}${fix === undefined ? '' : ` (${fix})`}`;
  });
  return new WeirError(
    'CONFIG_INVALID',
    `the configuration has ${problems.length} problem${problems.length === 1 ? '' : 's'}`,
    { details },
  );
}
