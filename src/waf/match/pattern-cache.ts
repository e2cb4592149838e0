/**
 * Compiled patterns on disk, a file each, named by the hash of the source and of the compiler itself: another
 * pattern or another Weir never meets a file that is not its own. A file that is damaged counts as absent.
 *
 * A file is one line of JSON, then the blob. It appears whole or not at all.
 */
import { createHash } from 'node:crypto';
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
import type { CompiledPattern } from './compile-pattern.ts';
import type { Requirement } from './requirement.ts';

export const cachedPatternsMax = 4_096;

export class PatternCache {
  readonly #folder: string;

  /** Makes the folder; where it holds more than `cachedPatternsMax`, the oldest files go. */
  constructor(folder: string) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    this.#folder = folder;
    const paths = readdirSync(folder).map((name) => join(folder, name));
    if (paths.length <= cachedPatternsMax) return;
    const byAge = paths
      .map((path) => ({ path, at: statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0 }))
      .sort((a, b) => b.at - a.at);
    for (const { path } of byAge.slice(cachedPatternsMax / 2)) rmSync(path, { force: true });
  }

  /** Null: not here. */
  read(source: string): CompiledPattern | null {
    let file: Buffer;
    try {
      file = readFileSync(this.#path(source));
    } catch {
      return null;
    }
    const lineEnd = file.indexOf(10);
    const bytes = new Uint8Array(file.subarray(lineEnd + 1));
    try {
      return decode(file.subarray(0, lineEnd).toString('utf8'), bytes);
    } catch {
      return null;
    }
  }

  /** False where it cannot be kept: it is compiled again next time, and nothing else is lost. */
  write(source: string, compiled: CompiledPattern): boolean {
    const path = this.#path(source);
    const beside = `${path}.${process.pid}.tmp`;
    try {
      const bytes = Buffer.concat([Buffer.from(encode(compiled)), compiled.bytes]);
      writeFileSync(beside, bytes, { mode: 0o600 });
      renameSync(beside, path);
      return true;
    } catch {
      rmSync(beside, { force: true });
      return false;
    }
  }

  #path(source: string): string {
    const name = createHash('sha256').update(compilerHash()).update(source, 'latin1').digest('hex');
    return join(this.#folder, `${name}.pattern`);
  }
}

let ownHash: string | null = null;

/** Of the compiler's own sources: what they make changes when they do. */
function compilerHash(): string {
  if (ownHash !== null) return ownHash;
  const hash = createHash('sha256');
  for (const name of readdirSync(import.meta.dirname).toSorted())
    hash.update(name).update(readFileSync(join(import.meta.dirname, name)));
  ownHash = hash.digest('hex');
  return ownHash;
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

type Head = Pick<CompiledPattern, 'kind' | 'stats'> & {
  readonly sha256: string;
  readonly requirement: RequirementText;
  readonly split: { readonly rare: RequirementText; readonly plain: RequirementText } | null;
};

type RequirementText = {
  readonly literals: readonly string[] | null;
  readonly allKinds: string;
  readonly anyKinds: readonly string[];
  readonly form: readonly string[] | null;
  readonly lengthMin: number;
  readonly firstBytes: readonly number[] | null;
};

function encode({ kind, stats, requirement, split, bytes }: CompiledPattern): string {
  const head: Head = {
    kind,
    stats,
    sha256: sha256(bytes),
    requirement: textOf(requirement),
    split: split === null ? null : { rare: textOf(split.rare), plain: textOf(split.plain) },
  };
  return `${JSON.stringify(head)}\n`;
}

function textOf(requirement: Requirement): RequirementText {
  return {
    literals: requirement.literals,
    allKinds: String(requirement.allKinds),
    anyKinds: requirement.anyKinds.map(String),
    form: requirement.form?.map(String) ?? null,
    lengthMin: requirement.lengthMin,
    firstBytes: requirement.firstBytes === null ? null : [...requirement.firstBytes],
  };
}

function requirementOf(text: RequirementText): Requirement {
  return {
    literals: text.literals,
    allKinds: BigInt(text.allKinds),
    anyKinds: text.anyKinds.map(BigInt),
    form: text.form?.map(BigInt) ?? null,
    lengthMin: text.lengthMin,
    firstBytes: text.firstBytes === null ? null : Uint8Array.from(text.firstBytes),
  };
}

function decode(line: string, bytes: Uint8Array): CompiledPattern | null {
  const head = JSON.parse(line) as Head;
  if (head.sha256 !== sha256(bytes)) return null;
  const { kind, stats, split } = head;
  return {
    kind,
    stats,
    bytes,
    requirement: requirementOf(head.requirement),
    split:
      split === null
        ? null
        : { rare: requirementOf(split.rare), plain: requirementOf(split.plain) },
  };
}
