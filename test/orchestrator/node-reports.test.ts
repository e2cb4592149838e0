/** What nodes said of their rules, and what is compared of it. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { NodeReports } from '#orchestrator/node-reports.ts';
import { latencyBoundsMs } from '#rollout/health.ts';
import { type NodeReport, parseReport, reportBytesMax } from '#rollout/node-report.ts';

const report = (requests: number, more: Partial<NodeReport> = {}): NodeReport => ({
  ...{
    v: 1,
    node: 'a',
    atMs: 1,
    startedAtMs: 1,
    sequence: 0,
    modules: {},
    policies: {},
    items: [],
  },
  health: {
    ...{ requests, blocked: 0, failed: 0, moduleFailures: 0 },
    latency: [...latencyBoundsMs, 0].map(() => 0),
  },
  ...more,
});

describe('reports of nodes', () => {
  it('since a time begins with the report before it, and is the last minute at most', () => {
    let nowMs = 0;
    const reports = new NodeReports(() => nowMs);
    for (let second = 0; second <= 200; second++) {
      nowMs = second * 1_000;
      reports.note(report(second * 10));
    }
    assert.equal(reports.healthNow('a')?.requests, 2_000);
    assert.equal(reports.healthSince('a', 195_000)?.requests, 60, 'from the one at 194 s');
    assert.equal(reports.healthSince('a', 10_000)?.requests, 610, 'the last minute');
    assert.equal(reports.healthSince('b', 0), null);
  });

  it('a node that began anew is compared with nothing from before', () => {
    const reports = new NodeReports(() => 0);
    reports.note(report(1_000));
    reports.note(report(3, { startedAtMs: 2 }));
    assert.equal(reports.healthNow('a'), null);
  });

  it('one that is silent has said nothing, and one that is gone is forgotten', () => {
    let nowMs = 0;
    const reports = new NodeReports(() => nowMs);
    reports.note(report(1));
    nowMs = 30_000;
    assert.equal(reports.latest('a')?.node, 'a');
    nowMs = 36_000;
    assert.equal(reports.latest('a'), null);
    reports.forget(() => false);
    assert.equal(reports.healthNow('a'), null);
  });

  it('keeps five minutes and three hundred, not more', () => {
    let nowMs = 0;
    const reports = new NodeReports(() => nowMs);
    for (let at = 0; at < 1_000; at++) {
      nowMs = at * 100;
      reports.note(report(at));
    }
    assert.equal(reports.healthNow('a')?.requests, 299);
  });
});

describe('a report', () => {
  const bytes = (value: unknown) => Buffer.from(JSON.stringify(value));

  it('is read from whom its subject names, in its one shape', () => {
    assert.deepEqual(parseReport(bytes(report(1)), 'a'), report(1));
    assert.equal(parseReport(bytes(report(1)), 'b'), null);
    assert.equal(parseReport(bytes({ ...report(1), more: 1 }), 'a'), null);
    assert.equal(parseReport(bytes({ ...report(1), modules: { own: 'x' } }), 'a'), null);
    assert.equal(parseReport(Buffer.alloc(reportBytesMax + 1, 0x20), 'a'), null);
  });

  it('is nothing of hostile bytes', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array(),
          fc.json().map((text) => Buffer.from(text)),
        ),
        (hostile) => assert.equal(parseReport(hostile, 'a'), null),
      ),
    );
  });
});
