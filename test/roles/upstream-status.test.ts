/** What `weir status` makes of the workers' samples. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { loadConfig } from '#config/load.ts';
import type { Config } from '#config/schema.ts';
import { ServerMetrics } from '#proxy/upstream/upstream-metrics.ts';
import { ServerReasons } from '#roles/server-reasons.ts';
import { degradedUpstreams, upstreamStatus } from '#roles/upstream-status.ts';
import { MetricRegistry, mergeSamples } from '#telemetry/metrics.ts';

const url = 'https://app:443';
function config(tls: Record<string, unknown>): Config {
  const loaded = loadConfig({
    file: null,
    env: {},
    defaults: JSON.stringify({
      edge: { listeners: [{ address: '127.0.0.1:0', plaintext: true }] },
      upstreams: { app: { servers: [{ url }], tls } },
      routes: [{ upstream: 'app' }],
    }),
  });
  assert.ok(loaded.ok);
  return loaded.config;
}

const out = new ServerReasons();
out.note({ upstream: 'app', server: url, state: 'open', reason: 'connection refused' });

/** Two workers, each with what it sees. */
function samples(...seen: ('healthy' | 'open' | 'trial')[]): Map<string, number> {
  return mergeSamples(
    seen.map((state, index) => {
      const registry = new MetricRegistry();
      const metrics = new ServerMetrics(registry, 'app', url);
      metrics.show(state);
      metrics.requests.value = 10 + index;
      metrics.open.value = 1;
      return registry.samples();
    }),
  );
}

describe('the state of a server', () => {
  it('is the worst that a worker sees, with how many see what, and sums', () => {
    const [app] = upstreamStatus(config({}), samples('healthy', 'open', 'healthy'), out);
    const [server] = app?.servers ?? [];
    assert.equal(server?.state, 'open');
    assert.deepEqual(server?.seen, [
      { state: 'open', workers: 1 },
      { state: 'healthy', workers: 2 },
    ]);
    assert.equal(server?.requests, 33);
    assert.equal(server?.inFlight, 3);
    assert.equal(server?.reason, 'connection refused');
  });

  it('is not known before a worker has reported', () => {
    const [app] = upstreamStatus(config({}), new Map(), new ServerReasons());
    assert.equal(app?.servers[0]?.state, null);
    assert.deepEqual(degradedUpstreams(config({}), app === undefined ? [] : [app]), []);
  });
});

describe('among what is not as it should be stand', () => {
  const rows = [
    [{}, ['healthy', 'trial'], []],
    [{}, ['healthy', 'open'], ['1 of 1 server out (connection refused)']],
    [
      { verify: false },
      ['healthy'],
      ['certificates are not verified (tls.verify: false); name the authority with tls.ca instead'],
    ],
  ] as const;
  for (const [tls, seen, reasons] of rows) {
    it(`with tls ${JSON.stringify(tls)} and servers ${seen.join(', ')}: ${reasons.join() || 'nothing'}`, () => {
      const parsed = config(tls);
      assert.deepEqual(
        degradedUpstreams(parsed, upstreamStatus(parsed, samples(...seen), out)),
        reasons.map((reason) => ({ part: 'upstream app', reason })),
      );
    });
  }
});

describe('why a server is out', () => {
  const note = (reasons: ServerReasons, state: 'open' | 'trial' | 'healthy', reason: string) =>
    reasons.note({ upstream: 'app', server: url, state, reason });

  it('is kept while it is on trial, and while another worker sees it well, and not shown once all do', () => {
    const reasons = new ServerReasons();
    assert.equal(reasons.of('app', url), null);
    note(reasons, 'open', 'timed out');
    note(reasons, 'trial', 'let in again');
    assert.equal(reasons.of('app', url), 'timed out');
    note(reasons, 'healthy', 'requests succeed');
    assert.equal(reasons.of('app', url), 'timed out');
    const shown = (...seen: ('healthy' | 'open')[]) =>
      upstreamStatus(config({}), samples(...seen), reasons)[0]?.servers[0]?.reason;
    assert.deepEqual([shown('healthy', 'open'), shown('healthy')], ['timed out', null]);
  });

  it('is known of the 1,024 servers heard of last', () => {
    const reasons = new ServerReasons();
    for (let i = 0; i <= 1_024; i++)
      reasons.note({ upstream: 'app', server: `http://${i}`, state: 'open', reason: 'gone' });
    assert.deepEqual(
      [0, 1, 1_024].map((i) => reasons.of('app', `http://${i}`)),
      [null, 'gone', 'gone'],
    );
  });
});
