/** A signed list of members that goes from one to the other: which one is believed, which is not, and why. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { readTrust, type Trust } from '#decisions/trust.ts';
import type { BusAnswer } from '#fleet/bus.ts';
import type { Handler } from '#fleet/bus-queue.ts';
import { writeFleetFiles } from '#fleet/fleet-files.ts';
import { addMember, removeMember } from '#fleet/fleet-folder.ts';
import { encodeMessage, parseMessage } from '#fleet/messages.ts';
import { believedTrust, RosterSync } from '#fleet/roster-sync.ts';
import { createLog } from '#telemetry/log.ts';
import { until } from '../support/until.ts';

const root = mkdtempSync(join(tmpdir(), 'weir-roster-'));
const text = (name: string) => readFileSync(join(root, name), 'utf8');
const edge = (id: string) => ({ id, role: 'node' as const, region: null, tags: [], servers: null });
/** Trust files by version, of one fleet. */
const versions: string[] = [];

/** Members that hear each other at once. */
class Hub {
  readonly #handlers = new Map<string, Set<Handler>>();
  readonly published: string[] = [];

  bus() {
    return {
      state: 'connected' as const,
      publish: (subject: string, bytes: Uint8Array) => {
        this.published.push(subject);
        this.#tell(subject, bytes, null);
      },
      subscribe: (subject: string, handler: Handler) => {
        const known = this.#handlers.get(subject) ?? new Set();
        this.#handlers.set(subject, known.add(handler));
        return { close: () => {} };
      },
      onEvent: (listener: (event: 'connected') => void) => listener('connected'),
      request: (subject: string, bytes: Uint8Array): Promise<BusAnswer> =>
        new Promise((resolve) => {
          const reply = `answer ${Math.random()}`;
          this.#handlers.set(
            reply,
            new Set<Handler>([
              (answer) => resolve({ bytes: answer.bytes, status: 0, header: () => null }),
            ]),
          );
          this.#tell(subject, bytes, reply);
        }),
      respond: (reply: string, bytes: Uint8Array) => this.#tell(reply, bytes, null),
    };
  }

  /** What a member that is none of ours says. */
  say(subject: string, bytes: Uint8Array): void {
    this.#tell(subject, bytes, null);
  }

  #tell(subject: string, bytes: Uint8Array, reply: string | null): void {
    const [, fleet = '', kind = '', , last = ''] = subject.split('.');
    for (const name of new Set([subject, `weir.${fleet}.${kind}.*.${last}`]))
      for (const handler of this.#handlers.get(name) ?? []) handler({ subject, bytes, reply });
  }
}

function member(hub: Hub, self: string, file: string) {
  const directory = mkdtempSync(join(root, `${self}-`));
  const degraded = new Map<string, string>();
  const gone: string[] = [];
  const trust: Trust = believedTrust(file, directory);
  const sync = new RosterSync({
    ...{ fleet: 'f', self, trust, directory, bus: hub.bus() },
    adopted: async (issuers) => void gone.push(...issuers),
    setDegraded: (part, reason) =>
      void (reason === null ? degraded.delete(part) : degraded.set(part, reason)),
    logger: createLog('silent', 'test'),
  });
  sync.start();
  return { sync, trust, directory, degraded, gone };
}

describe('a signed list of members', () => {
  before(async () => {
    const nats = { host: '127.0.0.1', port: 4222 };
    for (const folder of ['fleet', 'other'])
      await writeFleetFiles(join(root, folder), {
        ...{ fleet: 'f', nodes: ['a', 'b'], orchestrators: ['o'], nats },
      });
    versions.push(text('fleet/trust.json'));
    writeFileSync(join(root, 'first.json'), versions[0] ?? '');
    await addMember(join(root, 'fleet'), edge('c'));
    versions.push(text('fleet/trust.json'));
    await removeMember(join(root, 'fleet'), 'b', new Date().toISOString());
    versions.push(text('fleet/trust.json'));
  });
  after(() => rmSync(root, { recursive: true, force: true }));
  const first = () => join(root, 'first.json');
  const newest = () => join(root, 'fleet/trust.json');

  it('is taken from a member nobody knows yet, kept, and handed on', async () => {
    const hub = new Hub();
    const a = member(hub, 'a', first());
    const o = member(hub, 'o', first());
    const c = member(hub, 'c', newest());
    await until('known', () => a.sync.version === 3 && o.sync.version === 3);
    assert.deepEqual([a.gone, o.gone, c.gone], [['b'], ['b'], []]);
    assert.equal(a.trust.member('b'), null);
    assert.notEqual(a.trust.member('c'), null);
    // After a start with the file of the configuration it is believed still.
    assert.equal(believedTrust(first(), a.directory).roster?.version, 3);
    await until('heard', () => o.sync.heard.get('a') === 3 && o.sync.heard.get('c') === 3);
    await Promise.all([a, o, c].map(({ sync }) => sync.close()));
  });

  it('makes one that starts late say what it has not', async () => {
    const hub = new Hub();
    const a = member(hub, 'a', newest());
    const late = member(hub, 'o', first());
    await until('learnt', () => late.sync.version === 3);
    await Promise.all([a.sync.close(), late.sync.close()]);
  });

  it('tells a member that it was taken out', async () => {
    const hub = new Hub();
    const b = member(hub, 'b', first());
    assert.equal(b.degraded.get('fleet membership'), undefined);
    await b.sync.offer(versions[2] ?? '');
    assert.match(b.degraded.get('fleet membership') ?? '', /taken out of the fleet \(version 3\)/);
    await b.sync.close();
  });

  const refusals: readonly (readonly [what: string, offered: () => string, says: RegExp])[] = [
    ['an older one', () => versions[0] ?? '', /is version 1, and version 2 is believed here/],
    ['one of another owner', () => text('other/trust.json'), /another owner has signed it/],
    [
      'one that was changed on its way',
      () => (versions[2] ?? '').replace('"orchestrator"', '"node"'),
      /is not as its owner signed it/,
    ],
    [
      'one with a higher version that nobody signed',
      () => (versions[1] ?? '').replace('"version": 2', '"version": 9'),
      /is not as its owner signed it/,
    ],
    [
      'one without a signature',
      () => {
        const { fleet, members } = JSON.parse(versions[1] ?? '') as Record<string, unknown>;
        return JSON.stringify({ fleet, members });
      },
      /nobody has signed it/,
    ],
    ['what is none', () => '{', /is not JSON/],
  ];
  for (const [what, offered, says] of refusals)
    it(`is not believed where it is ${what}`, async () => {
      const hub = new Hub();
      const a = member(hub, 'a', first());
      await a.sync.offer(versions[1] ?? '');
      await assert.rejects(a.sync.offer(offered()), says);
      assert.equal(a.sync.version, 2);
      assert.equal(readTrust(join(a.directory, 'trust.json')).roster?.version, 2);
      assert.equal(await a.sync.offer(versions[1] ?? ''), false);
      await a.sync.close();
    });

  it('is asked of a liar once in a while only, and nothing of it is believed', async () => {
    const hub = new Hub();
    const a = member(hub, 'a', first());
    let asked = 0;
    const liar = hub.bus();
    liar.subscribe('weir.f.s.x', ({ bytes, reply }) => {
      assert.equal(parseMessage('askRoster', bytes, 'a').ok, true);
      asked++;
      liar.respond(
        reply ?? '',
        Buffer.from(text('other/trust.json').replace('"version": 1', '"version": 7')),
      );
    });
    const lie = encodeMessage('roster', { v: 1, node: 'x', version: 7, sha256: '0'.repeat(16) });
    for (let times = 0; times < 50; times++) {
      hub.say('weir.f.n.x.roster', lie);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await until('refused', () => a.sync.refused.get('roster-refused') === 1);
    for (let times = 0; times < 50; times++) hub.say('weir.f.n.x.roster', lie);
    assert.deepEqual([asked, a.sync.version], [1, 1]);
    await a.sync.close();
  });

  it('is asked for where the own one is not signed', async () => {
    const { fleet, members } = JSON.parse(versions[0] ?? '') as Record<string, unknown>;
    writeFileSync(join(root, 'unsigned.json'), JSON.stringify({ fleet, members }));
    const hub = new Hub();
    const a = member(hub, 'a', join(root, 'unsigned.json'));
    const o = member(hub, 'o', newest());
    assert.match(
      a.degraded.get('fleet roster') ?? '',
      /o has a signed list .*this one is not signed/,
    );
    await assert.rejects(a.sync.offer(versions[2] ?? ''), /names no owner/);
    await Promise.all([a.sync.close(), o.sync.close()]);
  });
});
