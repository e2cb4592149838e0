/**
 * A rule module in an OCI image layout: a folder as `oras`, `skopeo` or `docker buildx` write it, from which
 * nothing is fetched.
 *
 * ```
 * oci-layout      { "imageLayoutVersion": "1.0.0" }
 * index.json      manifests, by tag ─► blobs/sha256/…  manifest ─► blobs/sha256/…  the layer
 * ```
 *
 * Layers are the module itself (`application/vnd.module.wasm.content.layer.v1+wasm`, `application/wasm`), or
 * an archive that holds it as `plugin.wasm`, as Istio and Envoy images do. Every blob has the size and the
 * SHA-256 its descriptor says, is bounded before it is read, and lies in this folder: descriptors are
 * looked up by their hash, and what they say of other places (`urls`) is not followed. A layer of a type of Weir's
 * own holds the module's source map; one that is not as it should be is no reason to refuse the module.
 */
import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { gunzipSync } from 'node:zlib';
import Type, { type Static, type TSchema } from 'typebox';
import { Check } from 'typebox/value';
import { splitOciName } from '#config/file-names.ts';
import { describeError, WeirError } from '#core/errors.ts';
import { moduleBytesMax, sourceMapBytesMax } from '#core/module-files.ts';
import { type FoundSourceMap, findSourceMap } from './found-source-map.ts';
import { readTarEntry } from './tar-entry.ts';

export const ociIndex = 'index.json';

/** Of oci-layout, an index and a manifest. */
const documentBytesMax = 1_048_576;
const manifestsMax = 100;
const layersMax = 32;
/** An index may name indexes, for platforms; wasm has none to speak of. */
const nestedMax = 3;

const wasmTypes: ReadonlySet<string> = new Set([
  'application/vnd.module.wasm.content.layer.v1+wasm',
  'application/wasm',
]);
const gzipArchives: ReadonlySet<string> = new Set([
  'application/vnd.oci.image.layer.v1.tar+gzip',
  'application/vnd.docker.image.rootfs.diff.tar.gzip',
]);
const plainArchives: ReadonlySet<string> = new Set([
  'application/vnd.oci.image.layer.v1.tar',
  'application/vnd.docker.image.rootfs.diff.tar',
]);
const sourceMapType = 'application/vnd.weir.module.source-map.v1+json';
const indexTypes: ReadonlySet<string> = new Set([
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
]);
const manifestTypes: ReadonlySet<string> = new Set([
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
]);
/** What the archives of Istio and Envoy call the module. */
const archivedName = 'plugin.wasm';
const tagAnnotation = 'org.opencontainers.image.ref.name';

const descriptor = Type.Object({
  mediaType: Type.String({ maxLength: 255 }),
  digest: Type.String({ maxLength: 255 }),
  size: Type.Integer({ minimum: 0 }),
  annotations: Type.Optional(Type.Record(Type.String(), Type.String())),
});
const layoutFile = Type.Object({ imageLayoutVersion: Type.String() });
const index = Type.Object({ manifests: Type.Array(descriptor, { maxItems: manifestsMax }) });
const manifest = Type.Object({ layers: Type.Array(descriptor, { maxItems: layersMax }) });
type Descriptor = Static<typeof descriptor>;

export type OciReference = {
  /** Absolute. */
  readonly folder: string;
  readonly tag: string | null;
};

/** `FOLDER` or `FOLDER#TAG`. */
export function parseOciReference(text: string, baseDirectory: string): OciReference {
  const { folder, tag } = splitOciName(text);
  if (folder === '' || tag === '')
    throw unreadable(`"oci:${text}" names no module: write oci:FOLDER or oci:FOLDER#TAG`);
  return { folder: resolve(baseDirectory, folder), tag };
}

/** Throws MODULE_UNREADABLE, saying which part is not as it should be. */
export async function readOciModule(
  reference: OciReference,
): Promise<FoundSourceMap & { readonly bytes: Uint8Array }> {
  const { folder } = reference;
  const { imageLayoutVersion } = await readDocument(join(folder, 'oci-layout'), layoutFile);
  if (!imageLayoutVersion.startsWith('1.'))
    throw unreadable(`${folder} is an OCI layout of version ${imageLayoutVersion}: 1.x is read`);
  const chosen = await chooseManifest(reference);
  const { layers } = parseDocument(
    await readBlob(folder, chosen, documentBytesMax),
    manifest,
    chosen.digest,
  );
  const readable = layers.filter(({ mediaType }) => isReadable(mediaType));
  const [layer] = readable;
  if (layer === undefined || readable.length > 1) {
    const types = layers.map(({ mediaType }) => mediaType).join(', ') || 'none';
    throw unreadable(
      `the manifest ${chosen.digest} in ${folder} has ${readable.length} layers that may hold a module, and one is needed; its layers: ${types}`,
    );
  }
  const bytes = await readBlob(folder, layer, moduleBytesMax);
  return {
    bytes: wasmTypes.has(layer.mediaType) ? bytes : archived(bytes, layer, folder),
    ...(await findSourceMap(() => readSourceMap(folder, layers))),
  };
}

async function readSourceMap(
  folder: string,
  layers: readonly Descriptor[],
): Promise<string | null> {
  const [layer, ...others] = layers.filter(({ mediaType }) => mediaType === sourceMapType);
  if (layer === undefined) return null;
  if (others.length > 0)
    throw unreadable(`${folder} has ${others.length + 1} source maps for one module`);
  return (await readBlob(folder, layer, sourceMapBytesMax)).toString('utf8');
}

async function chooseManifest({ folder, tag }: OciReference): Promise<Descriptor> {
  let { manifests } = await readDocument(join(folder, ociIndex), index);
  let wanted = tag;
  for (let depth = 0; depth < nestedMax; depth++) {
    const chosen = choose(manifests, wanted, folder);
    if (manifestTypes.has(chosen.mediaType)) return chosen;
    if (!indexTypes.has(chosen.mediaType))
      throw unreadable(`${folder} leads to a ${chosen.mediaType}, which is no image manifest`);
    const bytes = await readBlob(folder, chosen, documentBytesMax);
    ({ manifests } = parseDocument(bytes, index, chosen.digest));
    wanted = null;
  }
  throw unreadable(`indexes in ${folder} lie more than ${nestedMax} deep`);
}

function choose(manifests: readonly Descriptor[], tag: string | null, folder: string): Descriptor {
  const tags = manifests.map((one) => one.annotations?.[tagAnnotation] ?? '(no tag)').join(', ');
  const found =
    tag === null ? manifests : manifests.filter((one) => one.annotations?.[tagAnnotation] === tag);
  const [first] = found;
  if (first !== undefined && found.length === 1) return first;
  if (tag !== null)
    throw unreadable(
      found.length === 0
        ? `${folder} has nothing tagged ${tag}; it has: ${tags || 'nothing'}`
        : `${folder} has ${found.length} manifests tagged ${tag}`,
    );
  throw unreadable(
    found.length === 0
      ? `${folder} holds no manifest`
      : `${folder} holds ${found.length} manifests: name one with oci:FOLDER#TAG; it has: ${tags}`,
  );
}

async function readBlob(folder: string, wanted: Descriptor, bytesMax: number): Promise<Buffer> {
  const { digest, size } = wanted;
  const match = /^sha256:([0-9a-f]{64})$/.exec(digest);
  if (match === null)
    throw unreadable(`the digest ${digest} in ${folder} is not sha256: and 64 hexadecimal digits`);
  if (size > bytesMax)
    throw unreadable(`${digest} in ${folder} is said to have ${size} bytes: at most ${bytesMax}`);
  const bytes = await readAtMost(join(folder, 'blobs', 'sha256', match[1] as string), size);
  if (bytes.length !== size)
    throw unreadable(`${digest} in ${folder} is said to have ${size} bytes, and has others`);
  const found = createHash('sha256').update(bytes).digest('hex');
  if (found !== match[1])
    throw unreadable(`the blob ${digest} in ${folder} has other bytes: their SHA-256 is ${found}`);
  return bytes;
}

function archived(bytes: Buffer, layer: Descriptor, folder: string): Uint8Array {
  let archive = bytes;
  try {
    // Padding and a few small files beside the module are usual.
    if (gzipArchives.has(layer.mediaType))
      archive = gunzipSync(bytes, { maxOutputLength: moduleBytesMax + documentBytesMax });
    const module = readTarEntry(archive, archivedName, moduleBytesMax);
    if (module !== null) return module;
  } catch (error) {
    throw unreadable(
      `the archive ${layer.digest} in ${folder} cannot be read: ${describeError(error)}`,
    );
  }
  throw unreadable(`the archive ${layer.digest} in ${folder} holds no ${archivedName}`);
}

async function readDocument<S extends TSchema>(path: string, schema: S): Promise<Static<S>> {
  const bytes = await readAtMost(path, documentBytesMax);
  if (bytes.length > documentBytesMax)
    throw unreadable(`${path} has more than ${documentBytesMax} bytes`);
  return parseDocument(bytes, schema, path);
}

function parseDocument<S extends TSchema>(bytes: Buffer, schema: S, from: string): Static<S> {
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch {
    throw unreadable(`${from} is not JSON`);
  }
  if (!Check(schema, value))
    throw unreadable(`${from} is not what the OCI image layout has in its place`);
  return value;
}

/** One byte more than `bytesMax` where there are more. */
async function readAtMost(path: string, bytesMax: number): Promise<Buffer> {
  try {
    await using file = await open(path, 'r');
    const bytes = Buffer.allocUnsafeSlow(bytesMax + 1);
    let length = 0;
    while (length < bytes.length) {
      const { bytesRead } = await file.read(bytes, length, bytes.length - length, length);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
    return bytes.subarray(0, length);
  } catch (error) {
    throw new WeirError('MODULE_UNREADABLE', `${path} cannot be read`, { cause: error });
  }
}

const isReadable = (mediaType: string): boolean =>
  wasmTypes.has(mediaType) || gzipArchives.has(mediaType) || plainArchives.has(mediaType);

const unreadable = (message: string): WeirError => new WeirError('MODULE_UNREADABLE', message);
