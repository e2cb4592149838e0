/** Modules in OCI image layouts: what is read, and what is refused with which words. */
import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { WeirError } from '#core/errors.ts';
import { moduleBytesMax, sourceMapBytesMax } from '#core/module-files.ts';
import { readModuleSource } from '#wasm/module-source.ts';
import { parseOciReference, readOciModule } from '#wasm/oci-layout.ts';
import { archiveOf, type Descriptor, mediaTypes, OciFolder, tarOf } from '../support/oci-folder.ts';

const root = mkdtempSync(join(tmpdir(), 'weir-oci-'));
after(() => rmSync(root, { recursive: true, force: true }));
let made = 0;
const newFolder = (): OciFolder => new OciFolder(join(root, `layout-${++made}`));
const bytes = Buffer.from('\0asm and so on');
const read = async (folder: OciFolder, tag: string | null = null): Promise<string> =>
  Buffer.from((await readOciModule({ folder: folder.path, tag })).bytes).toString();

describe('an OCI layout', () => {
  const forms: readonly (readonly [string, string, Uint8Array])[] = [
    ['a wasm layer', mediaTypes.wasm, bytes],
    ['a layer of plain application/wasm', mediaTypes.plainWasm, bytes],
    [
      'plugin.wasm in a compressed archive',
      mediaTypes.archive,
      archiveOf([['plugin.wasm', bytes]]),
    ],
    ['plugin.wasm in an archive', mediaTypes.plainArchive, tarOf([['./plugin.wasm', bytes]])],
    [
      'plugin.wasm behind other files',
      mediaTypes.archive,
      archiveOf([
        ['README.md', Buffer.from('read me')],
        ['plugin.wasm.txt', Buffer.alloc(512)],
        ['deep/plugin.wasm', bytes],
      ]),
    ],
  ];
  for (const [name, mediaType, content] of forms) {
    it(`gives ${name}`, async () => {
      const folder = newFolder();
      folder.put(content, mediaType);
      assert.equal(await read(folder), String(bytes));
    });
  }

  it('gives what has the tag', async () => {
    const folder = newFolder();
    const one = folder.manifest([folder.blob(Buffer.from('one'), mediaTypes.wasm)]);
    const two = folder.manifest([folder.blob(Buffer.from('two'), mediaTypes.wasm)]);
    folder.index([
      [one, 'v1'],
      [two, 'v2'],
    ]);
    assert.deepEqual([await read(folder, 'v1'), await read(folder, 'v2')], ['one', 'two']);
  });

  it('is read through an index in the index, and past layers that are no module', async () => {
    const folder = newFolder();
    const text = folder.blob(Buffer.from('read me'), 'text/markdown');
    const inner = folder.manifest([text, folder.blob(bytes, mediaTypes.wasm)]);
    const nested = folder.json({ schemaVersion: 2, manifests: [inner] }, mediaTypes.index);
    folder.index([[nested, 'v1']]);
    assert.equal(await read(folder, 'v1'), String(bytes));
  });

  it('is a source of modules like a file, with signature and cases beside the folder', async () => {
    const folder = newFolder();
    folder.put(bytes);
    writeFileSync(`${folder.path}.cases.json`, '[]');
    const name = folder.path.slice(root.length + 1);
    const found = await readModuleSource(`oci:${name}#latest`, root);
    assert.deepEqual(
      [String(found.bytes), found.cases, found.signature, found.path, found.isBuiltin],
      [String(bytes), '[]', null, join(folder.path, 'index.json'), false],
    );
    writeFileSync(`${folder.path}.sig`, '{}');
    await assert.rejects(readModuleSource(`oci:${name}`, root), {
      code: 'MODULE_SIGNATURE_REFUSED',
    });
  });
});

describe('a source map in an OCI layout', () => {
  const text = '{"version":3}';
  const found = async (maps: (folder: OciFolder) => readonly Descriptor[]) => {
    const folder = newFolder();
    const layers = [folder.blob(bytes, mediaTypes.wasm), ...maps(folder)];
    folder.index([[folder.manifest(layers), null]]);
    const module = await readModuleSource(`oci:${folder.path}`, '/');
    assert.equal(String(module.bytes), String(bytes));
    return module;
  };
  const mapOf = (folder: OciFolder): Descriptor =>
    folder.blob(Buffer.from(text), mediaTypes.sourceMap);

  it('is a layer beside that of the module', async () => {
    const { sourceMap, sourceMapFault } = await found((folder) => [mapOf(folder)]);
    assert.deepEqual([sourceMap, sourceMapFault], [text, null]);
  });

  const faulty: readonly (readonly [string, (folder: OciFolder) => Descriptor[], RegExp])[] = [
    [
      'has other bytes',
      (folder) => {
        const map = mapOf(folder);
        writeFileSync(blobFile(folder, map), text.toUpperCase());
        return [map];
      },
      /has other bytes: their SHA-256 is/,
    ],
    [
      'is not there',
      (folder) => {
        const map = mapOf(folder);
        rmSync(blobFile(folder, map));
        return [map];
      },
      /cannot be read/,
    ],
    [
      'is too large',
      (folder) => [{ ...mapOf(folder), size: sourceMapBytesMax + 1 }],
      /is said to have 4194305 bytes: at most 4194304/,
    ],
    [
      'is one of two',
      (folder) => [mapOf(folder), mapOf(folder)],
      /has 2 source maps for one module/,
    ],
  ];
  for (const [what, maps, says] of faulty)
    it(`that ${what} is left out, and why is said`, async () => {
      const { sourceMap, sourceMapFault } = await found(maps);
      assert.equal(sourceMap, null);
      assert.match(String(sourceMapFault), says);
    });
});

describe('a reference', () => {
  it('is a folder, and a tag behind the last #', () => {
    assert.deepEqual(parseOciReference('a#b/c#v1', '/base'), { folder: '/base/a#b/c', tag: 'v1' });
    assert.deepEqual(parseOciReference('/a', '/base'), { folder: '/a', tag: null });
  });
  for (const text of ['', '#v1', 'a#'])
    it(`is none as "${text}"`, () => {
      assert.throws(() => parseOciReference(text, '/base'), /names no module/);
    });
});

type Refusal = {
  readonly name: string;
  readonly make: (folder: OciFolder) => void;
  readonly tag?: string;
  readonly says: RegExp;
};

/** A layout whose one layer has this descriptor. */
const withLayer =
  (change: (layer: Descriptor, folder: OciFolder) => Descriptor) => (folder: OciFolder) =>
    folder.index([[folder.manifest([change(folder.blob(bytes, mediaTypes.wasm), folder)]), null]]);
const blobFile = (folder: OciFolder, { digest }: Descriptor): string =>
  join(folder.path, 'blobs/sha256', digest.slice('sha256:'.length));

describe('an OCI layout is refused', () => {
  const cases: readonly Refusal[] = [
    {
      name: 'without oci-layout',
      make: (folder) => {
        folder.put(bytes);
        rmSync(join(folder.path, 'oci-layout'));
      },
      says: /oci-layout cannot be read/,
    },
    {
      name: 'of another version',
      make: (folder) => {
        folder.put(bytes);
        folder.write('oci-layout', { imageLayoutVersion: '2.0.0' });
      },
      says: /is an OCI layout of version 2\.0\.0: 1\.x is read/,
    },
    { name: 'without an index', make: () => {}, says: /index\.json cannot be read/ },
    {
      name: 'with an index that is no JSON',
      make: (folder) => folder.write('index.json', '{'),
      says: /index\.json is not JSON/,
    },
    {
      name: 'with an index of another shape',
      make: (folder) => folder.write('index.json', { manifests: [{ digest: 1 }] }),
      says: /index\.json is not what the OCI image layout has in its place/,
    },
    {
      name: 'with an index too large',
      make: (folder) => folder.write('index.json', ' '.repeat(1_048_577)),
      says: /index\.json has more than 1048576 bytes/,
    },
    { name: 'with nothing in it', make: (folder) => folder.index([]), says: /holds no manifest/ },
    {
      name: 'with two manifests and no tag asked for',
      make: (folder) => {
        const manifest = folder.manifest([folder.blob(bytes, mediaTypes.wasm)]);
        folder.index([
          [manifest, 'v1'],
          [manifest, null],
        ]);
      },
      says: /holds 2 manifests: name one with oci:FOLDER#TAG; it has: v1, \(no tag\)/,
    },
    {
      name: 'without the tag',
      make: (folder) => folder.put(bytes, mediaTypes.wasm, 'v1'),
      tag: 'v2',
      says: /has nothing tagged v2; it has: v1/,
    },
    {
      name: 'with the tag twice',
      make: (folder) => {
        const manifest = folder.manifest([folder.blob(bytes, mediaTypes.wasm)]);
        folder.index([
          [manifest, 'v1'],
          [manifest, 'v1'],
        ]);
      },
      tag: 'v1',
      says: /has 2 manifests tagged v1/,
    },
    {
      name: 'that leads to something else',
      make: (folder) => folder.index([[folder.blob(bytes, 'text/plain'), null]]),
      says: /leads to a text\/plain, which is no image manifest/,
    },
    {
      name: 'with indexes without end',
      make: (folder) => {
        let at = folder.manifest([folder.blob(bytes, mediaTypes.wasm)]);
        for (let i = 0; i < 3; i++) at = folder.json({ manifests: [at] }, mediaTypes.index);
        folder.index([[at, null]]);
      },
      says: /lie more than 3 deep/,
    },
    {
      name: 'without a layer that may be a module',
      make: withLayer((layer) => ({ ...layer, mediaType: 'text/markdown' })),
      says: /has 0 layers that may hold a module, and one is needed; its layers: text\/markdown/,
    },
    {
      name: 'with two layers that may be the module',
      make: (folder) => {
        const layer = folder.blob(bytes, mediaTypes.wasm);
        folder.index([[folder.manifest([layer, layer]), null]]);
      },
      says: /has 2 layers that may hold a module/,
    },
    {
      name: 'with a blob of other bytes',
      make: withLayer((layer, folder) => {
        writeFileSync(blobFile(folder, layer), Buffer.alloc(layer.size, 'x'));
        return layer;
      }),
      says: /the blob sha256:.* has other bytes: their SHA-256 is [0-9a-f]{64}/,
    },
    {
      name: 'with a blob that is longer than said',
      make: withLayer((layer, folder) => {
        appendFileSync(blobFile(folder, layer), 'x');
        return layer;
      }),
      says: /is said to have 14 bytes, and has others/,
    },
    {
      name: 'with a blob that is shorter than said',
      make: withLayer((layer) => ({ ...layer, size: layer.size + 1 })),
      says: /is said to have 15 bytes, and has others/,
    },
    {
      name: 'with a module too large',
      make: withLayer((layer) => ({ ...layer, size: moduleBytesMax + 1 })),
      says: /is said to have 16777217 bytes: at most 16777216/,
    },
    {
      name: 'with another kind of digest',
      make: withLayer((layer) => ({ ...layer, digest: 'sha512:00' })),
      says: /the digest sha512:00 .* is not sha256:/,
    },
    {
      name: 'with a digest that leads elsewhere',
      make: withLayer((layer) => ({ ...layer, digest: 'sha256:../../../../etc/passwd' })),
      says: /the digest sha256:\.\.\/.* is not sha256:/,
    },
    {
      name: 'with a blob that is not there',
      make: withLayer((layer) => ({ ...layer, digest: `sha256:${'0'.repeat(64)}` })),
      says: /0{64} cannot be read/,
    },
    {
      name: 'with a blob that is a link to other bytes',
      make: withLayer((layer, folder) => {
        rmSync(blobFile(folder, layer));
        symlinkSync('/etc/hostname', blobFile(folder, layer));
        return layer;
      }),
      says: /is said to have|has other bytes/,
    },
    {
      name: 'with an archive without plugin.wasm',
      make: (folder) => folder.put(archiveOf([['other.wasm', bytes]]), mediaTypes.archive),
      says: /the archive .* holds no plugin\.wasm/,
    },
    {
      name: 'with an archive that is not compressed as said',
      make: (folder) => folder.put(tarOf([['plugin.wasm', bytes]]), mediaTypes.archive),
      says: /the archive .* cannot be read: incorrect header check/,
    },
    {
      name: 'with an archive that is cut short',
      make: (folder) =>
        folder.put(
          tarOf([['plugin.wasm', Buffer.alloc(2_000)]]).subarray(0, 1_024),
          mediaTypes.plainArchive,
        ),
      says: /cannot be read: a file in it is cut short/,
    },
    {
      name: 'with a damaged archive',
      make: (folder) => folder.put(Buffer.alloc(1_024, 'x'), mediaTypes.plainArchive),
      says: /cannot be read: a number in it is not octal/,
    },
    {
      name: 'with an archive of files without end',
      make: (folder) =>
        folder.put(
          tarOf(Array.from({ length: 101 }, (_, i) => [`${i}`, Buffer.alloc(0)] as const)),
          mediaTypes.plainArchive,
        ),
      says: /cannot be read: it holds more than 100 files/,
    },
    {
      name: 'with an archive that unpacks to more than a module',
      make: (folder) => folder.put(gzipSync(Buffer.alloc(32 * 1_048_576)), mediaTypes.archive),
      says: /cannot be read: Cannot create a Buffer larger than/,
    },
  ];
  for (const { name, make, tag = null, says } of cases) {
    it(name, async () => {
      const folder = newFolder();
      make(folder);
      await assert.rejects(
        read(folder, tag),
        (error) =>
          error instanceof WeirError &&
          error.code === 'MODULE_UNREADABLE' &&
          says.test(error.message),
      );
    });
  }
});
