/** A module that fails in a running node says on which line of its source. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { compileGuest } from '#toolchain/compile-guest.ts';
import { type EdgeProcess, startEdgeProcess } from '../support/edge-process.ts';
import { mediaTypes, OciFolder } from '../support/oci-folder.ts';
import { moduleOf, newFolder, ownConfig, weir } from '../support/own-module.ts';
import { until } from '../support/until.ts';

/** Each version has a line more at its head than the one before. */
const source = (
  version: number,
) => `${'//\n'.repeat(version)}import { Request } from 'weir/request';
import { verdict } from 'weir/verdict';
export { weir_abi, weir_reserve } from 'weir/module';

let rounds = ${version};

export function weir_request_head(view: usize): usize {
  const request = changetype<Request>(view);
  for (let i = 0; i < request.pathLength; i++) rounds += load<u8>(request.pathAt + i);
  if (request.pathLength == 2) fall(request.pathLength);
  while (request.pathLength == 3) rounds++;
  return verdict();
}

function fall(length: i32): void {
  rounds += load<u8>(0xffff_0000 + length);
}
`;

async function compiled(folder: string, version: number) {
  writeFileSync(join(folder, 'index.ts'), source(version));
  return compileGuest({ baseDirectory: folder, entry: 'index.ts', forShipping: false });
}

describe('a module that fails in a running node', () => {
  const folder = newFolder();
  let edge: EdgeProcess;
  before(async () => {
    const { bytes, sourceMap } = await compiled(folder, 1);
    writeFileSync(join(folder, 'own.wasm'), bytes);
    writeFileSync(join(folder, 'own.wasm.map'), sourceMap ?? '');
    edge = await startEdgeProcess(ownConfig(folder, { workers: 1, rule: 'fuel: 1000000,' }));
  });
  after(() => edge[Symbol.asyncDispose]());

  const ask = (path: string) =>
    new Promise<number>((resolve, reject) => {
      const { ports } = edge;
      http
        .get({ host: '127.0.0.1', port: ports[0], path, agent: false }, (response) => {
          response.resume();
          response.on('end', () => resolve(response.statusCode ?? 0));
        })
        .on('error', reject);
    });
  const lastError = async () => String((await moduleOf(edge))['lastError']);

  it('is told by file and line, where its map lies beside it', async () => {
    assert.equal(await ask('/1'), 503);
    await until('a place', async () => (await lastError()).includes('index.ts'));
    assert.match(
      await lastError(),
      /: trap: memory access out of bounds at .*\(index\.ts:17:\d+\)$/,
    );
    const shown = await weir(edge, 'module', 'show', 'own');
    assert.match(shown.text, /^last error +.*trap: .*index\.ts:17:\d+/m);
    const status = await edge.call('GET', '/api/v1/status');
    assert.match(JSON.stringify(status.body['degraded']), /index\.ts:17:/);
    assert.equal(await ask('/22'), 503);
    await until('the loop', async () => (await lastError()).includes(': fuel: '));
    assert.match(await lastError(), /\(index\.ts:12:\d+\)$/);
  });

  it('and where its map came with it, or in it', async () => {
    const { bytes, sourceMap } = await compiled(folder, 2);
    writeFileSync(join(folder, 'new.wasm'), bytes);
    writeFileSync(join(folder, 'new.wasm.map'), sourceMap ?? '');
    const loaded = await weir(edge, 'module', 'load', 'own', join(folder, 'new.wasm'));
    assert.match(loaded.text, /^own is version 2, .*live in 1 worker/m);
    await ask('/1');
    await until('its line', async () => (await lastError()).includes('index.ts:18:'));

    const third = await compiled(folder, 3);
    const url = `data:application/json;base64,${Buffer.from(third.sourceMap ?? '').toString('base64')}`;
    await edge.call('POST', '/api/v1/modules/own', withMap(third.bytes, url));
    await ask('/1');
    await until('its line', async () => (await lastError()).includes('index.ts:19:'));
  });

  it('and where its map is a layer of the OCI layout it comes from; one that is no map is left out and named', async () => {
    const degraded = async () =>
      JSON.stringify((await edge.call('GET', '/api/v1/status')).body['degraded']);
    const { bytes, sourceMap } = await compiled(folder, 4);
    const layout = new OciFolder(join(folder, 'layout'));
    const put = (module: Uint8Array, map: string) => {
      const layers = [
        layout.blob(module, mediaTypes.wasm),
        layout.blob(Buffer.from(map), mediaTypes.sourceMap),
      ];
      layout.index([[layout.manifest(layers), null]]);
    };
    put((await compiled(folder, 5)).bytes, '{"version":2}');
    const left = await weir(edge, 'module', 'load', 'own', `oci:${layout.path}`);
    assert.match(left.text, /^own is version 4, .*live in 1 worker/m);
    assert.match(
      await degraded(),
      /"module own \(source map\)".*its source map is not used, .*: is no source map of version 3/,
    );

    put(bytes, sourceMap ?? '');
    await weir(edge, 'module', 'load', 'own', `oci:${layout.path}`);
    assert.doesNotMatch(await degraded(), /source map/);
    await ask('/1');
    await until('its line', async () => (await lastError()).includes('index.ts:20:'));
  });

  it('is told by function and offset without one', async () => {
    const { bytes } = await compiled(folder, 6);
    await edge.call('POST', '/api/v1/modules/own', bytes);
    await ask('/1');
    await until('an error', async () => /wasm-function\[\d+\]:0x/.test(await lastError()));
  });
});

/** With the address of its map as the last section; a reader takes the first, so what the compiler wrote is blanked. */
function withMap(bytes: Uint8Array, url: string): Uint8Array {
  const renamed = Buffer.from(
    Buffer.from(bytes).toString('latin1').replace('sourceMappingURL', 'sourceMappingOLD'),
    'latin1',
  );
  const text = (value: string) => [...leb(value.length), ...Buffer.from(value)];
  const content = [...text('sourceMappingURL'), ...text(url)];
  return Uint8Array.from([...renamed, 0, ...leb(content.length), ...content]);
}

function leb(value: number): number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...leb(value >>> 7)];
}
