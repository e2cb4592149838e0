import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Config } from '#config/schema.ts';
import type { SecurityEvent } from '#events/security-event.ts';
import type { RequestRecord } from '#proxy/request-record.ts';
import { MetricRegistry } from '#telemetry/metrics.ts';
import { requestView } from '#wasm/seclang/built-request.ts';
import { WorkerEvents } from '../../src/roles/worker-events.ts';
import type { WorkerPartHost } from '../../src/roles/worker-parts.ts';

const view = requestView({ method: 'GET', target: '/x', version: 'HTTP/1.1', fields: [] });

/** As much of one as an event is made from. */
const refused = (): RequestRecord =>
  ({
    ...{ id: 'r1', client: '192.0.2.1', method: 'GET', host: 'a', view },
    ...{ route: null, status: 413, outcome: 'refused', reason: 'request body too large' },
    ...{ found: null, transaction: null, overRate: null, isEnforced: false, wafMs: 0 },
  }) as unknown as RequestRecord;

function worker(perSecondMax: number) {
  const registry = new MetricRegistry();
  const events: SecurityEvent[] = [];
  const asked: (number | null)[] = [];
  // What other parts need of a worker is not there.
  const host: Pick<WorkerPartHost, 'registry' | 'send'> = {
    registry,
    send: (message) => {
      if (message.part !== 'events') return false;
      events.push(...message.events);
      asked.push(message.asked);
      return true;
    },
  };
  const part = new WorkerEvents(host as WorkerPartHost);
  part.follow({ events: { perSecondMax } } as unknown as Config);
  const lost = () => registry.samples().get('weir_events_lost_total{where="worker"}');
  return { part, registry, events, asked, lost };
}

describe('events of a worker', () => {
  it('are so many in a second, and the rest is counted', (test) => {
    test.mock.timers.enable({ apis: ['setInterval', 'setTimeout'] });
    const { part, events, lost } = worker(3);
    for (let i = 0; i < 10; i++) part.onRequest(refused());
    part.flush();
    // A second may have gone by on a busy machine.
    assert.equal(events.length + (lost() ?? 0), 10);
    assert.ok((lost() ?? 0) > 0, 'some are counted alone');
  });

  it('are told to who asks, also where there are none', (test) => {
    test.mock.timers.enable({ apis: ['setInterval', 'setTimeout'] });
    const { part, events, asked } = worker(3);
    part.take({ part: 'events', ask: 7 });
    part.onRequest(refused());
    part.take({ part: 'events', ask: 8 });
    assert.deepEqual(asked, [7, 8]);
    assert.equal(events.length, 1);
    assert.deepEqual([events[0]?.kind, events[0]?.status, events[0]?.path], ['refused', 413, '/x']);
  });

  it('tell connections that were closed unheard in sums', (test) => {
    test.mock.timers.enable({ apis: ['setInterval', 'setTimeout'] });
    const { part, registry, events } = worker(3);
    registry.counter('weir_connections_refused_total', 'h', { reason: 'rate' }).value = 40;
    test.mock.timers.tick(10_000);
    registry.counter('weir_connections_refused_total', 'h', { reason: 'rate' }).value = 42;
    test.mock.timers.tick(20_000);
    part.flush();
    assert.deepEqual(
      events.map(({ kind, reason, count }) => [kind, reason, count]),
      [
        ['refused', 'connections closed unheard: rate', 40],
        ['refused', 'connections closed unheard: rate', 2],
      ],
    );
  });
});
