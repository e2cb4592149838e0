/**
 * The meter over a module that a C compiler made and millions run: llhttp as undici ships it, with and
 * without SIMD. It parses the same, metered and isolated, cut into any pieces.
 */
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { describe, it } from 'node:test';
import { meterModule } from '#wasm/meter/meter-module.ts';

const require = createRequire(import.meta.url);

const response = Buffer.from(
  [
    'HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nX-Long: ',
    `${'a long value that SIMD looks at in one go, '.repeat(20)}\r\n`,
    'Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1a\r\nabcdefghijklmnopqrstuvwxyz\r\n0\r\n\r\n',
    'HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\n\r\nabc',
    'HTTP/1.1 oops\r\n\r\n',
  ].join(''),
  'latin1',
);

const responseType = 2;
const names = [
  'message_begin',
  'status',
  'header_field',
  'header_value',
  'headers_complete',
  'body',
  'message_complete',
  'url',
  'chunk_header',
  'chunk_complete',
  'chunk_extension_name',
  'chunk_extension_value',
  'method',
  'version',
  'reset',
  'protocol',
];

/** What the parser says of the response, given in pieces of this size. */
function parse(compiled: WebAssembly.Module, pieceBytes: number): readonly string[] {
  const said: string[] = [];
  const env: Record<string, unknown> = {};
  for (const name of names) {
    for (const suffix of ['', '_complete'])
      env[`wasm_on_${name}${suffix}`] = (_parser: number, at: number, length: number) => {
        said.push(
          `${name}${suffix} ${length === undefined ? '' : memory().toString('latin1', at, at + length)}`,
        );
        return 0;
      };
  }
  const { exports } = new WebAssembly.Instance(compiled, { env });
  const call = (name: string, ...values: number[]): number =>
    (exports[name] as (...parameters: number[]) => number)(...values);
  const memory = (): Buffer => Buffer.from((exports['memory'] as WebAssembly.Memory).buffer);
  (exports['_initialize'] as (() => void) | undefined)?.();
  const parser = call('llhttp_alloc', responseType);
  const at = call('malloc', 4_096);
  for (let start = 0; start < response.length; start += pieceBytes) {
    const piece = response.subarray(start, start + pieceBytes);
    memory().set(piece, at);
    said.push(`code ${call('llhttp_execute', parser, at, piece.length)}`);
  }
  said.push(`status ${call('llhttp_get_status_code', parser)}`);
  return said;
}

for (const file of ['llhttp-wasm.js', 'llhttp_simd-wasm.js']) {
  describe(file, () => {
    const bytes = new Uint8Array(require(`undici/lib/llhttp/${file}`));
    const plain = new WebAssembly.Module(bytes);
    for (const isolates of [false, true]) {
      it(`says the same ${isolates ? 'isolated' : 'metered'}`, () => {
        const options = { fuelAtStart: 2 ** 30, memoryPagesMax: 256, isolates };
        const metered = new WebAssembly.Module(meterModule(bytes, options).bytes);
        for (const pieceBytes of [1, 7, 100, 4_096]) {
          const expected = parse(plain, pieceBytes);
          assert(
            expected.some((line) => line.startsWith('body')),
            expected.join('\n'),
          );
          assert.deepEqual(parse(metered, pieceBytes), expected);
        }
      });
    }
  });
}
