/** Module versions in the words of the management API, of status and of the log. */
import type { ModuleHistory, ModuleStatus } from '#admin/control.ts';
import type { Config } from '#config/schema.ts';
import { moduleSeriesFamilies } from '#proxy/module-series.ts';
import type { ModuleVersion } from '#state/module-database.ts';
import type { ModuleStore } from '#state/module-store.ts';
import type { MetricSamples } from '#telemetry/metrics.ts';
import { moduleFailures } from './module-failures.ts';
import type { ModuleSettings } from './snapshot-source.ts';

/** What is live under a name, or in quarantine and off. */
export type LiveEntry = {
  readonly name: string;
  readonly settings: ModuleSettings;
  readonly source: string;
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly configuredSha256: string;
  readonly version: ModuleVersion;
  readonly generation: number;
  readonly off: string | null;
};

export function moduleStatus(
  entry: LiveEntry,
  lastError: string | null,
  config: Config,
  samples: MetricSamples,
): ModuleStatus {
  const { name, source, settings, version, generation, off, configuredSha256 } = entry;
  return {
    name,
    source,
    version: version.version,
    sha256: version.sha256,
    bytes: version.bytes,
    origin: version.origin,
    state: off === null ? 'live' : 'off',
    signedBy: version.keyName,
    isAsConfigured: version.sha256 === configuredSha256,
    loadedAt: new Date(version.loadedAtMs).toISOString(),
    generation,
    failure: settings.failure,
    watch: config.waf.rules[name]?.watch ?? false,
    routes: routesOf(config, name),
    failures: failuresOf(name, samples),
    ...figuresOf(version, samples),
    lastError: off ?? lastError,
  };
}

/** Why the last load was refused, or else how the version that is live failed last. */
export function lastErrorOf(store: ModuleStore, name: string, live: number): string | null {
  const [newest] = store.history(name);
  if (newest?.state === 'failed') return `version ${newest.version}: ${newest.error}`;
  return store.version(name, live)?.error ?? null;
}

export function moduleHistory(store: ModuleStore, name: string): ModuleHistory {
  return {
    name,
    versions: store.history(name).map((version) => ({
      version: version.version,
      state: version.state,
      sha256: version.sha256,
      bytes: version.bytes,
      origin: version.origin,
      source: version.source,
      loadedAt: new Date(version.loadedAtMs).toISOString(),
      signedBy: version.keyName,
      sequence: version.sequence,
      isKept: version.isKept,
      error: version.error,
    })),
  };
}

/** What a rollback could name. */
export function readyText(store: ModuleStore, name: string): string {
  const ready = store
    .history(name)
    .filter(({ isKept, state }) => isKept && state !== 'live')
    .map(({ version, state }) => (state === 'ready' ? `${version}` : `${version} (${state})`));
  return ready.length === 0 ? 'none is ready' : `to be had: ${ready.join(', ')}`;
}

const routesOf = (config: Config, name: string): number =>
  config.waf.rules[name]?.mode === 'off'
    ? 0
    : config.routes.filter(({ waf }) => waf.mode !== 'off' && waf.rules.includes(name)).length;

export const quarantinePart = (name: string): string => `module ${name} (quarantine)`;

export const offReason = ({ name, version }: ModuleVersion, why: string): string =>
  `version ${version} is in quarantine (${why}) and no earlier version is ready, so every request gets the module's policy; load a version that is mended, or run it in spite of that with "weir module rollback ${name} --to ${version}"`;

/** Reasons come from a module, and stand in a database and on screens. */
export const oneLine = (text: string): string => text.replaceAll(/[\r\n]+/g, ' ').slice(0, 500);

/** Of that version alone, by what its workers measured. */
function figuresOf(
  { name, sha256 }: ModuleVersion,
  samples: MetricSamples,
): Pick<ModuleStatus, 'memoryBytes' | 'readyMs'> {
  const { memory, ready } = moduleSeriesFamilies;
  const labels = `{module="${name}",version="${sha256.slice(0, 12)}"}`;
  const readies = samples.get(`${ready.name}_count${labels}`) ?? 0;
  const seconds = samples.get(`${ready.name}_sum${labels}`) ?? 0;
  return {
    memoryBytes: samples.get(`${memory.name}${labels}`) ?? null,
    readyMs: readies === 0 ? null : (seconds / readies) * 1_000,
  };
}

/** Of all its versions and kinds. */
function failuresOf(name: string, samples: MetricSamples): number {
  const beginning = `${moduleFailures.name}{module="${name}",`;
  let sum = 0;
  for (const [key, value] of samples) if (key.startsWith(beginning)) sum += value;
  return sum;
}
