/**
 * Compiles every rule of `wasm-rules/rules/` to `build/rules/<name>.wasm`, and the engine of SecLang rule sets
 * (`wasm-rules/seclang/`) to `build/engine/seclang.wasm`; then `builtin:core` as it comes to `build/rule-sets/`.
 *
 *     node scripts/build-rules.ts
 *
 * What is up to date is left alone: a stamp beside each module holds the hash of its sources, the SDK (and
 * the engine's parts where a module is made of them),
 * the compiler's version and its options. A module appears whole or not at all (written beside its
 * place, then renamed), so a running edge never reads half of one, and two builds at once are harmless.
 */
import { createHash, type Hash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { coreRules, namedRules } from '#config/core-rules.ts';
import { buildRuleSet, shippedRuleSets } from '#toolchain/build-rule-set.ts';
import { compileGuest, GuestCompileError, shippedOptions } from '#toolchain/compile-guest.ts';

export type BuildRulesOptions = {
  /** Folders with an `index.ts`, or single `.ts` files; by default every rule of this checkout. */
  readonly sources?: readonly string[];
  readonly outDirectory?: string;
  /** Gets one line for each module. */
  readonly log?: (line: string) => void;
};

export type BuiltRule = {
  readonly name: string;
  readonly path: string;
  readonly bytes: number;
  /** False when it was up to date. */
  readonly compiled: boolean;
};

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const rulesRoot = join(root, 'wasm-rules');

export async function buildRules(options: BuildRulesOptions = {}): Promise<readonly BuiltRule[]> {
  const outDirectory = options.outDirectory ?? join(root, 'build', 'rules');
  const log = options.log ?? (() => undefined);
  await mkdir(outDirectory, { recursive: true });
  const shared = await hashOfFolders([join(rulesRoot, 'sdk')]);
  const built: BuiltRule[] = [];
  for (const source of options.sources ?? (await ruleFolders())) {
    built.push(await buildRule(source, outDirectory, shared, log));
  }
  if (options.sources === undefined) await buildEngine(log);
  return built;
}

/** Its static data ends below the rule image, which begins at `imagePage` (`src/wasm/seclang/module-file.ts`). */
const enginePages = 8;

/** The generic part of every SecLang rule set; it lies apart from the modules that can be named. */
export async function buildEngine(
  log: (line: string) => void = () => undefined,
): Promise<BuiltRule> {
  const outDirectory = join(root, 'build', 'engine');
  await mkdir(outDirectory, { recursive: true });
  const shared = await hashOfFolders([join(rulesRoot, 'engine')]);
  return buildRule(join(rulesRoot, 'seclang'), outDirectory, shared, log, enginePages);
}

/** `builtin:core` with nothing set: what a node with another setting compiles for itself. */
function buildCoreRules(log: (line: string) => void): void {
  const request = {
    name: 'core',
    paths: [namedRules(root, coreRules)],
    paranoia: null,
    inboundThreshold: null,
    outboundThreshold: null,
    setup: {},
    exclusions: [],
    keepsRuleEngine: false,
  };
  const { bytes, isFromCache } = buildRuleSet(request, shippedRuleSets);
  log(`core: ${isFromCache ? 'up to date' : 'compiled'}, ${bytes.length} bytes`);
}

async function ruleFolders(): Promise<readonly string[]> {
  const folder = join(rulesRoot, 'rules');
  const entries = await readdir(folder, { withFileTypes: true });
  return entries
    .filter((entry) => entry.isDirectory())
    .map((entry) => join(folder, entry.name))
    .toSorted();
}

async function buildRule(
  source: string,
  outDirectory: string,
  shared: string,
  log: (line: string) => void,
  initialPages = 1,
): Promise<BuiltRule> {
  const isFile = source.endsWith('.ts');
  const name = basename(source, '.ts');
  const path = join(outDirectory, `${name}.wasm`);
  const stampPath = join(outDirectory, `${name}.stamp`);
  const files = isFile ? [source] : await typeScriptFiles(source);
  const stamp = createHash('sha256').update(shared);
  let usesEngine = false;
  for (const file of files) {
    const text = await readFile(file);
    stamp.update(relative(root, file)).update(text);
    if (/from '[^']*\/engine\//.test(text.toString('latin1'))) usesEngine = true;
  }
  if (usesEngine) await hashFolder(stamp, join(rulesRoot, 'engine'));
  const wanted = stamp.digest('hex');

  const present = await readFile(path).catch(() => null);
  if (present !== null && (await stampFor(present, stampPath)) === wanted) {
    log(`${name}: up to date, ${present.length} bytes`);
    return { name, path, bytes: present.length, compiled: false };
  }
  const startedAt = performance.now();
  const bytes = await compileRule(isFile ? source : join(source, 'index.ts'), initialPages);
  await writeWhole(path, bytes);
  await writeWhole(stampPath, Buffer.from(`${wanted} ${sha256(bytes)}\n`));
  log(`${name}: compiled, ${bytes.length} bytes, ${Math.round(performance.now() - startedAt)} ms`);
  return { name, path, bytes: bytes.length, compiled: true };
}

/** The stamp counts only for the very bytes it was written for. */
async function stampFor(present: Uint8Array, stampPath: string): Promise<string | null> {
  const [sources, module] = (await readFile(stampPath, 'utf8').catch(() => '')).trim().split(' ');
  return module === sha256(present) ? (sources ?? null) : null;
}

async function compileRule(entry: string, initialPages: number): Promise<Uint8Array> {
  const { bytes } = await compileGuest({
    baseDirectory: root,
    entry: relative(root, entry),
    forShipping: true,
    initialPages,
  });
  return bytes;
}

/** What modules depend on beside their own sources: SDK or engine, compiler, options. */
async function hashOfFolders(folders: readonly string[]): Promise<string> {
  const hash = createHash('sha256');
  for (const folder of folders) await hashFolder(hash, folder);
  const manifest: unknown = createRequire(import.meta.url)('assemblyscript/package.json');
  const version =
    typeof manifest === 'object' && manifest !== null && 'version' in manifest
      ? String(manifest.version)
      : '';
  return hash.update(version).update(shippedOptions.join(' ')).digest('hex');
}

async function hashFolder(hash: Hash, folder: string): Promise<void> {
  for (const file of await typeScriptFiles(folder))
    hash.update(relative(root, file)).update(await readFile(file));
}

async function typeScriptFiles(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true });
  return entries
    .filter((entry) => entry.endsWith('.ts'))
    .map((entry) => join(folder, entry))
    .toSorted();
}

async function writeWhole(path: string, bytes: Uint8Array): Promise<void> {
  const beside = `${path}.${process.pid}.tmp`;
  try {
    await writeFile(beside, bytes);
    await rename(beside, path);
  } catch (error) {
    await rm(beside, { force: true });
    throw error;
  }
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

if (import.meta.main) {
  try {
    const log = (line: string): boolean => process.stdout.write(`${line}\n`);
    await buildRules({ log });
    buildCoreRules(log);
  } catch (error) {
    if (!(error instanceof GuestCompileError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  }
}
