/**
 * Fetches the bytes of a rule module named in the configuration: `builtin:NAME` for one that ships
 * with Weir, `oci:FOLDER` for one in an OCI image layout, else a file, relative to the folder of the
 * configuration. A signature and cases may lie beside the last two:
 *
 * ```
 * rules/own.wasm   rules/own.wasm.sig   rules/own.cases.json   rules/own.wasm.map
 * rules/layout/    rules/layout.sig     rules/layout.cases.json   (its map is a layer)
 * ```
 */
import { createHash } from 'node:crypto';
import { open, readdir, readFile, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { builtinPrefix, ociPrefix } from '#config/file-names.ts';
import { WeirError } from '#core/errors.ts';
import {
  caseBytesMax,
  casesSuffix,
  moduleBytesMax,
  signatureBytesMax,
  signatureSuffix,
  sourceMapBytesMax,
  sourceMapSuffix,
} from '#core/module-files.ts';
import { type ModuleSignature, parseModuleSignature } from '#core/module-signature.ts';
import { type FoundSourceMap, findSourceMap, noSourceMap } from './found-source-map.ts';
import { type OciReference, ociIndex, parseOciReference, readOciModule } from './oci-layout.ts';

export type ModuleFile = FoundSourceMap & {
  /** As the configuration has it. */
  readonly source: string;
  /** The file that changes when the module does. */
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly sha256: string;
  /** One that ships with Weir needs no signature: whoever can change it can change Weir. */
  readonly isBuiltin: boolean;
  readonly signature: ModuleSignature | null;
  /** Text of the cases beside it. */
  readonly cases: string | null;
};

const builtinDirectory = join(
  dirname(fileURLToPath(import.meta.url)),
  '..',
  '..',
  'build',
  'rules',
);

export async function readModuleSource(source: string, baseDirectory: string): Promise<ModuleFile> {
  const at = await locate(source, baseDirectory);
  const { bytes, ...map } =
    at.oci === null
      ? { bytes: await readBounded(at.path, source), ...(await mapBeside(at)) }
      : await readOciModule(at.oci);
  return {
    source,
    path: at.path,
    bytes,
    ...map,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    isBuiltin: at.beside === null,
    ...(await readBeside(at.beside)),
  };
}

type Located = {
  readonly path: string;
  readonly oci: OciReference | null;
  /** Null for one that ships with Weir. */
  readonly beside: {
    readonly signature: string;
    readonly cases: string;
  } | null;
};

async function locate(source: string, baseDirectory: string): Promise<Located> {
  if (source.startsWith(builtinPrefix)) {
    const path = await builtinPath(source.slice(builtinPrefix.length));
    return { path, oci: null, beside: null };
  }
  if (source.startsWith(ociPrefix)) {
    const oci = parseOciReference(source.slice(ociPrefix.length), baseDirectory);
    const beside = {
      signature: `${oci.folder}${signatureSuffix}`,
      cases: `${oci.folder}${casesSuffix}`,
    };
    return { path: join(oci.folder, ociIndex), oci, beside };
  }
  const path = resolve(baseDirectory, source);
  const beside = {
    signature: `${path}${signatureSuffix}`,
    cases: `${path.replace(/\.wasm$/, '')}${casesSuffix}`,
  };
  return { path, oci: null, beside };
}

async function readBeside(
  beside: Located['beside'],
): Promise<Pick<ModuleFile, 'signature' | 'cases'>> {
  if (beside === null) return { signature: null, cases: null };
  const signature = await readSmall(beside.signature, signatureBytesMax);
  return {
    signature: signature === null ? null : parseModuleSignature(signature, beside.signature),
    cases: await readSmall(beside.cases, caseBytesMax),
  };
}

async function mapBeside({ path, beside }: Located): Promise<FoundSourceMap> {
  if (beside === null) return noSourceMap;
  return findSourceMap(() => readSmall(`${path}${sourceMapSuffix}`, sourceMapBytesMax));
}

/** Null where there is none. */
async function readSmall(path: string, bytesMax: number): Promise<string | null> {
  try {
    const { size } = await stat(path);
    if (size > bytesMax)
      throw new WeirError('MODULE_UNREADABLE', `${path} has ${size} bytes: at most ${bytesMax}`);
    return await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof WeirError) throw error;
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw new WeirError('MODULE_UNREADABLE', `${path} cannot be read`, { cause: error });
  }
}

async function builtinPath(name: string): Promise<string> {
  const present = (await readdir(builtinDirectory).catch(() => []))
    .filter((file) => file.endsWith('.wasm'))
    .map((file) => file.slice(0, -'.wasm'.length))
    .toSorted();
  // Looked up rather than joined, so a name cannot lead out of the folder.
  if (present.includes(name)) return join(builtinDirectory, `${name}.wasm`);
  const fix =
    present.length === 0
      ? 'none is built: run node scripts/build-rules.ts'
      : `there are ${present.map((known) => builtinPrefix + known).join(', ')}`;
  throw new WeirError('MODULE_UNREADABLE', `no rule module ${builtinPrefix}${name}: ${fix}`);
}

/** Never takes in more than the bound, whatever the size of the file is said to be. */
async function readBounded(path: string, source: string): Promise<Uint8Array> {
  try {
    await using file = await open(path, 'r');
    const { size } = await file.stat();
    if (size > moduleBytesMax) throw tooLarge(source, path, size);
    const bytes = Buffer.allocUnsafeSlow(Math.min(size, moduleBytesMax));
    let length = 0;
    while (length < bytes.length) {
      const { bytesRead } = await file.read(bytes, length, bytes.length - length, length);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
    return bytes.subarray(0, length);
  } catch (error) {
    if (error instanceof WeirError) throw error;
    throw new WeirError(
      'MODULE_UNREADABLE',
      `rule module ${source} cannot be read: check that ${path} is a readable file`,
      {
        cause: error,
      },
    );
  }
}

function tooLarge(source: string, path: string, size: number): WeirError {
  return new WeirError(
    'MODULE_UNREADABLE',
    `rule module ${source} (${path}) has ${size} bytes: at most ${moduleBytesMax} are allowed`,
  );
}
