/** A release is written only if it is the one that was asked for, and only below its folder. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { WeirError } from '#core/errors.ts';
import { fetchRelease } from '#toolchain/rule-release.ts';
import { readTarGz, tarLimits } from '#toolchain/tar-file.ts';
import { propertySettings } from '../support/property.ts';

const folder = mkdtempSync(join(tmpdir(), 'weir-release-'));
after(() => rmSync(folder, { recursive: true }));

function entry(path: string, text: string, kind = '0'): Buffer {
  const header = Buffer.alloc(512);
  header.write(path, 0);
  header.write(Buffer.byteLength(text).toString(8).padStart(11, '0'), 124);
  header.write('        ', 148);
  header.write(kind, 156);
  header.write('ustar\0', 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  const body = Buffer.alloc(Math.ceil(Buffer.byteLength(text) / 512) * 512);
  body.write(text);
  return Buffer.concat([header, body]);
}

const archive = (...entries: readonly Buffer[]): Buffer =>
  gzipSync(Buffer.concat([...entries, Buffer.alloc(1024)]));

const good = archive(
  entry('pax_global_header', '52 comment=0123456789012345678901234567890123456789\n', 'g'),
  entry('crs-9.9.9/', '', '5'),
  entry('crs-9.9.9/crs-setup.conf.example', 'SecAction "id:1,phase:1,pass,nolog"\n'),
  entry('x', '24 path=crs-9/rules/a.conf\n', 'x'),
  entry('short', 'SecRule ARGS a "id:2,deny"\n'),
);
const digest = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

async function refusal(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    assert(error instanceof WeirError);
    return [error.message, ...error.details].join('\n');
  }
  assert.fail('it was not refused');
}

describe('a release', () => {
  const file = join(folder, 'good.tar.gz');
  writeFileSync(file, good);

  it('with the digest that was asked for is unpacked, its top folder taken off', async () => {
    const to = join(folder, 'crs');
    const fetched = await fetchRelease(file, digest(good).toUpperCase(), to);
    assert.deepEqual(fetched, { sha256: digest(good), files: 2 });
    assert.match(readFileSync(join(to, 'rules/a.conf'), 'utf8'), /id:2/);
    assert.match(await refusal(fetchRelease(file, digest(good), to)), /is not empty/);
  });

  it('with another digest, or none, is not written', async () => {
    const to = join(folder, 'none');
    assert.match(
      await refusal(fetchRelease(file, 'a'.repeat(64), to)),
      /is not what was asked for/,
    );
    assert.match(await refusal(fetchRelease(file, null, to)), new RegExp(digest(good)));
    assert(!existsSync(to));
  });

  it('comes from a URL, and from one that cannot be reached comes what to do', async () => {
    const server = createServer((request, response) => {
      response.statusCode = request.url === '/good' ? 200 : 404;
      response.end(request.url === '/good' ? good : '');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const url = `http://127.0.0.1:${port}`;
    const fetched = await fetchRelease(`${url}/good`, digest(good), join(folder, 'by-url'));
    assert.equal(fetched.files, 2);
    assert.match(
      await refusal(fetchRelease(`${url}/x`, digest(good), join(folder, 'x'))),
      /answers 404/,
    );
    await new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
    const why = await refusal(fetchRelease(`${url}/good`, digest(good), join(folder, 'x')));
    assert.match(why, /cannot be reached[\s\S]*--from FILE/);
  });
});

describe('an archive is refused', () => {
  const hostile: readonly (readonly [what: string, bytes: Buffer, why: RegExp])[] = [
    ['that leads out of its folder', archive(entry('a/../../b', 'x')), /would lie outside/],
    ['with an absolute name', archive(entry('/etc/passwd', 'x')), /would lie outside/],
    ['with a name of one part', archive(entry('passwd', 'x')), /would lie outside/],
    ['with a link', archive(entry('a/b', '', '2')), /neither file nor folder/],
    ['whose header is damaged', archive(entry('a/b', 'x').fill(1, 20, 21)), /damaged/],
    ['that ends early', gzipSync(entry('a/b', 'x'.repeat(600)).subarray(0, 700)), /ends within/],
    ['without its end', gzipSync(entry('a/b', 'x')), /has no end/],
    ['that is no gzip', Buffer.from('hello'), /cannot be unpacked/],
    [
      'that swells beyond its bound',
      gzipSync(Buffer.alloc(tarLimits.unpackedBytesMax + 1)),
      /cannot be unpacked/,
    ],
  ];
  for (const [what, bytes, why] of hostile) {
    it(what, () => {
      const read = readTarGz(bytes);
      assert(typeof read === 'string');
      assert.match(read, why);
    });
  }

  it('or read, whatever bytes are changed in it', (test) => {
    const tar = gunzipSync(good);
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(tar.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 }),
        (changes) => {
          const bytes = Buffer.from(tar);
          for (const [at, byte] of changes) bytes[at] = byte;
          const read = readTarGz(gzipSync(bytes));
          if (typeof read === 'string') return;
          for (const { path } of read) assert(!path.includes('..') && !path.startsWith('/'));
        },
      ),
      propertySettings(test, 300),
    );
  });
});
