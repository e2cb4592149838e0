/** An agent's decisions over time, played by what a real one has answered. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import type { LapiSettings } from '#config/crowdsec-schema.ts';
import { LapiClient, lapiOrigin } from '#crowdsec/lapi-client.ts';
import { ListGuard } from '#feeds/list-guard.ts';
import { createLog } from '#telemetry/log.ts';
import { playAgent } from '../support/crowdsec-agent.ts';
import { HeldLists } from '../support/held-lists.ts';

const folder = mkdtempSync(join(tmpdir(), 'weir-lapi-'));
after(() => rmSync(folder, { recursive: true }));
const key = '0123456789abcdef0123456789abcdef';
const keyFile = join(folder, 'key');
writeFileSync(keyFile, `${key}\n`);

function clientOf(url: string, more: Partial<LapiSettings> = {}) {
  const clock = { nowMs: 1_000_000 };
  const lists = new HeldLists();
  const client = new LapiClient({
    settings: {
      ...{ url, keyFile, intervalSeconds: 3_600, scopes: ['ip', 'range'], origins: [] },
      ...{ captcha: 'challenge', allowPrivate: false, entriesMax: 10, bytesMax: 100_000, ...more },
    },
    guard: new ListGuard([], false),
    lists,
    log: createLog('fatal', 'test'),
    onAsked: () => {},
    nowMs: () => clock.nowMs,
  });
  const entries = () =>
    [...lists.listOf(lapiOrigin)].map(([target, { action }]) => [target, action]).sort();
  return { client, clock, lists, entries };
}

describe('decisions of an agent', () => {
  it('are all taken at first, then what has changed, and end when they do', async () => {
    await using agent = await playAgent(key);
    const { client, clock, lists, entries } = clientOf(agent.url);
    await client.ask();
    assert.deepEqual(entries(), [
      ['2a0b:f4c0::7', 'challenge'],
      ['45.83.64.1', 'drop'],
      ['45.83.65.0/24', 'drop'],
    ]);
    const found = lists.blocks.find('45.83.64.1');
    assert.equal(found?.reason, 'cscli: ssh bruteforce');
    assert.equal(found?.expiresAtMs, Math.ceil(clock.nowMs + 14_398_857.654799));
    agent.change();
    await client.ask();
    await client.ask();
    assert.deepEqual(entries(), [
      ['2a0b:f4c0::7', 'challenge'],
      ['45.83.64.2', 'drop'],
      ['45.83.65.0/24', 'drop'],
    ]);
    clock.nowMs += 30_000;
    assert.deepEqual(lists.blocks.expire(clock.nowMs), ['45.83.64.2']);
    await client.close();
  });

  it('hold while it is away, and are all asked for when it is back', async () => {
    const agent = await playAgent(key);
    const { client, lists, entries } = clientOf(agent.url);
    await client.ask();
    await agent.close();
    assert.notEqual((await client.ask()).problem, null);
    assert.equal(entries().length, 3);
    assert.match(lists.degraded.get('crowdsec lapi') ?? '', /holds until it ends/);
    await client.close();
    assert.equal(lists.degraded.size, 0);
  });

  const refused: readonly (readonly [string, Partial<LapiSettings>, RegExp])[] = [
    ['more decisions than are taken', { entriesMax: 2 }, /more than 2/],
    ['an answer that is too long', { bytesMax: 100 }, /longer than 100 bytes/],
    ['a file without a key', { keyFile: '/dev/null' }, /holds no key/],
  ];
  for (const [why, more, reason] of refused)
    it(`change nothing with ${why}`, async () => {
      await using agent = await playAgent(key);
      const { client, lists } = clientOf(agent.url, more);
      assert.match((await client.ask()).problem ?? '', reason);
      assert.equal(lists.blocks.count, 0);
      await client.close();
    });

  it('are not had with a key it does not know, and the key is in no message', async () => {
    await using agent = await playAgent('another key');
    const { client } = clientOf(agent.url);
    const { problem } = await client.ask();
    assert.match(problem ?? '', /answered with 403/);
    assert.doesNotMatch(problem ?? '', new RegExp(key));
    await client.close();
  });

  it('of type captcha drop or do nothing where the configuration says so', async () => {
    await using agent = await playAgent(key);
    for (const [captcha, action] of [
      ['drop', 'drop'],
      ['ignore', undefined],
    ] as const) {
      const { client, lists } = clientOf(agent.url, { captcha });
      await client.ask();
      assert.equal(lists.listOf(lapiOrigin).get('2a0b:f4c0::7')?.action, action);
      await client.close();
    }
  });
});
