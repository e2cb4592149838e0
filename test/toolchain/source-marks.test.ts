import assert from 'node:assert/strict';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { buildRuleSetApart } from '#toolchain/build-rule-set-apart.ts';
import { areUnchanged, markOf } from '#toolchain/source-marks.ts';

const folder = mkdtempSync(join(tmpdir(), 'weir-marks-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const changes: Readonly<Record<string, (path: string) => void>> = {
  'a file that is written': (path) => writeFileSync(path, 'other'),
  'a file of the same length in its place': (path) => {
    writeFileSync(`${path}.new`, 'b');
    renameSync(`${path}.new`, path);
  },
  'a file that is taken away': (path) => rmSync(path),
};

for (const [name, change] of Object.entries(changes))
  test(`${name} is not as it was`, () => {
    const path = join(folder, 'one');
    writeFileSync(path, 'a');
    const marks = [markOf(path)];
    assert.ok(areUnchanged(marks));
    change(path);
    assert.ok(!areUnchanged(marks));
  });

test('a name that comes into a folder, and a file that was not there, change what was read', () => {
  const marks = [markOf(folder), markOf(join(folder, 'later'))];
  assert.ok(areUnchanged(marks));
  writeFileSync(join(folder, 'later'), '');
  assert.deepEqual(
    marks.map((mark) => areUnchanged([mark])),
    [false, false],
  );
});

test('a rule set is read again when its file or a list of it has changed, and only then', async () => {
  const rules = mkdtempSync(join(folder, 'rules-'));
  const write = (name: string, text: string): void => writeFileSync(join(rules, name), text);
  write('list.data', 'one\n');
  write('a.conf', 'SecRule ARGS "@pmFromFile list.data" "id:1,phase:2,deny"\n');
  const request = {
    name: 'own',
    paths: [rules],
    paranoia: null,
    inboundThreshold: null,
    outboundThreshold: null,
    setup: {},
    exclusions: [],
    keepsRuleEngine: false,
  };
  const stages: string[] = [];
  const build = async (): Promise<string> => {
    stages.length = 0;
    return (await buildRuleSetApart(request, null, (stage) => stages.push(stage))).sha256;
  };
  const first = await build();
  assert.notEqual(stages.length, 0);
  assert.equal(await build(), first);
  assert.equal(stages.length, 0, 'nothing is read');
  write('list.data', 'two\n');
  const second = await build();
  assert.notEqual(second, first);
  write('b.conf', 'SecRule ARGS "@contains x" "id:2,phase:2,deny"\n');
  assert.notEqual(await build(), second);
});
