/** Public examples from a checkout of their repository: taken to the letter, or refused by name. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { examplePath, fromCheckout, getExamples } from '../../../scripts/fetch-public-examples.ts';

const example = (guest: string, text: string) => ({
  guest,
  origin: { path: `examples/${guest}/index.ts`, commit: 'c0ffee', sha256: hashOf(text) },
});

const hashOf = (text: string): string => createHash('sha256').update(text).digest('hex');

it('of a checkout, what is as published is taken; what differs or is missing is named and not written', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'weir-examples-'));
  t.after(() => rm(folder, { recursive: true }));
  const checkout = join(folder, 'checkout');
  const taken = join(folder, 'taken');
  for (const [guest, text] of Object.entries({ altered: 'other\n', kept: 'as it was\n' })) {
    await mkdir(join(checkout, 'examples', guest), { recursive: true });
    await writeFile(join(checkout, 'examples', guest, 'index.ts'), text);
  }

  const refused = await getExamples(
    [
      example('altered', 'as it was\n'),
      example('missing', 'none\n'),
      example('kept', 'as it was\n'),
    ],
    fromCheckout(checkout),
    taken,
  );

  const [altered = '', missing = ''] = refused;
  assert.equal(refused.length, 2);
  assert.equal(
    altered,
    `${join(checkout, 'examples/altered/index.ts')}: has the hash ${hashOf('other\n')}, and ${hashOf('as it was\n')} was expected, as of commit c0ffee`,
  );
  assert.match(missing, /examples\/missing\/index\.ts: ENOENT/);
  assert.deepEqual(await readdir(taken), ['kept.ts']);
  assert.equal(await readFile(examplePath('kept', taken), 'utf8'), 'as it was\n');
});

it('of a checkout with its history, each is taken from its own commit', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'weir-examples-'));
  t.after(() => rm(folder, { recursive: true }));
  const checkout = join(folder, 'checkout');
  const taken = join(folder, 'taken');
  const git = (...args: string[]): string => execFileSync('git', args, { encoding: 'utf8' }).trim();
  git('init', '-q', checkout);
  const commits: string[] = [];
  for (const text of ['old\n', 'new\n']) {
    await writeFile(join(checkout, 'index.ts'), text);
    git('-C', checkout, 'add', '.');
    const who = ['-c', 'user.name=a', '-c', 'user.email=a@example.test'];
    git('-C', checkout, ...who, 'commit', '-qm', 'one');
    commits.push(git('-C', checkout, 'rev-parse', 'HEAD'));
  }
  const of = (guest: string, text: string, commit = '') => ({
    guest,
    origin: { path: 'index.ts', commit, sha256: hashOf(text) },
  });

  const refused = await getExamples(
    [
      of('first', 'old\n', commits[0]),
      of('second', 'new\n', commits[1]),
      of('third', '', 'c0ffee'),
    ],
    fromCheckout(checkout),
    taken,
  );

  assert.equal(await readFile(examplePath('first', taken), 'utf8'), 'old\n');
  assert.equal(await readFile(examplePath('second', taken), 'utf8'), 'new\n');
  assert.equal(refused.length, 1);
  assert.match(refused[0] ?? '', /^c0ffee:index\.ts: /);
});
