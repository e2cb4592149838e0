/**
 * The parts of the SecLang engine in a module of their own, one function at a time. Compiled when a source has
 * changed; what was compiled is kept by the hash of the sources.
 */
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { compileGuest, shippedOptions } from '#toolchain/compile-guest.ts';

const root = join(import.meta.dirname, '../..');
const entry = 'wasm-rules/testing/engine-parts.ts';

export type EngineExports = Readonly<
  Record<string, (...values: readonly (number | bigint)[]) => number>
>;

export type EngineParts = {
  readonly call: EngineExports;
  readonly memory: WebAssembly.Memory;
  /** Where the caller may write; `bytesMax` of it. */
  readonly room: number;
};

const pages = 256;
export const roomBytes = 8 << 20;

export async function loadEngineParts(): Promise<EngineParts> {
  const instance = new WebAssembly.Instance(new WebAssembly.Module(await compiled()), {
    env: {
      abort: () => {
        throw new Error('the guest gave up');
      },
    },
  });
  const exports = instance.exports as unknown as { memory: WebAssembly.Memory } & EngineExports;
  exports.memory.grow(pages - exports.memory.buffer.byteLength / 65_536);
  const call = exports as EngineExports;
  const room = ((call['room']?.() ?? 0) + 63) & ~63;
  return { call, memory: exports.memory, room };
}

async function compiled(): Promise<Uint8Array<ArrayBuffer>> {
  const folder = join(root, 'build/test-guests');
  await mkdir(folder, { recursive: true });
  const path = join(folder, `engine-parts-${await sourcesHash()}.wasm`);
  const present = await readFile(path).catch(() => null);
  if (present !== null) return new Uint8Array(present);
  const { bytes } = await compileGuest({
    ...{ baseDirectory: root, entry, forShipping: true },
    initialPages: 8,
  });
  const beside = `${path}.${process.pid}.tmp`;
  await writeFile(beside, bytes);
  await rename(beside, path);
  return new Uint8Array(bytes);
}

async function sourcesHash(): Promise<string> {
  const hash = createHash('sha256').update(shippedOptions.join(' '));
  const folder = join(root, 'wasm-rules/engine');
  const files = (await readdir(folder, { recursive: true })).filter((name) => name.endsWith('.ts'));
  for (const name of files.toSorted()) hash.update(name).update(await readFile(join(folder, name)));
  return hash
    .update(await readFile(join(root, entry)))
    .digest('hex')
    .slice(0, 16);
}

/** A function that the entry exports; a name it does not have is a mistake of the test. */
export function partOf(
  parts: EngineParts,
  name: string,
): (...values: readonly (number | bigint)[]) => number {
  const part = parts.call[name];
  if (part === undefined) throw new Error(`${entry} exports no ${name}`);
  return part;
}

/** Bytes that `\xHH` and `\uHHHH` stand for in the case files; a character of JSON counts as its UTF-8 bytes. */
export function caseBytes(text: string): Buffer {
  const parts: Buffer[] = [];
  let rest = text;
  while (rest !== '') {
    const escaped = /^\\(?:x([0-9a-fA-F]{2})|u00([0-9a-fA-F]{2}))/.exec(rest);
    const digits = escaped?.[1] ?? escaped?.[2];
    if (escaped !== null && digits !== undefined) {
      parts.push(Buffer.from(digits, 'hex'));
      rest = rest.slice(escaped[0].length);
      continue;
    }
    const point = String.fromCodePoint(rest.codePointAt(0) ?? 0);
    parts.push(Buffer.from(point));
    rest = rest.slice(point.length);
  }
  return Buffer.concat(parts);
}
