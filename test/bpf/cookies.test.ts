/** Real TCP clients through SYN cookies made by the packet program, in network namespaces. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { AttachedTerms } from '../support/attached-shield.ts';
import { needsNamespaces } from '../support/kernel-rights.ts';
import { needs } from '../support/needs.ts';
import { NamespacePair, type TalkingProcess } from '../support/network-namespace.ts';

const support = join(import.meta.dirname, '../support');
const port = 8_080;
const cookieFlags = ['cookies', 'tcp_sanity', 'timestamps', 'sack', 'window_scale'];
/** As the kernel will choose it when the last ACK comes; see cookie-terms. */
const config = { mss4: 1_460, mss6: 1_440, window: 64_240, ttl: 64 };

type Counts = Readonly<Record<string, number>>;

async function guarded(
  pair: NamespacePair,
  terms: Partial<AttachedTerms>,
  workers = 1,
): Promise<{ shield: TalkingProcess; server: TalkingProcess }> {
  const server = pair.start(
    'server',
    process.execPath,
    join(support, 'namespace-server.ts'),
    `${port}`,
    `${workers}`,
  );
  assert.equal(await server.next(), 'listening');
  const rmem = Math.max(
    Number(pair.run('server', 'sysctl', '-n', 'net.ipv4.tcp_rmem').trim().split(/\s+/)[2]),
    Number(pair.run('server', 'sysctl', '-n', 'net.core.rmem_max')),
  );
  const scale = Math.min(14, Math.max(0, Math.floor(Math.log2(rmem)) - 15));
  const words: AttachedTerms = {
    device: pair.device('server'),
    mode: 'native',
    flags: cookieFlags,
    protect: [port],
    ...terms,
    config: { ...config, window_scale: scale, ...terms.config },
  };
  const shield = pair.start(
    'server',
    process.execPath,
    join(support, 'attached-shield.ts'),
    JSON.stringify(words),
  );
  assert.equal(await shield.next(), 'attached');
  // What native XDP sends back over a veth arrives only where the other end has a program too.
  const peer = {
    ...words,
    device: pair.device('client'),
    mode: 'native',
    flags: [],
    drop: [],
    rules: [],
  };
  const passing = pair.start(
    'client',
    process.execPath,
    join(support, 'attached-shield.ts'),
    JSON.stringify(peer),
  );
  assert.equal(await passing.next(), 'attached');
  return { shield, server };
}

function get(pair: NamespacePair, host: string, seconds = 5): string {
  const at = host.includes(':') ? `[${host}]` : host;
  return pair
    .run('client', 'curl', '-sS', '--max-time', `${seconds}`, `http://${at}:${port}/`)
    .trim();
}

/** The TCP options of the first SYN-ACK, as `ss` shows them on both ends of a connection that is held. */
async function optionsOnBothEnds(pair: NamespacePair, host: string): Promise<readonly string[]> {
  const client = pair.start(
    'client',
    process.execPath,
    '-e',
    `const s=require('net').connect(${port},'${host}',()=>console.log('"open"'));process.stdin.on('end',()=>process.exit()).resume()`,
  );
  assert.equal(await client.next(), 'open');
  const words = (['client', 'server'] as const).map((side) =>
    pair.run(
      side,
      'ss',
      '-tinoH',
      'state',
      'established',
      side === 'client' ? `dport = ${port}` : `sport = ${port}`,
    ),
  );
  await client.end();
  return words;
}

describe('SYN cookies of the packet program', { skip: needsNamespaces() || needs('curl') }, () => {
  for (const mode of ['native', 'generic'] as const) {
    it(`lets curl and Node connect over IPv4 and IPv6, with every TCP option, in ${mode} mode`, async () => {
      await using pair = new NamespacePair({
        'net.ipv4.tcp_syncookies': '2',
        'net.ipv4.tcp_timestamps': '2',
      });
      const { shield, server } = await guarded(pair, { mode });
      assert.match(get(pair, pair.addresses.server[0]), /10\.77\.0\.1$/);
      assert.equal(get(pair, pair.addresses.server[1]), pair.addresses.client[1]);
      for (const host of pair.addresses.server) {
        for (const end of await optionsOnBothEnds(pair, host)) {
          assert.match(end, /\bts\b/, end);
          assert.match(end, /\bsack\b/, end);
          assert.match(end, /wscale:\d+,\d+/, end);
        }
      }
      const counts = (await shield.ask('counts')) as Counts;
      assert.equal(counts['syn_ack'], 4);
      assert.deepEqual(await server.ask('counts'), { connections: 4 });
      assert.equal(nstat(pair, 'TcpExtSyncookiesRecv'), 4);
      assert.equal(nstat(pair, 'TcpExtSyncookiesSent'), 0);
    });
  }

  it('offers the MSS alone where timestamps have a random offset, and connections work', async () => {
    await using pair = new NamespacePair({
      'net.ipv4.tcp_syncookies': '2',
      'net.ipv4.tcp_timestamps': '1',
    });
    const { shield } = await guarded(pair, { flags: ['cookies'] });
    for (const host of pair.addresses.server) {
      assert.match(get(pair, host), /1$/);
      for (const end of await optionsOnBothEnds(pair, host))
        assert.doesNotMatch(end, /wscale|\bts\b/);
    }
    assert.equal(((await shield.ask('counts')) as Counts)['syn_ack'], 4);
  });

  it('works with several listeners on the port', async () => {
    await using pair = new NamespacePair({
      'net.ipv4.tcp_syncookies': '2',
      'net.ipv4.tcp_timestamps': '2',
    });
    const { shield, server } = await guarded(pair, {}, 3);
    for (let i = 0; i < 6; i++) for (const host of pair.addresses.server) get(pair, host);
    assert.equal(((await shield.ask('counts')) as Counts)['syn_ack'], 12);
    assert.deepEqual(await server.ask('counts'), { connections: 12 });
  });

  it('leaves SYNs to the kernel where it makes no cookies in peace', async () => {
    await using pair = new NamespacePair({ 'net.ipv4.tcp_syncookies': '1' });
    const { shield } = await guarded(pair, {});
    for (const host of pair.addresses.server) get(pair, host);
    const counts = (await shield.ask('counts')) as Counts;
    assert.equal(counts['syn_ack'], undefined);
    assert.equal(counts['cookie_unavailable'], 2);
  });

  it('drops a listed address from its next packet on', async () => {
    await using pair = new NamespacePair();
    const { shield } = await guarded(pair, { flags: ['exact'] });
    for (const host of pair.addresses.server) get(pair, host);
    for (const target of pair.addresses.client) await shield.ask(`drop ${target}`);
    for (const host of pair.addresses.server) assert.throws(() => get(pair, host, 1), /timed out/);
    assert.ok((((await shield.ask('counts')) as Counts)['drop_exact'] ?? 0) > 0);
  });
});

function nstat(pair: NamespacePair, name: string): number {
  const line = pair
    .run('server', 'nstat', '-asz', name)
    .split('\n')
    .find((one) => one.startsWith(name));
  return Number(line?.split(/\s+/)[1]);
}
