/**
 * A WAF that inspects nothing: it logs markers, answers 200, and logs the ids it is told to for every
 * other request. What a test runner must not be fooled by.
 */
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export type DummyEngine = AsyncDisposable & {
  readonly target: { readonly host: string; readonly port: number };
  readonly logFile: string;
  /** Every request but markers, as it came. */
  readonly requests: string[];
};

export type DummyOptions = {
  readonly ids?: readonly number[];
  readonly answer?: string;
  /** Of markers, until one is logged; as a buffered log does. */
  readonly markersLost?: number;
};

export async function startDummyEngine(options: DummyOptions = {}): Promise<DummyEngine> {
  const folder = mkdtempSync(join(tmpdir(), 'weir-ftw-'));
  const logFile = join(folder, 'waf.log');
  writeFileSync(logFile, '');
  const requests: string[] = [];
  let lost = 0;
  const server = createServer((socket) => {
    let text = '';
    socket.on('error', () => socket.destroy());
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      const end = text.indexOf('\r\n\r\n');
      const length = Number(/\r\ncontent-length: *([0-9]+)\r\n/i.exec(text)?.[1] ?? 0);
      if (end === -1 || text.length < end + 4 + length) return;
      const marker = /\r\nX-CRS-Test: (.*)\r\n/.exec(text)?.[1];
      if (marker === undefined) {
        requests.push(text);
        for (const id of options.ids ?? [])
          appendFileSync(logFile, `Matched [id "${id}"] [msg "x"]\n`);
        socket.end(options.answer ?? 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
        return;
      }
      if (lost < (options.markersLost ?? 0)) lost++;
      else {
        lost = 0;
        appendFileSync(logFile, `Matched [id "999999"] [msg "X-CRS-Test ${marker}"]\n`);
      }
      socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    target: { host: '127.0.0.1', port },
    logFile,
    requests,
    async [Symbol.asyncDispose]() {
      await new Promise<void>((resolve) => server.close(() => resolve()));
      rmSync(folder, { recursive: true });
    },
  };
}
