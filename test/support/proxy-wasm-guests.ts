/**
 * proxy-wasm modules for tests: those of `wasm-rules/testing/proxy-wasm/`, which restate the public examples
 * of the AssemblyScript SDK, compiled by it when they are needed: each in a process of its own, as what `--lib`
 * names stays with the compiler and would be in all that it compiles after.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const root = join(import.meta.dirname, '../..');
const sources = join(root, 'wasm-rules/testing/proxy-wasm');
const packages = join(root, 'node_modules');
const outDirectory = join(root, 'build/test-guests/proxy-wasm');

/** As the SDK's README has it: what WASI's shim puts in the place of the web's interfaces. */
const wasi = ['console', 'crypto', 'performance', 'process', 'Date'].flatMap((name) => [
  '--use',
  `${name}=wasi_${name}`,
]);
const options = [
  ...['--path', packages],
  ...['--lib', join(packages, '@assemblyscript/wasi-shim/assembly')],
  ...['--use', 'ASC_WASI=1', '--use', 'abort=abort_proc_exit'],
  ...['--use', 'trace=wasi_trace', '--use', 'seed=wasi_seed', ...wasi],
  ...['--exportStart', '_start', '-O2'],
];

const built = new Map<string, Promise<Uint8Array>>();

export async function proxyWasmGuests(): Promise<readonly string[]> {
  return (await readdir(sources)).map((file) => file.replace(/\.ts$/, '')).toSorted();
}

export function proxyWasmGuest(name: string): Promise<Uint8Array> {
  const known = built.get(name);
  if (known !== undefined) return known;
  const building = build(name);
  built.set(name, building);
  return building;
}

async function build(name: string): Promise<Uint8Array> {
  const source = join(sources, `${name}.ts`);
  const sdk = join(packages, '@gcoredev/proxy-wasm-sdk-as/package.json');
  const hash = createHash('sha256');
  for (const part of [source, sdk, import.meta.filename]) hash.update(await readFile(part));
  const path = join(outDirectory, `${name}-${hash.digest('hex').slice(0, 16)}.wasm`);
  const present = await readFile(path).catch(() => null);
  if (present !== null) return present;
  const bytes = await compileProxyWasmGuest(source);
  await mkdir(outDirectory, { recursive: true });
  // Whole or not at all: other tests may build the same one.
  await writeFile(`${path}.${process.pid}`, bytes);
  await rename(`${path}.${process.pid}`, path);
  return bytes;
}

/** Throws what the compiler says. */
export async function compileProxyWasmGuest(source: string): Promise<Uint8Array> {
  const folder = await mkdtemp(join(tmpdir(), 'weir-guest-'));
  try {
    const outFile = join(folder, 'guest.wasm');
    await promisify(execFile)(process.execPath, [
      join(packages, 'assemblyscript/bin/asc.js'),
      ...[source, '--baseDir', '/', '--outFile', outFile],
      ...options,
    ]);
    return await readFile(outFile);
  } finally {
    await rm(folder, { recursive: true });
  }
}
