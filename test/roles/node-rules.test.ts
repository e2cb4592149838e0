import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { Caller, RuleRequest } from '#admin/rule-control.ts';
import { WeirError } from '#core/errors.ts';
import { l4RulesMax } from '#core/l4-rule.ts';
import { type DecisionStores, openDecisionStores } from '#state/decision-stores.ts';
import { createLog } from '#telemetry/log.ts';
import { NodeRules } from '../../src/roles/node-rules.ts';
import type { RuleSet } from '../../src/roles/shield-ipc.ts';

const here: Caller = { address: '127.0.0.1', localAddress: '127.0.0.1', localPort: 9_999 };
const afar: Caller = { address: '203.0.113.5', localAddress: '192.0.2.1', localPort: 9_999 };
const any: RuleRequest = {
  ...{ source: null, destination: null, port: null, protocol: null, action: 'drop' },
  ...{ order: null, all: false, reason: '', ttlSeconds: null },
};

describe('the rules of a node', () => {
  let directory: string;
  let stores: DecisionStores;
  let sets: RuleSet[];
  let failWith: Error | null;
  let step: 'xdp-native' | 'accept';
  let inspectModule: string | null;
  let mayChange: boolean;
  let allowed: string[];
  let degraded: string | null;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'weir-node-rules-'));
    stores = openDecisionStores(directory);
    sets = [];
    failWith = null;
    step = 'xdp-native';
    inspectModule = null;
    mayChange = true;
    allowed = [];
    degraded = null;
  });
  afterEach(() => {
    stores.close();
    rmSync(directory, { recursive: true });
  });

  const made = (interfaces: string[] = ['eth0']) =>
    new NodeRules({
      store: stores.rules,
      shield: {
        handover: {
          step,
          refused: step === 'accept' ? [{ step: 'xdp-native', reason: 'it needs CAP_BPF' }] : [],
          interfaces: interfaces.map((name, index) => ({ name, index, link: 0 })),
          descriptors: {},
          objectSha256: null,
          nft: null,
        },
        changeRules: async (set) => {
          if (failWith !== null) throw failWith;
          sets.push(set);
          return step !== 'accept';
        },
        counters: async () => null,
      },
      allowed: () => allowed,
      inspectModule: () => inspectModule,
      checkMayChange: () => {
        if (!mayChange) throw new WeirError('SHUTTING_DOWN', 'an upgrade is under way');
      },
      setDegraded: (_part, reason) => {
        degraded = reason;
      },
      log: createLog('silent', 'test'),
    });

  it('are kept in their order, go to the kernel whole, and never give a number twice', async () => {
    const rules = made();
    const first = await rules.add({ ...any, port: '80' }, here);
    const second = await rules.add({ ...any, port: '81', order: 1 }, here);
    assert.deepEqual([first.id, second.id, second.version, second.kernel], [1, 2, 2, true]);
    assert.deepEqual(
      sets.at(-1)?.rules.map(({ id }) => id),
      [2, 1],
    );
    await rules.delete(2, here);
    assert.equal((await rules.add({ ...any, port: '82' }, here)).id, 3);
    assert.deepEqual(
      made().set.rules.map(({ id }) => id),
      [1, 3],
    );
    assert.deepEqual([(await rules.clear()).count, made().set.version], [0, 5]);
  });

  it('are kept where no packet program runs, and said not to be in force', async () => {
    step = 'accept';
    const answer = await made().add({ ...any, port: '80' }, here);
    assert.equal(answer.kernel, false);
    assert.match(answer.problem ?? '', /on step accept: it needs CAP_BPF/);
    const list = await made().list();
    assert.deepEqual([list.kernel, list.entries.length], [false, 1]);
    assert.match(list.problem ?? '', /it needs CAP_BPF/);
  });

  it('are as before when the kernel does not take them', async () => {
    const rules = made();
    await rules.add({ ...any, port: '80' }, here);
    failWith = new WeirError('SHIELD_FAILED', 'ENOMEM');
    await assert.rejects(rules.add({ ...any, port: '81' }, here), { code: 'SHIELD_FAILED' });
    assert.deepEqual([rules.set.version, rules.set.rules.length], [1, 1]);
    assert.deepEqual(made().set, rules.set);
  });

  it('are not changed while another process takes over', async () => {
    mayChange = false;
    await assert.rejects(made().add({ ...any, port: '80' }, here), { code: 'SHUTTING_DOWN' });
    assert.equal(stores.rules.load().version, 0);
  });

  const refusals: readonly [string, Partial<RuleRequest>, string, RegExp][] = [
    ['drops everything', {}, 'RULE_REFUSED', /--all/],
    ['drops all of a family', { source: '0.0.0.0/0' }, 'RULE_REFUSED', /--all/],
    ['drops every port', { port: '1-65535' }, 'RULE_REFUSED', /--all/],
    ['says all and names some', { all: true, port: '80' }, 'RULE_INVALID', /leave out/],
    [
      'inspects without a module',
      { port: '80', action: 'inspect' },
      'RULE_REFUSED',
      /kernel\.inspect/,
    ],
    ['is there already', { port: '22', action: 'drop' }, 'RULE_REFUSED', /weir rule delete 1/],
    ['stands behind the end', { port: '80', order: 3 }, 'RULE_INVALID', /write 1 to 2/],
    ['cannot be', { port: '80', protocol: 'icmp' }, 'RULE_INVALID', /no ports/],
  ];
  for (const [what, change, code, says] of refusals)
    it(`refuse one that ${what}`, async () => {
      const rules = made();
      await rules.add({ ...any, port: '22', action: 'pass' }, here);
      await assert.rejects(rules.add({ ...any, ...change }, here), { code, message: says });
      assert.equal(rules.set.version, 1);
    });

  it('drop everything where that is said, and inspect where there is a module', async () => {
    inspectModule = 'protocol';
    const rules = made();
    await rules.add({ ...any, port: '80', action: 'inspect' }, here);
    await rules.add({ ...any, all: true }, here);
    assert.equal(rules.set.rules.length, 2);
    assert.equal(degraded, null);
    inspectModule = null;
    await made().delete(2, here);
    assert.match(
      degraded ?? '',
      /nobody looks at the packets of rule 1, which pass: kernel.inspect names no module;/,
    );
    await made().clear();
    assert.equal(degraded, null);
  });

  it('are no more than there can be', async () => {
    const rules = made();
    for (let port = 1; port <= l4RulesMax; port++)
      await rules.add({ ...any, port: `${port}` }, here);
    await assert.rejects(rules.add({ ...any, port: '9000' }, here), { code: 'RULES_FULL' });
  });

  it('do not cut off who makes them from afar, and say what lets him in', async () => {
    const rules = made();
    const drop = { ...any, source: '203.0.113.0/24' };
    await assert.rejects(rules.add(drop, afar), {
      code: 'RULE_REFUSED',
      message: /weir rule add --src 203\.0\.113\.5 --port 9999 --proto tcp --action pass --order 1/,
    });
    const pass = await rules.add(
      { ...any, source: '203.0.113.5', port: '9999', protocol: 'tcp', action: 'pass' },
      afar,
    );
    await rules.add(drop, afar);
    await assert.rejects(rules.delete(pass.id, afar), { code: 'RULE_REFUSED' });
    await rules.delete(pass.id, here);
  });

  it('may name who cannot be cut off: another port, an allowed address, the machine itself', async () => {
    const rules = made();
    await rules.add({ ...any, source: '203.0.113.0/24', port: '443' }, afar);
    allowed = ['203.0.113.0/28'];
    await rules.add({ ...any, source: '203.0.113.0/24' }, afar);
    await rules.add({ ...any, all: true }, here);
    await made(['lo']).clear();
    await assert.rejects(made(['lo']).add({ ...any, all: true }, here), { code: 'RULE_REFUSED' });
  });

  it('end with their time', async () => {
    const rules = made();
    const { expiresAt } = await rules.add({ ...any, port: '80', ttlSeconds: 1 }, here);
    await rules.expire();
    assert.equal(rules.set.rules.length, 1);
    while (Date.now() < Date.parse(expiresAt ?? ''))
      await new Promise((done) => setTimeout(done, 50));
    await rules.expire();
    assert.deepEqual([rules.set.rules.length, sets.at(-1)?.rules.length], [0, 0]);
  });

  it('that is not there cannot be deleted', async () => {
    await assert.rejects(made().delete(7, here), { code: 'RULE_UNKNOWN' });
  });
});
