/** OCI image layouts on disk, right unless a test makes them wrong. */
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

export const mediaTypes = {
  index: 'application/vnd.oci.image.index.v1+json',
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  config: 'application/vnd.module.wasm.config.v1+json',
  wasm: 'application/vnd.module.wasm.content.layer.v1+wasm',
  plainWasm: 'application/wasm',
  archive: 'application/vnd.oci.image.layer.v1.tar+gzip',
  plainArchive: 'application/vnd.oci.image.layer.v1.tar',
  sourceMap: 'application/vnd.weir.module.source-map.v1+json',
} as const;

export type Descriptor = {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly annotations?: Readonly<Record<string, string>>;
};

export class OciFolder {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
    mkdirSync(join(path, 'blobs/sha256'), { recursive: true });
    this.write('oci-layout', { imageLayoutVersion: '1.0.0' });
  }

  write(name: string, value: unknown): void {
    writeFileSync(join(this.path, name), typeof value === 'string' ? value : JSON.stringify(value));
  }

  blob(bytes: Uint8Array, mediaType: string): Descriptor {
    const hash = createHash('sha256').update(bytes).digest('hex');
    writeFileSync(join(this.path, 'blobs/sha256', hash), bytes);
    return { mediaType, digest: `sha256:${hash}`, size: bytes.length };
  }

  json(value: unknown, mediaType: string): Descriptor {
    return this.blob(Buffer.from(JSON.stringify(value)), mediaType);
  }

  manifest(layers: readonly Descriptor[]): Descriptor {
    const config = this.json({}, mediaTypes.config);
    return this.json({ schemaVersion: 2, config, layers }, mediaTypes.manifest);
  }

  /** Each with its tag; null for one without. */
  index(manifests: readonly (readonly [Descriptor, string | null])[]): void {
    this.write('index.json', {
      schemaVersion: 2,
      manifests: manifests.map(([descriptor, tag]) => tagged(descriptor, tag)),
    });
  }

  /** The usual: one manifest, one layer. */
  put(bytes: Uint8Array, mediaType: string = mediaTypes.wasm, tag: string | null = 'latest'): void {
    this.index([[this.manifest([this.blob(bytes, mediaType)]), tag]]);
  }
}

const tagged = (descriptor: Descriptor, tag: string | null): Descriptor =>
  tag === null
    ? descriptor
    : { ...descriptor, annotations: { 'org.opencontainers.image.ref.name': tag } };

/** A ustar archive of these files, in order. */
export function tarOf(files: readonly (readonly [string, Uint8Array])[]): Buffer {
  const parts = files.flatMap(([name, bytes]) => {
    const header = Buffer.alloc(512);
    header.write(name, 0, 'latin1');
    header.write('0000644\0', 100);
    header.write(`${bytes.length.toString(8).padStart(11, '0')}\0`, 124);
    header.write('        ', 148);
    header.write('0', 156);
    header.write('ustar\x0000', 257);
    const sum = header.reduce((all, byte) => all + byte, 0);
    header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
    return [header, bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)];
  });
  return Buffer.concat([...parts, Buffer.alloc(1_024)]);
}

export const archiveOf = (files: readonly (readonly [string, Uint8Array])[]): Buffer =>
  gzipSync(tarOf(files));
