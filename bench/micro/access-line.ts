/**
 * What does one access line cost, by a pino logger and as the edge writes it?
 *
 *     node bench/micro/access-line.ts
 *
 * Fastest of seven rounds. The record is made of fresh strings each time, as the data plane makes it out of the
 * head's bytes.
 */
import pino from 'pino';
import RE2 from 're2';
import { type AccessLine, currentTime, toMicroseconds } from '../../src/proxy/access-line.ts';
import { AccessLog } from '../../src/proxy/access-log.ts';
import { nextRequestId } from '../../src/proxy/request-id.ts';

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

const record = (): AccessLine => ({
  time: currentTime(),
  id: nextRequestId(),
  client: '127.0.0.1',
  peer: undefined,
  protocol: 'HTTP/1.1',
  method: text(0, 3),
  host: text(hostAt, hostAt + 16),
  path: text(pathAt, queryAt - 1),
  query: text(queryAt, targetEnd),
  status: 200,
  outcome: 'forwarded',
  reason: undefined,
  route: '* /',
  upstream: 'http://127.0.0.1:9000',
  bytesIn: 0,
  bytesOut: 1_020,
  durationMs: toMicroseconds(0.2511),
  wafMs: toMicroseconds(0.0031),
  verdict: undefined,
  monitored: undefined,
  ja4: undefined,
  clientCertificate: undefined,
  userAgent: text(agentAt, head.length - 4),
});

const destination = pino.destination({ dest: '/dev/null', sync: false, minLength: 8_192 });
const logger = pino({ base: null, timestamp: false }, destination);
const log = await AccessLog.open(
  { to: '/dev/null', redact: [] },
  { value: 0 } as never,
  (reason) => void process.stderr.write(`${reason}\n`),
);
const redact = new RE2('((?i:token|passw|secret|api_?key|session|auth|signature)[^=&]*=)[^&]*');

const ways: Readonly<Record<string, () => void>> = {
  'record alone': () => void record(),
  'pino logger': () => logger.info(record()),
  'access log': () => log.write(record()),
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
process.exit(0);
