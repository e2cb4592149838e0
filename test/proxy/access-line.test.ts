/** One line, one JSON object, ASCII only, whatever bytes a client sends. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { type AccessLine, shownNames, toMicroseconds } from '#proxy/access-line.ts';
import { AccessLog } from '#proxy/access-log.ts';

const plain: AccessLine = {
  time: '2026-01-02T03:04:05.006Z',
  id: 'i-1',
  client: '192.0.2.1',
  peer: undefined,
  protocol: 'HTTP/1.1',
  method: 'GET',
  host: 'a.test',
  path: '/',
  query: undefined,
  status: 200,
  outcome: 'forwarded',
  reason: undefined,
  route: '* /',
  upstream: 'http://127.0.0.1:1',
  bytesIn: 0,
  bytesOut: 2,
  durationMs: 1.5,
  wafMs: undefined,
  verdict: undefined,
  monitored: undefined,
  ja4: undefined,
  clientCertificate: undefined,
  userAgent: 'x',
};

const folder = mkdtempSync(join(tmpdir(), 'weir-access-'));
after(() => rmSync(folder, { recursive: true, force: true }));
let files = 0;

/** What is in the file when the log is closed. */
async function logged(lines: readonly AccessLine[]): Promise<string> {
  const to = join(folder, `${++files}.log`);
  const log = await AccessLog.open({ to, redact: [] }, { value: 0 } as never, assert.fail);
  for (const line of lines) log.write(line);
  await log.close();
  return readFileSync(to, 'latin1');
}

const parsed = (text: string): Record<string, unknown>[] =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

describe('an access line', () => {
  it('carries every character through JSON and back', async () => {
    const latin1 = Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte)).join('');
    for (const all of [latin1, 'ü€𝄞\u2028\ud800']) {
      const hostile = {
        ...{ id: all, method: all, host: all, path: all, query: all, reason: all },
        ...{ route: all, upstream: all, userAgent: all },
        verdict: { rule: all, target: all, reason: all, enforced: true, matches: [all] },
        clientCertificate: { subject: all, sha256: all, verified: false },
      };
      const text = await logged([{ ...plain, ...hostile }]);
      assert.match(text, /^[\x20-\x7e]+\n$/, 'one line of printable ASCII');
      const line = parsed(text)[0] ?? {};
      for (const [key, value] of Object.entries(hostile)) assert.deepEqual(line[key], value, key);
    }
  });

  it('cannot be broken by what a head can hold', async () => {
    const texts = ['"', '\\', '\\"', '","admin":true,"x":"', '\r\n{"forged":1}', '\x80', 'é"\n'];
    const text = await logged(texts.map((path) => ({ ...plain, path, userAgent: path })));
    assert.match(text, /^(?:[\x20-\x7e]+\n)+$/);
    const seen = parsed(text).map(({ path, userAgent }) => [path, userAgent]);
    assert.deepEqual(
      seen,
      texts.map((path) => [path, path]),
    );
    const seenAlone = await logged([
      { ...plain, verdict: { rule: '\x7f', target: '', reason: '', enforced: true, matches: [] } },
    ]);
    assert.match(seenAlone, /\\u007f/);
  });

  it('leaves out what is empty or was not measured', async () => {
    const [line = {}] = parsed(
      await logged([{ ...plain, protocol: undefined, route: undefined, upstream: undefined }]),
    );
    assert.deepEqual(Object.keys(line), [
      'time',
      'id',
      'client',
      'method',
      'host',
      'path',
      'status',
      'outcome',
      'bytesIn',
      'bytesOut',
      'durationMs',
      'userAgent',
    ]);
  });

  it('is whole however many come, and however long', async () => {
    const sizes = [1, 100, 20_000, 65_000, 70_000, 30_000, 10, 64_000, 22_000, 22_000];
    const lines = [...sizes, ...sizes.toReversed()].map((size, at) => ({
      ...plain,
      id: `i-${at}`,
      path: (at % 3 === 0 ? 'é' : 'a').repeat(size),
    }));
    const seen = parsed(await logged(lines)).map(({ id, path }) => [id, path]);
    // One that is longer than a batch overtakes none, and is overtaken by none.
    assert.deepEqual(
      seen,
      lines.map(({ id, path }) => [id, path]),
    );
  });

  it('prints times to the microsecond', () => {
    for (const [ms, shown] of [
      [0, '0'],
      [0.001, '0.001'],
      [0.0104, '0.01'],
      [0.25, '0.25'],
      [12.3456, '12.346'],
      [60_000, '60000'],
    ] as const)
      assert.equal(JSON.stringify(toMicroseconds(ms)), shown);
  });

  it('names what rules noticed, up to a bound', () => {
    const names = Array.from({ length: 40 }, (_, at) => `r${at}`);
    assert.deepEqual(shownNames(names), names.slice(0, 32));
    assert.equal(shownNames([]), undefined);
    assert.equal(shownNames(undefined), undefined);
  });
});
