/**
 * What does one access line cost, by a pino logger, by JSON.stringify, and by hand?
 *
 *     node bench/micro/access-line.ts
 *
 * Every way must give JSON with the same values; then each is timed, fastest of seven rounds. The record
 * is made of fresh strings each time, as the data plane makes it out of the head's bytes.
 */
import pino from 'pino';
import RE2 from 're2';
import { type AccessRecord, accessLine } from '../../src/proxy/access-line.ts';

const head = Buffer.from(
  'GET /products/search?q=blue+running+shoes&category=footwear&size=42&sort=price_asc&page=2 HTTP/1.1\r\nHost: www.shop.example\r\n' +
    'User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36\r\n\r\n',
  'latin1',
);
const pathAt = head.indexOf('/');
const queryAt = head.indexOf('?') + 1;
const targetEnd = head.indexOf(' HTTP');
const hostAt = head.indexOf('www.');
const agentAt = head.indexOf('Mozilla');
const text = (start: number, end: number) => head.toString('latin1', start, end);
let count = 0;

const record = (): AccessRecord => ({
  id: `995b8636373669f1-${(++count).toString(16).padStart(8, '0')}`,
  client: '127.0.0.1',
  peer: '127.0.0.1',
  protocol: 'HTTP/1.1',
  method: text(0, 3),
  host: text(hostAt, hostAt + 16),
  path: text(pathAt, queryAt - 1),
  query: text(queryAt, targetEnd),
  status: 200,
  outcome: 'forwarded',
  reason: '',
  route: '* /',
  upstream: 'http://127.0.0.1:9000',
  bytesIn: 0,
  bytesOut: 1_020,
  durationMs: 0.25,
  wafMs: 0.003,
  verdict: null,
  userAgent: text(agentAt, head.length - 4),
  ja4: '',
  certificate: null,
});

const batch = Buffer.allocUnsafeSlow(65_536);
let used = 0;
const gather = (line: string) => {
  if (used + line.length > batch.length) used = 0;
  used += batch.write(line, used, 'latin1');
};
const destination = pino.destination({ dest: '/dev/null', sync: false, minLength: 8_192 });
const logger = pino({ base: null, timestamp: pino.stdTimeFunctions.isoTime }, destination);
const redact = new RE2('((?i:token|passw|secret|api_?key|session|auth|signature)[^=&]*=)[^&]*');

const parsed = JSON.parse(accessLine(record())) as Record<string, unknown>;
for (const [key, value] of Object.entries(record())) {
  const isLeftOut = value === '' || value === null || (key === 'peer' && value === '127.0.0.1');
  if (key !== 'id' && parsed[key] !== (isLeftOut ? undefined : value))
    throw new Error(`${key}: ${parsed[key]} is not ${value}`);
}

const ways: Readonly<Record<string, () => void>> = {
  'record alone': () => void record(),
  'pino logger': () => logger.info(record()),
  'JSON.stringify, gathered': () => gather(`${JSON.stringify(record())}\n`),
  'by hand, gathered': () => gather(accessLine(record())),
  'redaction asked over a string': () => void redact.test(text(queryAt, targetEnd)),
  'redaction asked over bytes': () =>
    void redact.test(head.subarray(queryAt, targetEnd) as unknown as string),
};

for (const [name, way] of Object.entries(ways)) {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 7; round++) {
    const before = process.hrtime.bigint();
    for (let i = 0; i < 100_000; i++) way();
    best = Math.min(best, Number(process.hrtime.bigint() - before) / 100_000 / 1_000);
  }
  process.stdout.write(`${name.padEnd(32)} ${best.toFixed(2)} µs\n`);
}
