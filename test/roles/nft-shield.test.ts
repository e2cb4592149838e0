/** The node's side of nftables: what is refused is said again, whole, until it is taken; and what an upgrade gives back. */
import assert from 'node:assert/strict';
import { closeSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { L4Rule } from '#core/l4-rule.ts';
import type { KernelItem } from '#roles/ipc.ts';
import { NftShield } from '#roles/nft-shield.ts';
import { socketPair } from '#roles/privileges.ts';
import type { RuleSet } from '#roles/shield-ipc.ts';
import { NftAgent } from '#synproxy/nft/nft-agent.ts';
import { createLog } from '#telemetry/log.ts';
import { until } from '../support/until.ts';

const table = 'weir-test';
const sizes = { ipv4Addresses: 0, ipv6Addresses: 0, ipv4Ranges: 0, ipv6Ranges: 0 };
const rule: L4Rule = {
  id: 1,
  source: '192.0.2.0/24',
  destination: null,
  port: null,
  protocol: null,
  action: 'drop',
};

/** An agent whose nft is a script: it keeps what it is told, and refuses while a file says so. */
class Scene implements AsyncDisposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'weir-nft-'));
  readonly degraded = new Map<string, string | null>();
  readonly blocks = new Map<string, KernelItem>();
  rules: RuleSet = { version: 1, rules: [] };
  readonly #channel: number;
  readonly #agent: Promise<void>;
  readonly #refuses = join(this.folder, 'refuses');
  readonly #kept = join(this.folder, 'kept');

  constructor() {
    const script = join(this.folder, 'nft.sh');
    writeFileSync(
      script,
      `text=$(cat); [ -e ${this.#refuses} ] && { echo x >> ${this.#refuses}; echo "no room" >&2; exit 1; }; printf '%s\\n' "$text" >> ${this.#kept}\n`,
    );
    const [ours, theirs] = socketPair();
    this.#channel = ours;
    const channel = new Socket({ fd: theirs, readable: true, writable: true });
    channel.on('error', () => {});
    this.#agent = new NftAgent(channel, { command: ['sh', script], batchMs: 1 }).run();
    this.#agent.catch(() => {});
  }

  /** As one process has it; `allowed` and `rulesVersion` are those another one left. */
  start(left: { allowed: readonly string[] | null; rulesVersion?: number | null }) {
    return NftShield.start({
      nft: { channel: this.#channel, pid: process.pid, table, ...left },
      handover: {
        step: 'nftables',
        refused: [],
        interfaces: [{ name: 'eth0', index: 2, link: null }],
        descriptors: {},
        objectSha256: null,
      },
      log: createLog('fatal', 'test'),
      allowed: ['203.0.113.0/24'],
      blocks: () => [...this.blocks.values()],
      rules: () => this.rules,
      counts: () => sizes,
      setDegraded: (part, reason) => this.degraded.set(part, reason),
    });
  }

  block(target: string): KernelItem {
    const item = { target, expiresAtMs: null };
    this.blocks.set(target, item);
    return item;
  }

  refuse(on: boolean): void {
    if (on) writeFileSync(this.#refuses, '');
    else rmSync(this.#refuses);
  }

  /** How often nft has refused since it does. */
  get refused(): number {
    return existsSync(this.#refuses)
      ? readFileSync(this.#refuses, 'utf8').split('x').length - 1
      : 0;
  }

  /** What nft took since the last look, a line for each transaction. */
  taken(): readonly string[] {
    if (!existsSync(this.#kept)) return [];
    const lines = readFileSync(this.#kept, 'utf8').trim().split('\n');
    rmSync(this.#kept);
    return lines;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    closeSync(this.#channel);
    await this.#agent;
    rmSync(this.folder, { recursive: true, force: true });
  }
}

const leftBy = ({ handover }: NftShield) => ({
  allowed: handover?.allowed ?? null,
  rulesVersion: handover?.rulesVersion ?? null,
});

const shieldPart = 'kernel shield';

describe('the nftables step of a node', () => {
  it('has lists and rules in the table when it has started', async () => {
    await using scene = new Scene();
    scene.block('198.51.100.1');
    scene.rules = { version: 3, rules: [rule] };
    const shield = await scene.start({ allowed: null });
    const text = scene.taken().join('\n');
    for (const word of ['198.51.100.1', '203.0.113.0', '"rule-1"'])
      assert(text.includes(word), word);
    assert.equal(shield.handover?.rulesVersion, 3);
    await shield.release();
  });

  it('says the whole list again after nft has refused a part of it, until it is taken', async () => {
    await using scene = new Scene();
    scene.rules = { version: 1, rules: [rule] };
    scene.block('198.51.100.1');
    const shield = await scene.start({ allowed: null });
    scene.taken();
    scene.refuse(true);
    await assert.rejects(shield.changeBlocks([scene.block('198.51.100.2')], []), /no room/);
    assert.match(String(scene.degraded.get(shieldPart)), /nft ended with 1: no room/);
    // What is in the table now nobody knows, so a process that took over would not trust it either.
    assert.deepEqual(leftBy(shield), { allowed: null, rulesVersion: null });
    // The first try again is refused too.
    await until('it was said again', () => scene.refused > 1);
    scene.refuse(false);
    await until('it is taken', () => scene.degraded.get(shieldPart) === null);
    const text = scene.taken().join('\n');
    for (const word of ['flush', '198.51.100.1', '198.51.100.2', '203.0.113.0', '"rule-1"'])
      assert(text.includes(word), word);
    assert.deepEqual(leftBy(shield), { allowed: ['203.0.113.0/24'], rulesVersion: 1 });
    await shield.release();
  });

  it('goes back to the rules from before where nft refuses new ones', async () => {
    await using scene = new Scene();
    const shield = await scene.start({ allowed: null });
    scene.refuse(true);
    // As NodeRules does: what was refused is not what is stored.
    await assert.rejects(shield.changeRules({ version: 2, rules: [rule] }), /no room/);
    scene.taken();
    scene.refuse(false);
    await until('it is taken', () => scene.degraded.get(shieldPart) === null);
    assert(!scene.taken().join('\n').includes('rule-1'));
    assert.equal(shield.handover?.rulesVersion, 1);
    await shield.release();
  });

  it('takes up what another process left, and says nothing of it again', async () => {
    await using scene = new Scene();
    scene.rules = { version: 4, rules: [rule] };
    const first = await scene.start({ allowed: null });
    const left = first.handover;
    await first.release();
    scene.taken();
    const second = await scene.start({
      allowed: left?.allowed ?? null,
      rulesVersion: left?.rulesVersion ?? null,
    });
    assert.deepEqual(scene.taken(), []);
    assert.equal(await second.changeRules({ version: 5, rules: [] }), true);
    assert.equal(scene.taken().length, 1);
    await second.release();
  });

  it('says the rules to a table of a process that said none', async () => {
    await using scene = new Scene();
    const first = await scene.start({ allowed: null });
    await first.release();
    scene.taken();
    scene.rules = { version: 1, rules: [rule] };
    const second = await scene.start({ allowed: ['203.0.113.0/24'] });
    assert.match(scene.taken().join('\n'), /"rule-1"/);
    await second.release();
  });

  it('says everything again where a successor did not get there', async () => {
    await using scene = new Scene();
    scene.block('198.51.100.1');
    const shield = await scene.start({ allowed: null });
    await shield.release();
    assert.equal(await shield.changeBlocks([scene.block('198.51.100.9')], []), false);
    scene.taken();
    await shield.takeBack();
    const text = scene.taken().join('\n');
    for (const word of ['flush', '198.51.100.1', '198.51.100.9', '203.0.113.0'])
      assert(text.includes(word), word);
    assert.equal(await shield.changeBlocks([scene.block('198.51.100.10')], []), true);
    await shield.release();
  });

  it('goes on trying where nft refuses what it says on coming back', async () => {
    await using scene = new Scene();
    const shield = await scene.start({ allowed: null });
    await shield.release();
    scene.refuse(true);
    scene.degraded.clear();
    await shield.takeBack();
    scene.block('198.51.100.1');
    scene.refuse(false);
    await until('it is taken', () => scene.degraded.get(shieldPart) === null);
    assert.match(scene.taken().join('\n'), /198\.51\.100\.1/);
    await shield.release();
  });
});
