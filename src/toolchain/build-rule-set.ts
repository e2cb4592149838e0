/**
 * SecLang files made into a module: read, planned, compiled, joined with the engine. What was built is kept by the
 * hash of everything it was built from, so a start with nothing changed reads one file.
 */
import { createHash, type Hash } from 'node:crypto';
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { WeirError } from '#core/errors.ts';
import { type LoadedRules, loadRules, type RuleSource } from '#waf/language/load.ts';
import type { RuleProblem } from '#waf/language/problem.ts';
import { findRuleFolder, sourcesOf } from '#waf/language/rule-files.ts';
import { diskReader, type RuleReader } from '#waf/language/rule-reader.ts';
import { PatternCache } from '#waf/match/pattern-cache.ts';
import { buildImage, type ImageStats } from '#waf/rules/build-image.ts';
import { CompiledMatchers } from '#waf/rules/compiled-matchers.ts';
import { imageVersion } from '#waf/rules/image-layout.ts';
import { readEngine } from '#wasm/seclang/engine-file.ts';
import { readModule, writeModule } from '#wasm/seclang/module-file.ts';
import { ruleSetFacts } from '#wasm/seclang/rule-set-facts.ts';
import {
  bodySource,
  closingSources,
  type RuleSetRequest,
  setupSources,
  strictSource,
} from './rule-set-request.ts';
import { markOf, type SourceMark } from './source-marks.ts';

export type BuiltRuleSet = {
  readonly bytes: Uint8Array;
  readonly sha256: string;
  readonly isFromCache: boolean;
  readonly loadedRules: number;
  readonly foldedRules: number;
  /** Rules that are read and cannot be run, each with its reason. */
  readonly refused: readonly RefusedRuleWords[];
  readonly stats: ImageStats | null;
  /** What was read and has no effect, or another than it reads, with its place; the first of it. */
  readonly notes: readonly string[];
  /** Of everything that was read. */
  readonly marks: readonly SourceMark[];
};

export type RefusedRuleWords = {
  readonly id: number;
  readonly place: string;
  readonly reason: string;
};

export type BuildStage = (words: string) => void;

/** `builtin:core` as it comes, compiled when Weir was built: a first start with it compiles nothing. */
export const shippedRuleSets = fileURLToPath(new URL('../../build/rule-sets', import.meta.url));

/** Rule sets kept in a cache folder; the oldest go. */
const cachedMax = 8;
const problemsShown = 20;
const notesShown = 40;

/** Throws `RULES_INVALID` with every problem, `RULES_UNREADABLE`. */
export function buildRuleSet(
  request: RuleSetRequest,
  cacheFolder: string | null,
  onStage: BuildStage = () => undefined,
): BuiltRuleSet {
  const hash = createHash('sha256');
  const marks = request.paths.map(markOf);
  const reader = hashingReader(hash, marks);
  onStage('reading rules');
  const loaded = loadRules(sourcesFor(request, reader), { reader });
  const { ruleSet, problems, problemsDropped } = loaded;
  if (problems.length > 0) throw invalidRules(request, problems, problemsDropped);
  const engine = readEngine();
  // What it is called says nothing about what it does.
  hash.update(JSON.stringify([{ ...request, name: '' }, imageVersion])).update(engine);
  hashCompiler(hash);
  const key = hash.digest('hex');
  const fates = { loaded: 0, folded: 0 };
  for (const { fate } of ruleSet.dispositions) {
    if (fate === 'loaded') fates.loaded++;
    else if (fate === 'folded') fates.folded++;
  }
  const notes = loaded.notes
    .slice(0, notesShown)
    .map(
      ({ position: { file, line, column }, message }) => `${file}:${line}:${column}  ${message}`,
    );
  const common = { loadedRules: fates.loaded, foldedRules: fates.folded, notes, marks };
  const cached =
    cacheFolder === null
      ? null
      : (readCached(cacheFolder, key) ?? readCached(shippedRuleSets, key));
  if (cached !== null)
    return {
      ...common,
      bytes: cached,
      sha256: sha256(cached),
      isFromCache: true,
      refused: [],
      stats: null,
    };
  let last = 0;
  const built = buildImage(ruleSet, new CompiledMatchers(patternsIn(cacheFolder)), (done, all) => {
    const now = performance.now();
    if (now - last < stageMs) return;
    last = now;
    onStage(`compiling rules: ${done} of ${all}`);
  });
  if (built.refused.length > 0)
    throw new WeirError(
      'RULES_INVALID',
      `${built.refused.length} rules of ${request.name} cannot be run`,
      {
        details: built.refused.map(
          ({ rule, reason }) =>
            `${rule.position.file}:${rule.position.line}  rule ${rule.id}: ${reason}`,
        ),
      },
    );
  onStage('writing the module');
  const bytes = writeModule(engine, built.bytes, ruleSetFacts(built.rules, ruleSet.settings));
  if (cacheFolder !== null) keep(cacheFolder, key, bytes);
  return {
    ...common,
    bytes,
    sha256: sha256(bytes),
    isFromCache: false,
    refused: [],
    stats: built.stats,
  };
}

const stageMs = 500;

/** Beside the rule sets: what one of them had, the next one finds. Null where the folder cannot be made. */
function patternsIn(cacheFolder: string | null): PatternCache | null {
  if (cacheFolder === null) return null;
  try {
    return new PatternCache(join(cacheFolder, 'patterns'));
  } catch {
    return null;
  }
}

/** Files in the order they are loaded, and what the configuration adds. */
export function sourcesFor(request: RuleSetRequest, reader: RuleReader): readonly RuleSource[] {
  const sources: RuleSource[] = [bodySource];
  let hasSetup = false;
  for (const path of request.paths) {
    const status = statSync(path, { throwIfNoEntry: false });
    if (status === undefined) throw new WeirError('RULES_UNREADABLE', `${path} is not there`);
    const added = hasSetup ? {} : { afterSetup: setupSources(request) };
    if (!status.isDirectory()) {
      sources.push({ kind: 'file', path });
      continue;
    }
    const folder = findRuleFolder(path, reader);
    if (folder === null)
      throw new WeirError('RULES_UNREADABLE', `${path} holds no rules`, {
        details: ['a folder of rules has *.conf files, or crs-setup.conf and rules/'],
      });
    if (!hasSetup && folder.engine.length === 0) sources.push(strictSource);
    sources.push(...sourcesOf(folder, added));
    hasSetup = true;
  }
  if (!hasSetup) sources.splice(1, 0, ...setupSources(request));
  return [...sources, ...closingSources(request)];
}

/** The end of what is said of a rule that cannot be run. */
const removal = /\bSecRuleRemoveById (\d+)$/;

function invalidRules(
  request: RuleSetRequest,
  problems: readonly RuleProblem[],
  dropped: number,
): WeirError {
  const count = problems.length + dropped;
  return new WeirError(
    'RULES_INVALID',
    `the rules of ${request.name} have ${count} problem${count === 1 ? '' : 's'}; weir rules check shows them`,
    {
      details: problems.slice(0, problemsShown).map(({ position, message, fix }) => {
        const words = fix.replace(
          removal,
          '$&, in a configuration exclusions: [{ rules: ["$1"] }]',
        );
        return `${position.file}:${position.line}:${position.column}  ${message} (${words})`;
      }),
    },
  );
}

/** Its files read and not compiled. Throws `RULES_UNREADABLE`. */
export function readRules(request: RuleSetRequest): LoadedRules {
  return loadRules(sourcesFor(request, diskReader), { reader: diskReader });
}

/** Everything that is read counts, under its name. */
function hashingReader(hash: Hash, marks: SourceMark[]): RuleReader {
  return {
    read(path, bytesMax) {
      marks.push(markOf(path));
      const answer = diskReader.read(path, bytesMax);
      hash.update(path).update('text' in answer ? answer.text : answer.problem);
      return answer;
    },
    list(folder) {
      marks.push(markOf(folder));
      const names = diskReader.list(folder);
      hash.update(folder).update(JSON.stringify(names?.toSorted() ?? null));
      return names;
    },
  };
}

/** What was built by another compiler is not what this one would build. */
function hashCompiler(hash: Hash): void {
  for (const folder of ['language', 'match', 'rules']) {
    const at = fileURLToPath(new URL(`../waf/${folder}`, import.meta.url));
    for (const name of readdirSync(at).toSorted())
      hash.update(name).update(readFileSync(join(at, name)));
  }
}

/** Null where there is none, or where it is damaged. */
function readCached(folder: string, key: string): Uint8Array | null {
  try {
    const bytes = readFileSync(join(folder, `${key}.wasm`));
    return readModule(bytes) === null ? null : bytes;
  } catch {
    return null;
  }
}

/** A cache that cannot be written costs time at the next start and nothing else. */
function keep(folder: string, key: string, bytes: Uint8Array): void {
  const path = join(folder, `${key}.wasm`);
  const beside = `${path}.${process.pid}.tmp`;
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    writeFileSync(beside, bytes, { mode: 0o600 });
    renameSync(beside, path);
    const kept = readdirSync(folder)
      .filter((name) => name.endsWith('.wasm'))
      .map((name) => ({ name, at: statSync(join(folder, name)).mtimeMs }))
      .toSorted((a, b) => b.at - a.at);
    for (const { name } of kept.slice(cachedMax)) rmSync(join(folder, name), { force: true });
  } catch {
    rmSync(beside, { force: true });
  }
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
