/** A module's verdict about one request becomes a drop in the kernel for the packets that come after it. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { needsNamespaces } from '../support/kernel-rights.ts';
import type { NamespacePair } from '../support/network-namespace.ts';
import type { TrapReport, TrapTerms } from '../support/trap-client.ts';
import { WiredNode } from '../support/wired-node.ts';

const port = 8_000;
const script = join(import.meta.dirname, '../support/trap-client.ts');
const config = (allow: string) => `edge:
  workers: 2
  listeners:
    - { address: "0.0.0.0:${port}", plaintext: true }
    - { address: "[::]:${port}", plaintext: true }
  allow: ${allow}
kernel: { xdp: native, interface: $INTERFACE }
upstreams: { app: { servers: [{ url: "http://127.0.0.1:9" }] } }
routes: [{ upstream: app, waf: { mode: block, rules: [honeypot] } }]
waf: { rules: { honeypot: { module: "builtin:honeypot", grants: [block] } } }
accessLog: { to: "off" }
state: $STATE
`;

async function walkIntoTrap(pair: NamespacePair, host: string): Promise<TrapReport> {
  const terms: TrapTerms = { host, port, trap: '/.env' };
  const client = pair.start('client', process.execPath, script, JSON.stringify(terms));
  return (await client.next()) as TrapReport;
}

describe('an address that a module blocks', { skip: needsNamespaces() }, () => {
  it('is dropped in the kernel from then on, over IPv4 and IPv6', async (t) => {
    await using edge = await WiredNode.running(config('[]'));
    const { pair } = edge;
    for (const [index, host] of pair.addresses.server.entries()) {
      const dropped = edge.verdicts()['drop_exact'] ?? 0;
      const report = await walkIntoTrap(pair, host);
      t.diagnostic(
        `${host}: the last packet that got through came ${report.delayMs.toFixed(1)} ms after the verdict`,
      );
      assert.equal(report.trapStatus, '404');
      assert((edge.verdicts()['drop_exact'] ?? 0) > dropped, JSON.stringify(report));
      const { entries } = edge.weir('block', 'list') as {
        entries: { target: string; origin: string }[];
      };
      const entry = entries.find(({ target }) => target === pair.addresses.client[index]);
      assert.equal(entry?.origin, 'module:honeypot');
    }
  });

  it('is not blocked where edge.allow names it', async () => {
    const allow = '["10.77.0.0/24", "fd77::/64"]';
    await using edge = await WiredNode.running(config(allow));
    const { pair } = edge;
    for (const host of pair.addresses.server) {
      const report = await walkIntoTrap(pair, host);
      assert.equal(report.trapStatus, '404');
      assert(report.after > 0, JSON.stringify(report));
    }
    assert.equal(edge.verdicts()['drop_exact'], undefined);
    assert.deepEqual((edge.weir('block', 'list') as { entries: unknown[] }).entries, []);
  });
});
