/** What becomes of a finding: a block only where it is certain who sent the packets, and never of ours. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it, mock } from 'node:test';
import type { BlockEntry, BlockRequest } from '#admin/control.ts';
import type { Config } from '#config/schema.ts';
import type { Handshakes } from '#proxy/listener/handshake-log.ts';
import type { Finding } from '#synproxy/detector.ts';
import { createLog } from '#telemetry/log.ts';
import { MetricRegistry } from '#telemetry/metrics.ts';
import {
  blames,
  DetectorBlocks,
  settleMs,
  waitingMax,
  waitMs,
} from '../../src/roles/detector-blocks.ts';
import { DetectorFindings } from '../../src/roles/detector-metrics.ts';

const silent: Handshakes = { opened: 1, refused: 0, spoke: 0 };
const nothing: Handshakes = { opened: 0, refused: 0, spoke: 0 };

const scanOf = (target: string): Finding => ({
  target,
  kind: 'port-scan',
  evidence: 'connection attempts to 20 ports within 60 s',
  syns: 20,
});

let clock = 1_000;

async function pass(ms: number): Promise<void> {
  clock += ms;
  mock.timers.tick(1_000);
  for (let n = 0; n < 20; n++) await Promise.resolve();
}

function bench(
  options: {
    mode?: string;
    entries?: readonly Partial<BlockEntry>[];
    handshakes?: (target: string) => Handshakes;
    upstream?: string;
  } = {},
) {
  const registry = new MetricRegistry();
  const added: BlockRequest[] = [];
  let fails = false;
  const config = {
    edge: {
      allow: ['192.0.2.0/24'],
      trustedProxies: ['10.0.0.0/8'],
      limits: { unlimitedAddresses: [] },
      listeners: [
        { address: '[2001:db8::443]:443', proxyProtocol: { from: ['198.51.100.200'] } },
        { address: '0.0.0.0:80' },
      ],
    },
    upstreams: {
      app: {
        servers: [
          { url: 'http://198.51.100.80:8080' },
          { url: 'http://[2001:db8:7:7::80]:8080' },
          { url: options.upstream ?? 'unix:/run/app.sock' },
        ],
      },
    },
    admin: { address: '203.0.113.9:9999' },
    kernel: { detect: { mode: options.mode ?? 'block', blockSeconds: 300 } },
  } as unknown as Config;
  const node = {
    config,
    findBlock: (target: string) =>
      (options.entries?.find((entry) => entry.target === target) as BlockEntry | undefined) ?? null,
    addBlock: async (request: BlockRequest) => {
      if (fails) throw new Error('the disk is full');
      added.push(request);
    },
  };
  const questions: string[][] = [];
  const blocks = new DetectorBlocks({
    node: () => node,
    handshakes: async (targets) => {
      questions.push([...targets]);
      return targets.map(options.handshakes ?? (() => silent));
    },
    findings: new DetectorFindings(registry),
    log: createLog('silent', 'test'),
  });
  return {
    blocks,
    added,
    questions,
    breakDisk: () => {
      fails = true;
    },
    results: () =>
      Object.fromEntries(
        [...registry.samples()]
          .filter(([, count]) => count > 0)
          .map(([key, count]) => [/result="(\w+)"/.exec(key)?.[1], count]),
      ),
  };
}

describe('a finding of the packet detector', () => {
  let now: { mock: { restore(): void } };
  beforeEach(() => {
    mock.timers.enable({ apis: ['setTimeout'] });
    now = mock.method(performance, 'now', () => clock);
  });
  afterEach(() => {
    now.mock.restore();
    mock.timers.reset();
  });

  it('is a short block of its address, with origin and reason', async () => {
    const { blocks, added, results } = bench();
    await blocks.found(scanOf('203.0.113.7'));
    await blocks.found(scanOf('2001:db8:1:2::/64'));
    await pass(settleMs - 1);
    assert.deepEqual(added, [], 'whoever has something to say may do so first');
    await pass(1);
    assert.deepEqual(
      added,
      ['203.0.113.7', '2001:db8:1:2::/64'].map((target) => ({
        target,
        ttlSeconds: 300,
        reason: 'port-scan: connection attempts to 20 ports within 60 s',
        origin: 'detector',
      })),
    );
    assert.deepEqual(results(), { blocked: 2 });
  });

  for (const [target, why] of [
    ['127.0.0.1', 'the host itself'],
    ['192.0.2.200', 'on edge.allow'],
    ['10.1.2.3', 'a trusted proxy'],
    ['198.51.100.80', 'an upstream'],
    ['2001:db8:7:7::/64', 'the network of an upstream'],
    ['2001:db8::/64', 'the network of a listener'],
    ['198.51.100.200', 'a balancer with PROXY headers'],
    ['203.0.113.9', 'the management address'],
    ['fe80::/64', 'the link'],
  ] as const)
    it(`comes to nothing where ${target} is ${why}`, async () => {
      const { blocks, added, results } = bench();
      await blocks.found(scanOf(target));
      assert.deepEqual(added, []);
      assert.deepEqual(results(), { protected: 1 });
    });

  it('comes to nothing where it is an upstream that has only a name', async () => {
    const { blocks, results } = bench({ upstream: 'http://localhost:80' });
    await blocks.found(scanOf('127.0.0.1'));
    assert.deepEqual(results(), { protected: 1 });
  });

  it('is counted and no more in mode monitor', async () => {
    const { blocks, added, results, questions } = bench({ mode: 'monitor' });
    await blocks.found(scanOf('203.0.113.7'));
    assert.deepEqual([added, questions, results()], [[], [], { monitored: 1 }]);
  });

  it('leaves a block that lasts longer', async () => {
    const entry = { target: '203.0.113.7', expiresAt: null };
    const { blocks, added } = bench({ entries: [entry] });
    await blocks.found(scanOf('203.0.113.7'));
    await pass(settleMs);
    assert.deepEqual(added, []);
  });

  it('leaves an entry that only watches, however long that lasts, and is counted', async () => {
    const entry = { target: '203.0.113.7', action: 'monitor', expiresAt: null } as const;
    const { blocks, added, results } = bench({ entries: [entry] });
    await blocks.found(scanOf('203.0.113.7'));
    await pass(settleMs);
    assert.deepEqual([added, results()], [[], { monitored: 1 }]);
  });

  it('is counted where it cannot be kept', async () => {
    const { blocks, breakDisk, results } = bench();
    breakDisk();
    await blocks.found(scanOf('203.0.113.7'));
    await pass(settleMs);
    assert.deepEqual(results(), { failed: 1 });
  });

  it('waits for a sign of its address, then blocks, or gives up', async () => {
    let sign = nothing;
    const { blocks, added, results, questions } = bench({
      handshakes: (target) => (target === '203.0.113.7' ? sign : nothing),
    });
    await blocks.found(scanOf('203.0.113.7'));
    await blocks.found(scanOf('203.0.113.8'));
    await pass(settleMs);
    assert.deepEqual(added, []);
    sign = silent;
    await pass(1_000);
    assert.deepEqual(
      added.map(({ target }) => target),
      ['203.0.113.7'],
    );
    await pass(waitMs);
    assert.deepEqual(results(), { blocked: 1, unproven: 1 });
    const asked = questions.length;
    await pass(1_000);
    assert.equal(questions.length, asked, 'nobody is left to ask for');
  });

  it('waits with no more than so many others', async () => {
    const { blocks, results } = bench({ handshakes: () => nothing });
    for (let n = 0; n < waitingMax + 2; n++)
      await blocks.found(scanOf(`203.0.${100 + (n >> 8)}.${n & 255}`));
    blocks.close();
    assert.deepEqual(results(), { unproven: 2 });
  });
});

describe('who is to blame', () => {
  const flood = (syns: number): Finding => ({
    target: '203.0.113.7',
    kind: 'syn-rate',
    evidence: '',
    syns,
  });
  const cases: readonly [string, Finding, Handshakes, boolean][] = [
    ['of a scan, who opened a connection and was silent', scanOf('a'), silent, true],
    ['of a scan, not who completed no handshake', scanOf('a'), nothing, false],
    ['of a scan, not who uses the site', scanOf('a'), { opened: 9, refused: 0, spoke: 1 }, false],
    ['of a scan, not who was refused', scanOf('a'), { opened: 0, refused: 9, spoke: 0 }, false],
    [
      'of a flood, who completed half of it',
      flood(2_000),
      { opened: 50, refused: 950, spoke: 0 },
      true,
    ],
    [
      'of a flood, not who completed less',
      flood(2_000),
      { opened: 50, refused: 949, spoke: 0 },
      false,
    ],
    [
      'of a flood, not who uses the site',
      flood(2_000),
      { opened: 2_000, refused: 9, spoke: 1 },
      false,
    ],
    ['of a flood in his name, not who is not there', flood(1_000_000), nothing, false],
  ];
  for (const [what, finding, handshakes, expected] of cases)
    it(`is, ${what}`, () => assert.equal(blames(finding, handshakes), expected));
});
