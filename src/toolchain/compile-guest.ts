/**
 * AssemblyScript → a rule module, with the places of every mistake.
 *
 * Sources are read through here, so two things hold wherever a module lies: `weir/…` in an import is the SDK
 * of the Weir that compiles, without a package to install, and a diagnostic can show the line it is about.
 */
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';

export const sdkDirectory = fileURLToPath(new URL('../../wasm-rules/sdk', import.meta.url));

/**
 * 256 pages, 16 MiB, the most the host allows: reading a configuration of a thousand rules takes some three
 * MiB, as nothing is freed while it is read. What an instance does not use it does not have.
 */
const maximumMemoryPages = 256;

const commonOptions = [
  '-O3',
  ...['--runtime', 'stub'],
  ...['--enable', 'simd'],
  ...['--maximumMemory', String(maximumMemoryPages)],
];
/** The smallest that answers the same. */
export const shippedOptions = [...commonOptions, '--converge', '--noAssert'];
/** With names and places, and with `assert` alive: what an author wants of the very code that will run. */
const authorOptions = [...commonOptions, '--debug'];

export type CompileOptions = {
  /** Every source lies below it, and is named from here in messages. */
  readonly baseDirectory: string;
  /** From there, with `/`. */
  readonly entry: string;
  readonly forShipping: boolean;
  /** What its static data needs; one unless said. */
  readonly initialPages?: number;
};

export type CompiledGuest = {
  readonly bytes: Uint8Array;
  /** Null when compiled for shipping. */
  readonly sourceMap: string | null;
};

export type CompileProblem = {
  readonly message: string;
  /** Null for what has no place in a source. */
  readonly place: {
    readonly file: string;
    readonly line: number;
    readonly column: number;
    /** The whole line, and how much of it the message is about. */
    readonly text: string;
    readonly length: number;
  } | null;
};

/** Sources that do not compile: each problem, and the compiler's own words in the message. */
export class GuestCompileError extends Error {
  override readonly name = 'GuestCompileError';
  readonly problems: readonly CompileProblem[];

  constructor(message: string, problems: readonly CompileProblem[], cause: unknown) {
    super(message, { cause });
    this.problems = problems;
  }
}

const outFile = 'rule.wasm';
/** How the compiler asks for `weir/NAME`, from a rule and from the SDK itself. */
const sdkFile = /(?:^|\/)node_modules\/weir\/([a-z0-9-]+\.ts)$/;
const errorCategory = 3;

export async function compileGuest(options: CompileOptions): Promise<CompiledGuest> {
  // Loaded only when something has to be compiled: the compiler takes longer to load than to run.
  const { default: asc } = await import('assemblyscript/asc');
  const sources = new Map<string, string>();
  const written = new Map<string, Uint8Array | string>();
  const problems: CompileProblem[] = [];
  const stderr = asc.createMemoryStream();
  const { error } = await asc.main(
    [
      ...[options.entry, '--baseDir', options.baseDirectory, '--outFile', outFile],
      ...['--initialMemory', String(options.initialPages ?? 1)],
      ...(options.forShipping
        ? shippedOptions
        : [...authorOptions, '--sourceMap', `${outFile}.map`]),
    ],
    {
      stdout: asc.createMemoryStream(),
      stderr,
      readFile: async (name: string, baseDirectory: string) => {
        const sdkName = sdkFile.exec(name)?.[1];
        const path =
          sdkName === undefined ? resolve(baseDirectory, name) : join(sdkDirectory, sdkName);
        const text = await readFile(path, 'utf8').catch(() => null);
        if (text !== null) sources.set(sdkName === undefined ? name : `~lib/weir/${sdkName}`, text);
        return text;
      },
      writeFile: (name: string, contents: Uint8Array | string) => {
        written.set(name, contents);
      },
      reportDiagnostic: (diagnostic: Diagnostic) => {
        if (diagnostic.category === errorCategory) problems.push(problemOf(diagnostic, sources));
      },
    },
  );
  if (error !== null) {
    // The compiler colours its words where the environment asks for it; an error's message is plain.
    const said = stripVTControlCharacters(stderr.toString()).trim();
    throw new GuestCompileError(`${options.entry}: ${said}`, problems, error);
  }
  const bytes = written.get(outFile);
  const sourceMap = written.get(`${outFile}.map`);
  if (bytes === undefined || typeof bytes === 'string')
    throw new GuestCompileError(`${options.entry}: the compiler wrote no module`, [], undefined);
  return { bytes, sourceMap: typeof sourceMap === 'string' ? sourceMap : null };
}

type Diagnostic = {
  readonly message: string;
  readonly category: number;
  readonly range: {
    readonly start: number;
    readonly end: number;
    readonly source: { readonly normalizedPath: string } | null;
  } | null;
};

function problemOf(
  { message, range }: Diagnostic,
  sources: ReadonlyMap<string, string>,
): CompileProblem {
  const file = range?.source?.normalizedPath;
  const source = file === undefined ? undefined : sources.get(file);
  if (range === null || file === undefined || source === undefined) return { message, place: null };
  const start = Math.min(range.start, source.length);
  const lineStart = source.lastIndexOf('\n', start - 1) + 1;
  const lineEnd = source.indexOf('\n', start);
  const text = source.slice(lineStart, lineEnd === -1 ? undefined : lineEnd).trimEnd();
  return {
    message,
    place: {
      file,
      line: source.slice(0, lineStart).split('\n').length,
      column: start - lineStart + 1,
      text,
      length: Math.max(1, Math.min(range.end, lineStart + text.length) - start),
    },
  };
}
