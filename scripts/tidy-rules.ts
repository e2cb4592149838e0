/**
 * The rules that keep the tree in shape, each a function from the files to what is wrong with them.
 *
 * They see texts and nothing of the disk, so each has a test that shows it fires (`test/tree/`). What
 * formats, types and imports can say is said by Biome and the compiler; these say the rest.
 */
import { posix } from 'node:path';

/** Path below the root → content; null for what is no text. */
export type Tree = ReadonlyMap<string, string | null>;

export type TidyRule = (tree: Tree) => string[];

/**
 * What is started from outside: by a person, by npm, by the rule compiler. Everything else under src/,
 * scripts/ and wasm-rules/ is reached from these, or nobody needs it.
 */
export const entryPoints: readonly RegExp[] = [
  /^bin\/weir\.mjs$/,
  /^src\/main\.ts$/,
  // The reporter of failed files is named to the test runner.
  /^scripts\/(?:start|test|setup|failed-files)\.mjs$/,
  /^scripts\/(?:check|build-rules|build-bpf|generate-reference|fetch-public-examples|replay-smuggling|run-core-rule-set|switch-off)\.ts$/,
  /^wasm-rules\/rules\/[^/]+\/index\.ts$/,
  // The evaluator of SecLang: `build/engine/seclang.wasm`.
  /^wasm-rules\/seclang\/index\.ts$/,
  // Copied by `weir module new`.
  /^wasm-rules\/template\/index\.ts$/,
  // Compiled by the tests of the SDK, which runs only inside a module.
  /^wasm-rules\/testing\/(?:[^/]+|http-wasm-[^/]+\/index|proxy-wasm\/[^/]+)\.ts$/,
];

const linesMax = 500;
const isSource = (path: string): boolean => /\.(?:ts|mjs)$/.test(path);

export const unreachedFiles: TidyRule = (tree) => {
  const reached = new Set<string>();
  const queue = [...tree.keys()].filter((path) => entryPoints.some((entry) => entry.test(path)));
  for (let path = queue.pop(); path !== undefined; path = queue.pop()) {
    if (reached.has(path)) continue;
    reached.add(path);
    for (const named of importsOf(path, tree.get(path) ?? '')) {
      const target = [named, `${named}.ts`].find((candidate) => tree.has(candidate));
      if (target !== undefined) queue.push(target);
    }
  }
  return [...tree.keys()]
    .filter(
      (path) =>
        /^(?:src|scripts|wasm-rules)\//.test(path) && isSource(path) && !path.endsWith('.d.ts'),
    )
    .filter((path) => !reached.has(path))
    .map(
      (path) =>
        `${path}: no entry point reaches it; call it, remove it, or name it in scripts/tidy-rules.ts`,
    );
};

/** Between folders of src/ the name begins with `#`: that is what the layering rules of Biome read. */
export const relativeImportsBetweenFolders: TidyRule = (tree) =>
  sources(tree).flatMap(([path, text]) => {
    const folder = folderOf(path);
    if (!path.startsWith('src/')) return [];
    return importsOf(path, text)
      .filter((named) => named.startsWith('src/') && folderOf(named) !== folder)
      .filter(
        (named) => !text.includes(`'#${named.slice('src/'.length)}`) && !isUrl(path, text, named),
      )
      .map(
        (named) =>
          `${path}: imports ${named} by a relative name; write #${named.slice('src/'.length)}`,
      );
  });

/** A folder without a rule could import from anywhere. */
export const foldersWithoutLayer: TidyRule = (tree) => {
  const rules = tree.get('biome.json') ?? '';
  const folders = new Set(
    [...tree.keys()].filter((path) => /^src\/[^/]+\//.test(path)).map(folderOf),
  );
  return [...folders]
    .filter((folder) => !rules.includes(`"${folder}/**"`))
    .map((folder) => `${folder}: biome.json has no noRestrictedImports for it`);
};

export const fileNames: TidyRule = (tree) =>
  [...tree.keys()]
    .filter((path) => /^(?:src|scripts|bin|wasm-rules|test|bench|config|certs|docs)\//.test(path))
    // A case file is named for what it tests, as that is spelt.
    .filter((path) => !path.startsWith('test/corpus/'))
    .filter((path) =>
      path
        .split('/')
        .some((part) => !/^(?:[a-z0-9]+(?:-[a-z0-9]+)*(?:\.[a-z0-9-]+)*|README\.md)$/.test(part)),
    )
    .map((path) => `${path}: is no kebab-case name`);

export const longFiles: TidyRule = (tree) =>
  sources(tree)
    .map(([path, text]) => ({ path, lines: text.split('\n').length - 1 }))
    .filter(({ lines }) => lines > linesMax)
    .map(({ path, lines }) => `${path}: ${lines} lines; split what is over ${linesMax}`);

export const headers: TidyRule = (tree) =>
  sources(tree)
    .filter(([path, text]) => path.startsWith('src/') && !text.startsWith('/**'))
    .map(([path]) => `${path}: begins without a header that says what it is`);

export const binaries: TidyRule = (tree) =>
  [...tree]
    .filter(([, text]) => text === null)
    .map(([path]) => `${path}: is a binary; make it from its source instead`);

export const privateKeys: TidyRule = (tree) =>
  matching(
    tree,
    /-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[A-Za-z0-9+/=\s]{40}/,
    'holds a private key; let the test make one',
  );

/** Attacks name such paths, so the rule set and what tests it may. */
export const homePaths: TidyRule = (tree) =>
  matching(
    new Map(
      [...tree].filter(([path]) => !/^(?:wasm-rules|test\/(?:wasm|corpus|wire))\//.test(path)),
    ),
    /(?:^|[\s"'`(=:])\/(?:home|Users)\/[A-Za-z0-9._-]+\//m,
    'names a home directory',
  );

export const registryNames: TidyRule = (tree) =>
  matching(
    new Map([...tree].filter(([path]) => path !== 'package-lock.json')),
    /registry\.(?:npmjs|npmmirror|yarnpkg)\b|\bnpm\.pkg\.github\b/,
    'names a package registry; that is the business of who installs',
  );

export const silencedChecks: TidyRule = (tree) =>
  matching(
    new Map(sources(tree)),
    /biome[-]ignore|@ts[-](?:ignore|nocheck|expect-error)|\b(?:TOD[O]|FIXM[E])\b/,
    'silences a check or leaves something for later',
  );

export const undocumentedDependencies: TidyRule = (tree) => {
  const manifest: unknown = JSON.parse(tree.get('package.json') ?? '{}');
  const page = tree.get('docs/dependencies.md') ?? '';
  return Object.keys(dependenciesOf(manifest))
    .filter((name) => !page.includes(`\`${name}\``))
    .map((name) => `package.json: docs/dependencies.md does not say why \`${name}\` is needed`);
};

export const tidyRules: Readonly<Record<string, TidyRule>> = {
  unreachedFiles,
  relativeImportsBetweenFolders,
  foldersWithoutLayer,
  fileNames,
  longFiles,
  headers,
  binaries,
  privateKeys,
  homePaths,
  registryNames,
  silencedChecks,
  undocumentedDependencies,
};

/** The files a source names: imports of every kind, and `new URL('…', import.meta.url)` as workers use it. */
function importsOf(path: string, text: string): string[] {
  const named = text.matchAll(/(?:\bfrom\s*|\bimport\s*\(?\s*|\bnew URL\(\s*)'([^'\n]+)'/g);
  return [...named].flatMap(([, name = '']) => {
    if (name.startsWith('#')) return [`src/${name.slice(1)}`];
    return name.startsWith('.') ? [posix.join(posix.dirname(path), name)] : [];
  });
}

function isUrl(path: string, text: string, named: string): boolean {
  return [...text.matchAll(/new URL\(\s*'([^'\n]+)'/g)].some(
    ([, name = '']) => posix.join(posix.dirname(path), name) === named,
  );
}

/** `src/proxy` of `src/proxy/http1/parse.ts`; `src` of `src/main.ts`. */
function folderOf(path: string): string {
  const parts = path.split('/');
  return parts.length > 2 ? parts.slice(0, 2).join('/') : (parts[0] ?? '');
}

function sources(tree: Tree): [string, string][] {
  return [...tree].flatMap(([path, text]) =>
    text !== null && isSource(path) ? [[path, text]] : [],
  );
}

function matching(tree: Tree, pattern: RegExp, says: string): string[] {
  return [...tree].flatMap(([path, text]) => {
    const at = text?.search(pattern) ?? -1;
    if (text === null || at === -1) return [];
    return [`${path}:${text.slice(0, at).split('\n').length}: ${says}`];
  });
}

function dependenciesOf(manifest: unknown): object {
  if (typeof manifest !== 'object' || manifest === null || !('dependencies' in manifest)) return {};
  const { dependencies } = manifest;
  return typeof dependencies === 'object' && dependencies !== null ? dependencies : {};
}
