/**
 * Which files a rule folder holds, in the order they must be read.
 *
 *   modsecurity.conf(-recommended) ─ crs-setup.conf(.example) ─ [what the caller adds]
 *     ─ plugins/*-config.conf ─ plugins/*-before.conf ─ rules/*.conf ─ plugins/*-after.conf ─ [more]
 *
 * That is the layout of a Core Rule Set release (its `.example` exclusion files are templates and stay
 * out); the engine's file may lie in `engine/`, and without one its essentials stand in for it. Debian's
 * package spreads the same over two folders, and plugins may lie in either. Any other folder is its
 * `*.conf` files by name.
 */
import { join } from 'node:path';
import { installedCrsFolder as debianFolder } from '#core/installed-rules.ts';
import { engineDefaults } from './engine-defaults.ts';
import { matchesName } from './file-glob.ts';
import type { RuleSource } from './load.ts';
import type { RuleReader } from './rule-reader.ts';

export type RuleFolder = {
  readonly layout: 'core-rule-set' | 'debian' | 'plain';
  readonly engine: readonly string[];
  readonly setup: readonly string[];
  readonly rules: readonly string[];
};

/** What a caller adds: `afterSetup` before any rule that reads variables, `afterRules` at the end. */
export type AddedSources = {
  readonly afterSetup?: readonly RuleSource[];
  readonly afterRules?: readonly RuleSource[];
};

/** Null where the folder holds no rules. */
export function findRuleFolder(folder: string, reader: RuleReader): RuleFolder | null {
  const names = reader.list(folder);
  if (names === null) return null;
  const root = debianRootOf(folder);
  if (root !== null) return findDebianRules(reader, root);
  if (names.includes('rules') && named(folder, 'crs-setup.conf', reader) !== null) {
    return coreRuleSet(folder, folder, reader);
  }
  const rules = matching(folder, '*.conf', reader);
  if (rules.length === 0) return null;
  return { layout: 'plain', engine: [], setup: [], rules };
}

function debianRootOf(folder: string): string | null {
  const plain = folder.replace(/\/+$/, '');
  return plain.endsWith(debianFolder) ? plain.slice(0, -debianFolder.length) || '/' : null;
}

/** Debian's `modsecurity-crs`, below `root`; null where it is not installed. */
export function findDebianRules(reader: RuleReader, root = '/'): RuleFolder | null {
  const share = join(root, debianFolder);
  const etc = join(root, 'etc/modsecurity');
  const setup = named(join(etc, 'crs'), 'crs-setup.conf', reader);
  const rules = matching(join(share, 'rules'), '*.conf', reader);
  if (setup === null || rules.length === 0) return null;
  const engine = named(etc, 'modsecurity.conf', reader);
  const plugged = (pattern: string): string[] =>
    [share, join(etc, 'crs')].flatMap((folder) =>
      matching(join(folder, 'plugins'), pattern, reader),
    );
  return {
    layout: 'debian',
    engine: engine === null ? [] : [engine],
    setup: [setup],
    rules: [
      ...plugged('*-config.conf'),
      ...plugged('*-before.conf'),
      ...matching(join(etc, 'crs'), 'REQUEST-900-*.conf', reader),
      ...rules,
      ...matching(join(etc, 'crs'), 'RESPONSE-999-*.conf', reader),
      ...plugged('*-after.conf'),
    ],
  };
}

export function sourcesOf(folder: RuleFolder, added: AddedSources = {}): readonly RuleSource[] {
  const files = (paths: readonly string[]): RuleSource[] =>
    paths.map((path) => ({ kind: 'file', path }));
  const isBare = folder.engine.length === 0 && folder.layout !== 'plain';
  return [
    ...(isBare ? [engineDefaults] : files(folder.engine)),
    ...files(folder.setup),
    ...(added.afterSetup ?? []),
    ...files(folder.rules),
    ...(added.afterRules ?? []),
  ];
}

function coreRuleSet(folder: string, plugins: string, reader: RuleReader): RuleFolder {
  const engine =
    named(folder, 'modsecurity.conf', reader) ??
    named(join(folder, 'engine'), 'modsecurity.conf', reader);
  const setup = named(folder, 'crs-setup.conf', reader);
  const plugged = join(plugins, 'plugins');
  return {
    layout: 'core-rule-set',
    engine: engine === null ? [] : [engine],
    setup: setup === null ? [] : [setup],
    rules: [
      ...matching(plugged, '*-config.conf', reader),
      ...matching(plugged, '*-before.conf', reader),
      ...matching(join(folder, 'rules'), '*.conf', reader),
      ...matching(plugged, '*-after.conf', reader),
    ],
  };
}

/** The file itself, or the template it is made from. */
function named(folder: string, name: string, reader: RuleReader): string | null {
  const names = reader.list(folder) ?? [];
  const found = [name, `${name}.example`, `${name}-recommended`].find((one) => names.includes(one));
  return found === undefined ? null : join(folder, found);
}

function matching(folder: string, pattern: string, reader: RuleReader): string[] {
  return (reader.list(folder) ?? [])
    .filter((name) => matchesName(name, pattern))
    .sort()
    .map((name) => join(folder, name));
}
