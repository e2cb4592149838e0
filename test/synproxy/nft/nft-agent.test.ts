import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { type Duplex, duplexPair } from 'node:stream';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { L4Rule } from '../../../src/core/l4-rule.ts';
import { NftAgent } from '../../../src/synproxy/nft/nft-agent.ts';
import {
  type NftCounts,
  type NftEntry,
  type NftReport,
  parseNftReport,
} from '../../../src/synproxy/nft/nft-message.ts';
import { NetworkNamespace, needsNamespace } from '../../support/loopback-namespace.ts';

const port = 8_080;
const table = 'weir-test';
const peerProgram = fileURLToPath(new URL('../../support/namespace-peer.ts', import.meta.url));
const addresses = ['192.0.2.1', '198.51.100.1', '198.51.100.2', '2001:db8::1', '2001:db8:5::1'];

/** A namespace with a peer and an agent in it. */
class Scene {
  readonly namespace = new NetworkNamespace(addresses);
  readonly node: Duplex;
  readonly ended: Promise<void>;
  readonly #reports: AsyncIterator<string>;
  readonly #peer: ChildProcess;
  readonly #answers: AsyncIterator<string>;
  #sequence = 0;

  constructor() {
    const [node, agent] = duplexPair();
    this.node = node;
    this.ended = new NftAgent(agent, {
      command: ['ip', 'netns', 'exec', this.namespace.name, 'nft'],
      batchMs: 5,
    }).run();
    this.ended.catch(() => {});
    this.#reports = createInterface({ input: node })[Symbol.asyncIterator]();
    this.#peer = this.namespace.start(process.execPath, [peerProgram, String(port)]);
    assert.ok(this.#peer.stdout !== null);
    this.#answers = createInterface({ input: this.#peer.stdout })[Symbol.asyncIterator]();
  }

  async open(): Promise<void> {
    this.say({ kind: 'open', table, interfaces: [] });
    assert.deepEqual(await this.report(), { kind: 'ready' });
    assert.equal((await this.#answers.next()).value, 'ready');
  }

  say(order: unknown): void {
    this.node.write(`${JSON.stringify(order)}\n`);
  }

  async report(): Promise<NftReport | null> {
    return parseNftReport(String((await this.#reports.next()).value));
  }

  async change(
    add: readonly Partial<NftEntry>[],
    remove: readonly string[] = [],
    more: { readonly removeAllowed?: readonly string[]; readonly replaces?: boolean } = {},
  ): Promise<void> {
    this.say({
      kind: 'change',
      sequence: ++this.#sequence,
      replaces: more.replaces ?? false,
      add: add.map((entry) => ({ action: 'drop', ttlMs: null, ...entry })),
      remove,
      removeAllowed: more.removeAllowed ?? [],
    });
    assert.deepEqual(await this.report(), { kind: 'applied', sequence: this.#sequence });
  }

  async counts(): Promise<NftCounts> {
    this.say({ kind: 'count', sequence: ++this.#sequence, targets: [] });
    const report = await this.report();
    assert(report?.kind === 'counts');
    return report;
  }

  async rules(rules: readonly L4Rule[]): Promise<void> {
    this.say({ kind: 'rules', sequence: ++this.#sequence, rules });
    assert.deepEqual(await this.report(), { kind: 'applied', sequence: this.#sequence });
  }

  /** What becomes of a connection from this address. */
  async from(address: string, to = port): Promise<string> {
    const target = address.includes(':') ? '2001:db8::1' : '192.0.2.1';
    this.#peer.stdin?.write(`${address} ${target} ${to}\n`);
    return String((await this.#answers.next()).value);
  }

  listing(): string {
    return this.namespace.run('nft', ['list', 'ruleset']);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.node.end();
    await this.ended.catch(() => {});
    this.#peer.stdin?.end();
    await once(this.#peer, 'close');
    this.namespace[Symbol.dispose]();
  }
}

async function scene(): Promise<Scene> {
  const made = new Scene();
  await made.open();
  return made;
}

const any = { source: null, destination: null, port: null, protocol: null } as const;

describe('nftables agent', { skip: needsNamespace('nft') }, () => {
  const families = [
    { good: '198.51.100.2', bad: '198.51.100.1', range: '198.51.100.0/24' },
    { good: '2001:db8::1', bad: '2001:db8:5::1', range: '2001:db8:5::/48' },
  ];
  for (const { good, bad, range } of families) {
    it(`drops packets of ${bad} and of ${range}, and lets them in again`, async () => {
      await using it = await scene();
      assert.equal(await it.from(bad), 'open');
      await it.change([{ target: bad }]);
      assert.equal(await it.from(bad), 'unanswered');
      assert.equal(await it.from(good), 'open');
      await it.change([{ target: range }], [bad]);
      assert.equal(await it.from(bad), 'unanswered');
      // A narrower one inside is left out, and comes back when the wider one goes.
      const narrow = range.includes(':') ? '2001:db8:5::/64' : '198.51.100.0/31';
      await it.change([{ target: narrow }]);
      await it.change([], [range]);
      assert.equal(await it.from(bad), 'unanswered');
      await it.change([{ target: range }]);
      await it.change([], [range]);
      assert.equal(await it.from(bad), 'unanswered');
      await it.change([], [narrow, narrow, '203.0.113.77']);
      assert.equal(await it.from(bad), 'open');
      assert.match(it.listing(), /counter drop_prefix \{\s+packets [1-9]/);
    });
  }

  it('lets in who is allowed, whatever else is said of them', async () => {
    await using it = await scene();
    await it.change([
      { target: '198.51.100.1' },
      { target: '198.51.0.0/16' },
      { target: '198.51.100.0/30', action: 'allow' },
    ]);
    assert.equal(await it.from('198.51.100.1'), 'open');
    await it.change([], [], { removeAllowed: ['198.51.100.0/30'] });
    assert.equal(await it.from('198.51.100.1'), 'unanswered');
  });

  it('counts who is monitored, and lets them on', async () => {
    await using it = await scene();
    await it.change([{ target: '198.51.100.1', action: 'monitor' }]);
    assert.equal(await it.from('198.51.100.1'), 'open');
    assert.match(it.listing(), /counter monitored \{\s+packets [1-9]/);
    // From one to the other: there is one entry of a target.
    await it.change([{ target: '198.51.100.1' }]);
    assert.equal(await it.from('198.51.100.1'), 'unanswered');
  });

  it('lets an entry run out by itself, and one that is renewed live on', async () => {
    await using it = await scene();
    const entries = ['198.51.100.1', '198.51.100.2/31', '2001:db8:5::/48'];
    await it.change(entries.map((target) => ({ target, ttlMs: 1_000 })));
    await it.change([
      { target: '198.51.100.1', ttlMs: 60_000 },
      { target: '2001:db8:5::/48', ttlMs: 60_000 },
    ]);
    while (it.listing().includes('198.51.100.2')) await new Promise((r) => setTimeout(r, 50));
    assert.equal(await it.from('198.51.100.2'), 'open');
    assert.equal(await it.from('198.51.100.1'), 'unanswered');
    assert.equal(await it.from('2001:db8:5::1'), 'unanswered');
    // What has run out may still be taken out.
    await it.change([], entries);
    assert.equal(await it.from('198.51.100.1'), 'open');
  });

  it('puts one list in the place of another', async () => {
    await using it = await scene();
    await it.change([{ target: '198.51.100.1' }, { target: '2001:db8:5::/48' }]);
    await it.change([{ target: '198.51.100.2' }], [], { replaces: true });
    assert.equal(await it.from('198.51.100.1'), 'open');
    assert.equal(await it.from('2001:db8:5::1'), 'open');
    assert.equal(await it.from('198.51.100.2'), 'unanswered');
    for (const wider of ['198.51.100.0/30', '198.51.100.0/24', '198.51.100.0/28']) {
      await it.change([{ target: wider }], [], { replaces: true });
      assert.equal(await it.from('198.51.100.1'), 'unanswered');
    }
  });

  it('has the rules in their order, by address, port and protocol', async () => {
    await using it = await scene();
    const drop = { ...any, id: 2, protocol: 6, action: 'drop' } as const;
    await it.rules([
      { ...any, id: 1, source: '198.51.100.2', action: 'pass' },
      { ...drop, source: '198.51.100.0/24', port: { first: 8_000, last: 8_100 } },
      {
        ...drop,
        id: 3,
        source: '2001:db8:5::/48',
        protocol: null,
        port: { first: 8_080, last: 8_080 },
      },
    ]);
    assert.equal(await it.from('198.51.100.1'), 'unanswered');
    assert.equal(await it.from('198.51.100.1', 7_999), 'ECONNREFUSED');
    assert.equal(await it.from('198.51.100.2'), 'open');
    assert.equal(await it.from('2001:db8:5::1'), 'unanswered');
    assert.match(
      it.listing(),
      /counter name "rule-2" counter name "drop_rule" drop comment "rule 2"/,
    );
    await it.rules([]);
    assert.equal(await it.from('198.51.100.1'), 'open');
  });

  it('goes on counting for a rule whose neighbours come, go and change places', async () => {
    await using it = await scene();
    const drop = { ...any, id: 7, source: '198.51.100.1', action: 'drop' } as const;
    const other = { ...any, id: 8, source: '198.51.100.2', action: 'pass' } as const;
    await it.rules([drop, other]);
    assert.equal(await it.from('198.51.100.1'), 'unanswered');
    assert.equal(await it.from('198.51.100.2'), 'open');
    const first = await it.counts();
    const dropped = first.rules?.['7']?.packets ?? 0;
    assert(dropped > 0 && (first.rules?.['8']?.packets ?? 0) > 0);
    assert.equal(first.verdicts.drop_rule?.packets, dropped);
    await it.rules([{ ...other, id: 9 }, drop]);
    assert.equal(await it.from('198.51.100.1'), 'unanswered');
    const second = await it.counts();
    assert((second.rules?.['7']?.packets ?? 0) > dropped);
    assert.equal(second.rules?.['9']?.packets, 0);
    assert(!('8' in (second.rules ?? {})), 'one that is gone has no counter');
  });

  it('takes its table away when the channel ends, and nothing else', async () => {
    await using it = await scene();
    it.namespace.run('nft', ['add', 'table', 'inet', 'other']);
    await it.change([{ target: '198.51.100.1' }]);
    it.node.end();
    await it.ended;
    assert.equal(it.listing().trim(), 'table inet other {\n}');
    assert.equal(await it.from('198.51.100.1'), 'open');
  });

  it('takes the place of a table that was left behind', async () => {
    await using it = await scene();
    await it.change([{ target: '198.51.100.1' }]);
    const [node, agent] = duplexPair();
    const second = new NftAgent(agent, {
      command: ['ip', 'netns', 'exec', it.namespace.name, 'nft'],
    });
    const ended = second.run();
    node.write(`${JSON.stringify({ kind: 'open', table, interfaces: [] })}\n`);
    const [first] = (await once(node, 'data')) as [Buffer];
    assert.deepEqual(parseNftReport(first.toString().trim()), { kind: 'ready' });
    assert.equal(await it.from('198.51.100.1'), 'open');
    node.end();
    await ended;
  });

  it('says what nft says when it fails', async () => {
    const [node, agent] = duplexPair();
    const ended = new NftAgent(agent, { command: ['false'] }).run();
    node.write(`${JSON.stringify({ kind: 'open', table, interfaces: [] })}\n`);
    const [first] = (await once(node, 'data')) as [Buffer];
    assert.match(first.toString(), /"failed","sequence":0,"reason":"nft ended with 1"/);
    node.end();
    await ended;
  });
});

describe('channel of the agent', () => {
  for (const line of [
    '{"kind":"run"}',
    '{"kind":"rules","sequence":1,"rules":[]}',
    'x'.repeat(1_100_000),
  ]) {
    it(`ends at ${line.slice(0, 40)}`, async () => {
      const [node, agent] = duplexPair();
      node.on('error', () => {});
      const ended = new NftAgent(agent, { command: ['false'] }).run();
      node.write(`${line}\n`);
      await assert.rejects(ended, /no order/);
    });
  }
});
