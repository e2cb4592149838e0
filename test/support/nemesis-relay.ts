/**
 * Repeats what the bus has carried, as a broker that has gone wrong would: batches of anybody, in another order, more
 * than once, under the names of others. Each line of its input asks for some; it answers with how many it said.
 *
 *     node nemesis-relay.ts nats://10.78.0.2:4222
 */
import { createInterface } from 'node:readline';
import { Bus } from '#fleet/bus.ts';
import { createLog } from '#telemetry/log.ts';
import { randomOf } from './random.ts';

const heardMax = 5_000;
const heard: { readonly subject: string; readonly bytes: Uint8Array }[] = [];
const bus = new Bus({
  servers: [process.argv[2] ?? ''],
  name: 'relay',
  inboxPrefix: '_INBOX_relay',
  credentials: { kind: 'user', user: 'relay', password: 'relay' },
  tls: null,
  log: createLog('error', 'relay'),
  limits: { redialMinMs: 20, redialMaxMs: 200 },
});
bus.subscribe('weir.f.d.*', ({ subject, bytes }) => {
  if (heard.length < heardMax) heard.push({ subject, bytes });
});
bus.open();
process.stdout.write('"ready"\n');
for await (const line of createInterface({ input: process.stdin })) {
  const { seed, most } = JSON.parse(line) as { readonly seed: number; readonly most: number };
  const random = randomOf(seed);
  const any = () => heard[Math.floor(random() * heard.length)];
  let said = 0;
  for (; said < most && heard.length > 0 && bus.state === 'connected'; said++) {
    const one = any();
    const other = any();
    if (one !== undefined && other !== undefined)
      bus.publish(random() < 0.5 ? one.subject : other.subject, one.bytes);
  }
  await bus.flush();
  process.stdout.write(`${JSON.stringify({ said })}\n`);
}
process.exit();
