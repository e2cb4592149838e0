/** The folder of a fleet as its members come and go: what is written, what stays, what is refused before anything is. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, beforeEach, describe, it } from 'node:test';
import { parseTrust } from '#decisions/trust.ts';
import { writeFleetFiles } from '#fleet/fleet-files.ts';
import { addMember, readSignedTrust, removeMember, updateFolder } from '#fleet/fleet-folder.ts';
import { needsNats } from '../support/nats-server.ts';

const root = mkdtempSync(join(tmpdir(), 'weir-folder-'));
let folder = '';
let count = 0;

const text = (name: string): string => readFileSync(join(folder, name), 'utf8');
const edge = (id: string) => ({ id, role: 'node' as const, region: null, tags: [], servers: null });
const trust = () => parseTrust(text('trust.json'), 'trust.json');
const history = () =>
  (JSON.parse(text('roster.json')) as { history: { change: string }[] }).history.map(
    ({ change }) => change,
  );
/** Every file and its bytes. */
const everything = (): string =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .toSorted()
    .map((name) => {
      const path = join(folder, name);
      return statSync(path).isDirectory() ? name : `${name}\n${readFileSync(path, 'utf8')}`;
    })
    .join('\n');
/** As `weir fleet init` of an older Weir left it. */
function makeOlder(): void {
  const { members, fleet } = JSON.parse(text('trust.json')) as { fleet: string; members: object[] };
  const older = `${JSON.stringify({ fleet, members }, null, 2)}\n`;
  for (const place of ['', 'a', 'b', 'orchestrator'])
    writeFileSync(join(folder, place, 'trust.json'), older);
  rmSync(join(folder, 'roster.json'));
  rmSync(join(folder, 'owner.key'));
  const config = text('nats-server.conf').replaceAll(/^ +"weir\.f\.n\.\*\.roster"\n/gm, '');
  writeFileSync(join(folder, 'nats-server.conf'), config);
}

describe('the folder of a fleet', () => {
  after(() => rmSync(root, { recursive: true, force: true }));
  beforeEach(async () => {
    folder = join(root, String(count++));
    const nats = { host: '127.0.0.1', port: 4222 };
    await writeFleetFiles(folder, {
      fleet: 'f',
      nodes: ['a', 'b'],
      orchestrators: ['orchestrator'],
      nats,
    });
  });

  it('takes a new member, with keys of its own, and leaves the keys of the others alone', async () => {
    const keys = ['a/nats.nk', 'a/signing.key', 'owner.key'].map(text);
    const { version } = await addMember(folder, { ...edge('c'), region: 'eu', tags: ['x', 'y'] });
    assert.equal(version, 2);
    assert.deepEqual(['a/nats.nk', 'a/signing.key', 'owner.key'].map(text), keys);
    for (const file of ['c/nats.nk', 'c/signing.key', 'owner.key'])
      assert.equal(statSync(join(folder, file)).mode & 0o777, 0o600, file);
    assert.match(
      text('c/fleet.yaml'),
      /nodeId: c\n(?:.*\n)*? {2}region: "eu"\n {2}tags: \["x", "y"\]\n/,
    );
    assert.deepEqual(
      trust().members.map(({ id }) => id),
      ['a', 'b', 'orchestrator', 'c'],
    );
    for (const place of ['a', 'b', 'c', 'orchestrator'])
      assert.equal(text(`${place}/trust.json`), text('trust.json'));
    assert.match(text('nats-server.conf'), /# c, node\n/);
    assert.deepEqual(history(), ['made with a, b, orchestrator', 'added c (node, eu)']);
    assert.equal(existsSync(join(folder, 'roster.lock')), false);
  });

  it('keeps every byte of the server’s file but its users', async () => {
    const own = text('nats-server.conf')
      .replace('# tls {', 'tls {')
      .replace(
        'accounts {',
        '# users: [ {{ "} is a comment\naccounts {\n  SYS { users: [ { user: admin, password: "a]b" } ] }',
      )
      .concat('system_account: SYS\n');
    writeFileSync(join(folder, 'nats-server.conf'), own);
    await addMember(folder, edge('c'));
    await removeMember(folder, 'c', null);
    assert.equal(text('nats-server.conf'), own);
  });

  it('lets a member go in peace: its decisions are believed, the server does not let it in', async () => {
    const key = trust().member('b')?.keyId;
    const { movedTo } = await removeMember(folder, 'b', null);
    assert.equal(trust().member('b')?.keyId, key);
    assert.ok((trust().member('b')?.retiredAtMs ?? 0) <= Date.now());
    assert.deepEqual(
      trust().members.map(({ id }) => id),
      ['a', 'orchestrator'],
    );
    assert.doesNotMatch(text('nats-server.conf'), /# b, node/);
    assert.equal(movedTo, join(folder, 'removed', 'b-2'));
    assert.equal(existsSync(join(folder, 'removed', 'b-2', 'signing.key')), true);
    await assert.rejects(addMember(folder, edge('b')), /left at .*still counts/);
  });

  it('throws out one whose keys were stolen, for ever', async () => {
    const before = trust().member('b');
    const signed = text('trust.json');
    await removeMember(folder, 'b', '2026-01-31T12:00:00.000Z');
    assert.equal(trust().member('b'), null);
    assert.deepEqual(trust().roster?.stolen, [
      { id: 'b', keyId: before?.keyId, sinceMs: Date.parse('2026-01-31T12:00:00Z') },
    ]);
    // The name may come again, with other keys; the key may not.
    await addMember(folder, edge('b'));
    assert.notEqual(trust().member('b')?.keyId, before?.keyId);
    const roster = JSON.parse(text('roster.json')) as { members: { id: string; key: string }[] };
    const { key } =
      (JSON.parse(signed) as typeof roster).members.find(({ id }) => id === 'b') ?? {};
    const back = roster.members.map((one) => (one.id === 'b' ? { ...one, key } : one));
    writeFileSync(join(folder, 'roster.json'), JSON.stringify({ ...roster, members: back }));
    await assert.rejects(updateFolder(folder, false), /b has a key that stands among the stolen/);
  });

  it('brings the folder of an older Weir up to date, and shows before what will change', async () => {
    makeOlder();
    const before = everything();
    await assert.rejects(addMember(folder, edge('c')), {
      code: 'FLEET_FOLDER_INVALID',
      message: /older Weir/,
    });
    const shown = await updateFolder(folder, true);
    assert.equal(everything(), before);
    assert.equal(shown.isNewOwner, true);
    const names = ['roster.json', 'trust.json', 'nats-server.conf', 'a/trust.json', 'b/trust.json'];
    assert.deepEqual(
      shown.files.map(({ path }) => path.slice(folder.length + 1)),
      [...names, 'orchestrator/trust.json'],
    );
    const { version } = await updateFolder(folder, false);
    assert.equal(version, 1);
    assert.match(text('nats-server.conf'), /"weir\.f\.n\.\*\.roster"/);
    assert.equal(trust().roster?.version, 1);
    assert.deepEqual(history(), ['made from the files of an older Weir']);
    // It is done once.
    assert.deepEqual((await updateFolder(folder, false)).files, []);
    await addMember(folder, edge('c'));
  });

  it('ends what was cut short after the roster was written', async () => {
    const config = text('nats-server.conf');
    const signed = text('trust.json');
    await addMember(folder, edge('c'));
    writeFileSync(join(folder, 'nats-server.conf'), config);
    writeFileSync(join(folder, 'a/trust.json'), signed);
    const { files } = await updateFolder(folder, false);
    assert.deepEqual(
      files.map(({ path }) => path.slice(folder.length + 1)),
      ['nats-server.conf', 'a/trust.json'],
    );
    assert.match(text('nats-server.conf'), /# c, node\n/);
    assert.equal(text('a/trust.json'), text('trust.json'));
  });

  it('takes a change of a budget in the roster to the members', async () => {
    const roster = JSON.parse(text('roster.json')) as { members: object[] };
    const members = roster.members.map((one) => ({ ...one, budget: 77 }));
    writeFileSync(join(folder, 'roster.json'), JSON.stringify({ ...roster, members }));
    const { version } = await updateFolder(folder, false);
    assert.equal(version, 2);
    assert.equal(trust().member('a')?.budget, 77);
  });

  const refusals: readonly (readonly [
    what: string,
    spoil: () => void,
    attempt: () => Promise<unknown>,
    says: RegExp,
  ])[] = [
    ['a member that is there', () => {}, () => addMember(folder, edge('a')), /a is a member of f/],
    [
      'a folder in its place',
      () => mkdirSync(join(folder, 'c')),
      () => addMember(folder, edge('c')),
      /c exists, and keys are never written over/,
    ],
    [
      'a roster that is no JSON',
      () => writeFileSync(join(folder, 'roster.json'), '{'),
      () => addMember(folder, edge('c')),
      /roster\.json is no roster of a fleet: it is not JSON/,
    ],
    [
      'a roster of another shape',
      () => writeFileSync(join(folder, 'roster.json'), '{"format":1}'),
      () => removeMember(folder, 'b', null),
      /roster\.json is no roster/,
    ],
    [
      'a folder without its owner’s key',
      () => rmSync(join(folder, 'owner.key')),
      () => addMember(folder, edge('c')),
      /has no owner\.key, which signs what members believe/,
    ],
    [
      'an owner’s key that is none',
      () => writeFileSync(join(folder, 'owner.key'), 'x'),
      () => updateFolder(folder, false),
      /owner\.key holds no private key/,
    ],
    [
      'a server’s file without a place for users',
      () => writeFileSync(join(folder, 'nats-server.conf'), 'accounts { OTHER { users: [] } }\n'),
      () => addMember(folder, edge('c')),
      /has no list "users: \[ … \]" in an account WEIR/,
    ],
    ['nobody of that name', () => {}, () => removeMember(folder, 'x', null), /f has no member x/],
    [
      'a folder that another process changes',
      () => writeFileSync(join(folder, 'roster.lock'), '1\n'),
      () => addMember(folder, edge('c')),
      /is being changed by another process \(pid 1\)/,
    ],
    [
      'a folder of something else',
      () => {
        rmSync(folder, { recursive: true });
        mkdirSync(folder);
      },
      () => addMember(folder, edge('c')),
      /is no folder that "weir fleet init" made/,
    ],
  ];
  for (const [what, spoil, attempt, says] of refusals)
    it(`refuses ${what}, and changes nothing`, async () => {
      spoil();
      const before = everything();
      await assert.rejects(attempt(), says);
      assert.equal(everything(), before);
    });

  it('takes a lock over whose process is gone', async () => {
    const pid = Number(execFileSync('sh', ['-c', 'echo $$'], { encoding: 'utf8' }));
    writeFileSync(join(folder, 'roster.lock'), `${pid}\n`);
    assert.equal((await addMember(folder, edge('c'))).version, 2);
  });

  it('has a trust file that nobody can change by hand', async () => {
    const changed = text('trust.json').replace('"block"', '"block", "command"');
    writeFileSync(join(folder, 'trust.json'), changed);
    assert.throws(() => readSignedTrust(folder), {
      code: 'FLEET_TRUST_INVALID',
      message: /not as its owner signed it; change roster\.json/,
    });
    await updateFolder(folder, false);
    assert.doesNotThrow(() => readSignedTrust(folder));
  });

  it('is one a real server reads, whatever became of it', { skip: needsNats() }, async () => {
    const valid = () =>
      execFileSync('nats-server', ['-t', '-c', join(folder, 'nats-server.conf')], {
        stdio: 'pipe',
      });
    valid();
    await addMember(folder, edge('c'));
    await addMember(folder, { ...edge('second'), role: 'orchestrator' });
    valid();
    await removeMember(folder, 'a', null);
    await removeMember(folder, 'second', new Date().toISOString());
    valid();
  });
});
