/**
 * Events through the shipped edge: made of what its rules decide, kept, sent to a file, three collectors of syslog and
 * a webhook at once, and shown by the command line.
 */
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { EcsEvent } from '#events/ecs-event.ts';
import { makeDevelopmentCertificate } from '../../certs/development-certificate.ts';

import { type EchoOrigin, startEchoOrigin } from '../support/echo-origin.ts';
import { type EdgeProcess, startEdgeProcess } from '../support/edge-process.ts';
import { streamCollector, udpCollector, webhookReceiver } from '../support/log-collectors.ts';
import { until } from '../support/until.ts';
import { runWeir } from '../support/weir-command.ts';

const rules = `SecRuleEngine On
SecRule ARGS "@rx (?i)union\\s+select" "id:1001,phase:2,deny,status:403,msg:'SQL injection',tag:'attack-sqli',severity:CRITICAL"
SecRule ARGS "@rx <script" "id:1002,phase:2,deny,status:403,msg:'Script',tag:'attack-xss',severity:CRITICAL"
`;
const secret = 'a-secret-of-thirty-two-characters-or-more';
const attack = "1' UNION SELECT name FROM users";

describe('events of an edge', () => {
  const folder = mkdtempSync(join(tmpdir(), 'weir-events-'));
  const open = new AsyncDisposableStack();
  let edge: EdgeProcess;
  let origin: EchoOrigin;
  let collectors: readonly (readonly [string, readonly string[]])[];
  let posts: readonly { readonly body: string; readonly headers: Record<string, unknown> }[];

  before(async () => {
    origin = open.use(await startEchoOrigin([]));
    const tls = await makeDevelopmentCertificate(['localhost']);
    const udp = open.use(await udpCollector());
    const tcp = open.use(await streamCollector(null));
    const overTls = open.use(await streamCollector({ cert: tls.certificate, key: tls.privateKey }));
    // The first batch is refused, and comes again.
    const webhook = open.use(await webhookReceiver([503]));
    collectors = [
      ['UDP', udp.messages],
      ['TCP', tcp.messages],
      ['TLS', overTls.messages],
    ];
    ({ posts } = webhook);
    writeFileSync(join(folder, 'rules.conf'), rules);
    writeFileSync(join(folder, 'ca.pem'), tls.certificate);
    writeFileSync(join(folder, 'secret'), `${secret}\n`, { mode: 0o600 });
    edge = open.use(
      await startEdgeProcess(`
edge: { workers: 1, listeners: [{ address: "127.0.0.1:0", plaintext: true }], limits: { bodyBytesMax: 64 } }
upstreams: { app: { servers: [{ url: "${origin.url}" }] } }
routes:
  - { upstream: app, waf: { rules: [site] } }
  - { match: { path: /watched }, upstream: app, waf: { rules: [site], mode: monitor, matched: none } }
waf: { rules: { site: { seclang: ["${folder}/rules.conf"] } } }
kernel: { xdp: off }
events:
  to:
    - { file: ${folder}/events.jsonl }
    - { syslog: "udp://127.0.0.1:${udp.port}" }
    - { syslog: "tcp://127.0.0.1:${tcp.port}" }
    - { syslog: "tls://localhost:${overTls.port}", ca: ${folder}/ca.pem }
    - { webhook: "${webhook.url}", secretFile: ${folder}/secret, allowInternal: true, kinds: [blocked] }
`),
    );
    const query = new URLSearchParams({ q: attack, password: 'Hunter2-9f8E7d6C' });
    const blocked = await send(`/shop?${query}`);
    assert.equal(blocked.status, 403);
    assert.equal((await send(`/watched?q=${encodeURIComponent('<script>')}`)).status, 200);
    assert.equal((await send('/upload', 'x'.repeat(100))).status, 413);
  });

  after(async () => {
    await open.disposeAsync();
    rmSync(folder, { recursive: true, force: true });
  });

  const send = (target: string, body: string | null = null): Promise<Response> =>
    fetch(`http://127.0.0.1:${edge.ports[0]}${target}`, {
      ...(body === null ? {} : { method: 'POST', body }),
    });
  const weir = async (...argv: string[]): Promise<string> => {
    const { exit, stdout, stderr } = await runWeir(edge.state, argv);
    assert.equal(exit, 0, stderr);
    return stdout;
  };
  const tail = async (...options: string[]): Promise<EcsEvent[]> =>
    linesOf(await weir('events', 'tail', '--json', ...options));

  it('are made of what is blocked, watched and refused', async () => {
    await until('three events', async () => (await tail()).length === 3);
    const [blocked, monitored, refused] = await tail();
    assert.deepEqual(
      [blocked, monitored, refused].map((ecs) => [
        ecs?.event.action,
        ecs?.event.outcome,
        ecs?.http?.response?.status_code,
        ecs?.rule?.id,
        ecs?.rule?.category,
      ]),
      [
        ['blocked', 'success', 403, 'site/1001', 'sqli'],
        ['monitored', 'unknown', 200, 'site/1002', 'xss'],
        ['refused', 'success', 413, undefined, undefined],
      ],
    );
    assert.equal(blocked?.source?.ip, '127.0.0.1');
    assert.equal(blocked?.url?.path, '/shop');
    assert.equal(blocked?.http?.request.method, 'GET');
    assert.ok((blocked?.weir.waf_us ?? 0) > 0);
    const [match] = blocked?.weir.matches ?? [];
    assert.equal(match?.target, 'ARGS:q');
    assert.match(match?.matched ?? '', /UNION SELECT/);
    // By the policy of its route.
    assert.equal(monitored?.weir.matches?.[0]?.matched, undefined);
  });

  it('come everywhere they are sent, each once, without the secret', async () => {
    for (const [name, messages] of collectors)
      await until(`three messages over ${name}`, () => messages.length >= 3);
    const file = join(folder, 'events.jsonl');
    await until('three lines', () => existsSync(file) && linesOf(read(file)).length === 3);
    const ids = linesOf(read(file)).map(({ event }) => event.id);
    for (const [name, messages] of collectors) {
      assert.deepEqual(
        messages.map((message) => eventOf(message).event.id).toSorted(),
        ids.toSorted(),
        name,
      );
      assert.match(messages[0] ?? '', /^<1[0-9]{2}>1 \d{4}-\d\d-\d\dT\S+ \S+ weir \d+ [a-z]+ - \{/);
    }
    await until('the webhook has heard twice', () => posts.length >= 2);
    const [first, again] = posts;
    assert.equal(again?.body, first?.body);
    const { events } = JSON.parse(again?.body ?? '') as { events: EcsEvent[] };
    assert.deepEqual(
      events.map(({ event }) => event.action),
      ['blocked'],
    );
    const [, seconds, mac] =
      /^t=(\d+),v1=([0-9a-f]{64})$/.exec(String(again?.headers['weir-signature'])) ?? [];
    assert.equal(
      mac,
      createHmac('sha256', secret).update(`${seconds}.${again?.body}`).digest('hex'),
    );
    const everything = [
      read(file),
      ...posts.map(({ body }) => body),
      ...collectors.flatMap(([, messages]) => messages),
    ];
    for (const text of everything) assert.doesNotMatch(text, /Hunter2/);
  });

  it('are listed by what they are about, shown in full and counted', async () => {
    assert.equal((await tail('--kind', 'monitored')).length, 1);
    assert.equal((await tail('--rule', '1001')).length, 1);
    assert.equal((await tail('--address', '192.0.2.1')).length, 0);
    const [blocked] = await tail('--route', '* /', '--kind', 'blocked');
    assert.ok(blocked);
    for (const id of [blocked.event.id, blocked.http?.request.id ?? '']) {
      const page = await weir('events', 'show', id);
      for (const part of [
        /was blocked, answered with 403/,
        /site\/1001\s+ARGS:q\s+1' UNION SELECT/,
        /GET 127\.0\.0\.1:\d+\/shop\?q=.*password=\*\*\*/,
        new RegExp(`weir exclude ${blocked.event.id}`),
      ])
        assert.match(page, part);
    }
    const byRule = await weir('events', 'stats');
    assert.match(byRule, /1\s+site\/1001/);
    assert.match(
      await weir('events', 'stats', '--by', 'address', '--since', '1h'),
      /3\s+127\.0\.0\.1/,
    );
    const { exit, stderr } = await runWeir(edge.state, ['events', 'show', 'nobody']);
    assert.equal(exit, 1);
    assert.match(stderr, /no event and no request "nobody" is kept/);
  });

  it('are counted in metrics and in the status of the node', async () => {
    const { body } = await edge.call('GET', '/metrics');
    const metrics = String(body['text']);
    assert.match(metrics, /weir_events_total\{kind="blocked"\} 1/);
    assert.match(metrics, /weir_events_kept 3/);
    assert.match(metrics, /weir_events_sent_total\{to="file [^"]+"\} 3/);
    assert.match(await weir('status'), /events +3 events\n.* 3 to file /);
  });
});

const read = (file: string): string => readFileSync(file, 'utf8');
const linesOf = (text: string): EcsEvent[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as EcsEvent);
const eventOf = (message: string): EcsEvent =>
  JSON.parse(message.slice(message.indexOf('{'))) as EcsEvent;
