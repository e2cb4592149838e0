/**
 * What modules are told and granted: whether a config keeps its bound, the parts of a grant are there,
 * prefixes are URLs and databases are databases. A part without its grant would be a key that nobody reads.
 */

import { damagedMmdb } from '#core/mmdb-file.ts';
import { parseUrlPrefix } from '#core/url-prefix.ts';
import { type ConfigDraft, present, presentEntries } from './draft.ts';
import type { Say } from './problem.ts';

/** Some three thousand rules of `universal`; a guest reads it into its own memory. */
export const moduleConfigBytesMax = 262_144;

export async function checkGrants(config: ConfigDraft, say: Say): Promise<void> {
  for (const [name, rule] of presentEntries(config.waf?.rules)) {
    const path = `waf.rules.${name}`;
    const grants = new Set(present<string>(rule.grants).map(([, grant]) => grant));
    const configBytes = Buffer.byteLength(JSON.stringify(rule.config ?? {}));
    if (configBytes > moduleConfigBytesMax)
      say(
        `${path}.config`,
        `has ${configBytes} bytes as JSON, at most ${moduleConfigBytesMax} are handed to a module`,
        'split it over two modules of the same file',
      );
    const prefixes = present(rule.fetch);
    const databases = presentEntries(rule.databases);
    checkPart(path, 'fetch', grants, prefixes.length > 0, say);
    checkPart(path, 'databases', grants, databases.length > 0, say);
    if (grants.has('fetch') && !grants.has('kv:worker'))
      say(
        `${path}.grants`,
        'fetch leaves what it gets in the values of the worker, which the module may not read',
        'add kv:worker',
      );
    if (grants.has('kv:fleet') && config.fleet === undefined)
      say(
        `${path}.grants`,
        'kv:fleet counts over a fleet, and this node is in none',
        'add a fleet section ("weir fleet init" writes one), or use kv:node',
      );
    for (const [index, text] of prefixes) checkPrefix(`${path}.fetch[${index}]`, text, say);
    for (const [database, file] of databases) {
      const damage = await damagedMmdb(file);
      if (damage !== null)
        say(`${path}.databases.${database}`, `${file} ${damage}`, 'name an MMDB file');
    }
  }
}

function checkPart(
  path: string,
  part: 'fetch' | 'databases',
  grants: ReadonlySet<string>,
  isThere: boolean,
  say: Say,
): void {
  if (grants.has(part) === isThere) return;
  if (isThere)
    say(`${path}.${part}`, `has no effect without the grant ${part}`, `add ${part} to grants`);
  // A module imports fetch whether its config makes it fetch or not (jwt-check with keys of its own does not).
  else if (part === 'databases')
    say(
      `${path}.grants`,
      'databases is granted and there is nothing it may reach',
      'add databases: with names and files',
    );
}

function checkPrefix(path: string, text: string, say: Say): void {
  const prefix = parseUrlPrefix(text);
  if (typeof prefix === 'string') {
    say(
      path,
      prefix,
      'a URL without user name, query or dots, that ends in "/" to allow all below it',
    );
    return;
  }
  const { hostname } = new URL(prefix.origin);
  if (hostname === 'localhost' || hostname.endsWith('.localhost'))
    say(
      path,
      'names this machine by a name, and names are fetched only from public addresses',
      'name the address, as in http://127.0.0.1:8081/',
    );
}
