/** What no detector, module or decision of a fleet blocks on a node: what it lives by, the bus among it. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { loadConfig } from '../../src/config/load.ts';
import { fleetProtected } from '../../src/roles/node-fleet.ts';
import { protectedAddresses, upstreamNames } from '../../src/roles/protected-addresses.ts';

const base = `
edge: { listeners: [{ address: "127.0.0.1:0", plaintext: true }] }
upstreams: { app: { servers: [{ url: "http://app.example:80" }] } }
routes: [{ upstream: app }]
`;
const fleet = `
fleet:
  name: f
  nodeId: a
  nats: ["nats://203.0.113.4:4222", "tls://[2001:db8::4]:4222", "nats://nats.example:4222"]
  signingKey: k
  trust: t
  advertise: "203.0.113.9:8900"
  neverBlock: [198.51.100.0/24]
`;

function configOf(text: string) {
  const loaded = loadConfig({ file: null, defaults: text, env: {} });
  assert.ok(loaded.ok, JSON.stringify(loaded));
  return loaded.config;
}

it('holds the servers of the bus, where the control plane comes to, and what the operator named', () => {
  const config = configOf(base + fleet);
  const map = protectedAddresses(config);
  for (const address of ['203.0.113.4', '2001:db8::4', '203.0.113.9', '198.51.100.77'])
    assert.equal(map.lookup(address), true, address);
  assert.equal(map.lookup('203.0.113.5'), undefined);
  assert.deepEqual(upstreamNames(config), ['app.example', 'nats.example']);
  assert.ok(fleetProtected(config).includes('203.0.113.4'));
});

it('has none of it without a fleet', () => {
  const config = configOf(base);
  assert.equal(protectedAddresses(config).lookup('203.0.113.4'), undefined);
  assert.deepEqual(fleetProtected(config), []);
});
