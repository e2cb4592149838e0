/** `weir module new`, `build` and `test` as an author runs them, with the shipped command. */
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { runCliProcess } from '../support/cli-process.ts';
import { mainFile, root } from '../support/edge-process.ts';

let directory: string;
const weir = (...argv: string[]) => runCliProcess(argv, { cwd: directory });

/** A copy of the folder, with its rule changed. */
async function variant(name: string, change: (source: string) => string): Promise<string> {
  await cp(join(directory, 'my-rule'), join(directory, name), { recursive: true });
  const file = join(directory, name, 'index.ts');
  await writeFile(file, change(await readFile(file, 'utf8')));
  return name;
}

/** A line in front of what the phase does. */
const inPhase = (line: string) => (source: string) =>
  source.replace(/(weir_request_head\(.*\n.*\n)/, `$1  ${line}\n`);

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'weir-module-'));
  const made = await weir('module', 'new', 'my-rule');
  assert.equal(made.exit, 0, made.stderr);
});
after(() => rm(directory, { recursive: true }));

describe('weir module new', () => {
  it('makes a folder and says what to do next', async () => {
    const made = await weir('module', 'new', 'second', '--dir', 'rules/mine');
    assert.equal(made.exit, 0, made.stderr);
    assert.match(made.stdout, /^rules\/mine\/second is a rule that builds:\n {2}index\.ts /);
    assert.match(made.stdout, /\nweir module test rules\/mine\/second\n$/);
    assert.deepEqual((await readdir(join(directory, 'rules/mine/second'))).toSorted(), [
      ...['.editor', '.gitignore', 'README.md', 'cases.json', 'index.ts', 'tsconfig.json'],
    ]);
    const source = await readFile(join(directory, 'rules/mine/second/index.ts'), 'utf8');
    assert.match(source, /'second\/method'/);
    assert.doesNotMatch(source, /my-rule/);
  });

  it('writes into no folder that holds something, and takes no odd name', async () => {
    const again = await weir('module', 'new', 'my-rule');
    assert.equal(again.exit, 1);
    assert.match(again.stderr, /my-rule holds files already/);
    const odd = await weir('module', 'new', '../My Rule');
    assert.equal(odd.exit, 2);
    assert.match(odd.stderr, /is no name for a module/);
  });

  it('gives editors the types of the SDK', () => {
    const compiler = join(root, 'node_modules/.bin/tsc');
    const run = (): string => {
      try {
        return execFileSync(compiler, ['-p', 'my-rule', '--pretty', 'false'], {
          cwd: directory,
          encoding: 'utf8',
        });
      } catch (error) {
        return (error as { readonly stdout: string }).stdout;
      }
    };
    // The SDK itself is AssemblyScript, where some things are allowed that TypeScript frowns on.
    const said = run().split('\n');
    assert.deepEqual(
      said.filter((line) => line.startsWith('my-rule/')),
      [],
    );
    assert(!said.some((line) => line.includes('TS2307')), 'every module is found');
  });
});

describe('weir module build', () => {
  it('writes the module, its source map and its cases', async () => {
    const built = await weir('module', 'build', 'my-rule');
    assert.equal(built.exit, 0, built.stderr);
    assert.match(
      built.stdout,
      /^my-rule\/build\/my-rule\.wasm: [\d,]+ bytes in \d+ ms, needs no grants\n$/,
    );
    assert.deepEqual((await readdir(join(directory, 'my-rule/build'))).toSorted(), [
      ...['my-rule.cases.json', 'my-rule.wasm', 'my-rule.wasm.map'],
    ]);
  });

  it('says which grants the module needs', async () => {
    const folder = await variant('granted', (source) =>
      inPhase("log(logInfo, 'seen');")(`import { log, logInfo } from 'weir/host';\n${source}`),
    );
    const built = await weir('module', 'build', folder, '--out', 'elsewhere.wasm', '--json');
    assert.partialDeepStrictEqual(JSON.parse(built.stdout), {
      file: 'elsewhere.wasm',
      grants: ['log'],
    });
  });

  it('shows each mistake with its place and its line', async () => {
    const folder = await variant('mistaken', inPhase("const a: i32 = 'one'; nothing();"));
    const built = await weir('module', 'build', folder);
    assert.equal(built.exit, 1);
    assert.equal(
      built.stderr,
      [
        'weir: 2 mistakes in mistaken',
        "  mistaken/index.ts:25:18: Type '~lib/string/String' is not assignable to type 'i32'.",
        "    25 |   const a: i32 = 'one'; nothing();",
        '       |                  ^^^^^',
        "  mistaken/index.ts:25:25: Cannot find name 'nothing'.",
        "    25 |   const a: i32 = 'one'; nothing();",
        '       |                         ^^^^^^^',
        '',
      ].join('\n'),
    );
    assert.deepEqual((await readdir(join(directory, folder))).includes('build'), true);
  });

  it('says which file of the SDK there is not', async () => {
    const folder = await variant('misnamed', (source) =>
      source.replace('weir/matcher', 'weir/macher'),
    );
    const built = await weir('module', 'build', folder);
    assert.equal(built.exit, 1);
    assert.match(built.stderr, /misnamed\/index\.ts:7:24: File '~lib\/weir\/macher\.ts' not found/);
  });
});

describe('weir module test', () => {
  it('runs the cases of a folder, and of a module that is built', async () => {
    for (const what of ['my-rule', 'my-rule/build/my-rule.wasm']) {
      const tested = await weir('module', 'test', what);
      assert.equal(tested.exit, 0, tested.stderr);
      assert.match(
        tested.stdout,
        /^my-rule: 4 cases, all hold; at most [\d,]+ instructions a case\n$/,
      );
    }
  });

  it('shows what does not hold', async () => {
    const folder = await variant('changed', (source) => source.replace('405,', '403,'));
    const tested = await weir('module', 'test', folder);
    assert.equal(tested.exit, 1);
    assert.match(
      tested.stdout,
      /^FAILED a method nobody uses\n {2}verdict\.status\n {4}expected {2}405\n {4}actual {4}403\n/,
    );
    assert.match(tested.stdout, /\nchanged: 4 cases, 2 do not hold; /);
  });

  for (const [what, line, place] of [
    [
      'a trap',
      'if (request.methodLength == 5) unreachable();',
      /at index\/weir_request_head \(TRAP\/index\.ts:25:\d+\)/,
    ],
    [
      'an abort',
      "if (request.methodLength == 5) throw new Error('five');",
      /failure abort: five at index\.ts:25:\d+/,
    ],
    [
      'an index',
      'if (request.methodLength == 5) return methods[7].length;',
      /\(TRAP\/index\.ts:25:\d+\)/,
    ],
    [
      'a loop',
      'while (request.methodLength == 5) methods[0] = methods[1];',
      /failure fuel: used up its fuel of 20000000 instructions in weir_request_head\n {4}at index\/weir_request_head \(TRAP\/index\.ts:25:\d+\)/,
    ],
  ] as const) {
    it(`shows the line of ${what}`, async () => {
      const folder = await variant(what.replace(/^an? /, ''), inPhase(line));
      const tested = await weir('module', 'test', folder);
      assert.equal(tested.exit, 1);
      assert.match(tested.stdout, new RegExp(place.source.replace('TRAP', folder)));
    });
  }

  it('names rules that no case has seen', async () => {
    const folder = await variant('unseen', (source) =>
      source.replace("'my-rule/method'", "request.isTls ? 'unseen/method' : 'unseen/plain'"),
    );
    const tested = await weir('module', 'test', folder, '--json');
    const { failed, rulesUnseen, cases } = JSON.parse(tested.stdout);
    assert.deepEqual([failed, rulesUnseen], [2, ['unseen/plain']]);
    assert.deepEqual(
      cases.map(({ passed }: { readonly passed: boolean }) => passed),
      [true, false, true, false],
    );
  });

  it('says where a file of cases is wrong', async () => {
    await writeFile(join(directory, 'wrong.json'), '[{"name": "a",\n "request": {"targt": "/"}}]');
    const tested = await weir('module', 'test', 'my-rule', '--cases', 'wrong.json');
    assert.equal(tested.exit, 1);
    assert.match(
      tested.stderr,
      /^weir: wrong\.json has 1 problem\n {2}wrong\.json:2:14 cases\[0\]\.request\.targt: /,
    );
  });

  it('says what is missing', async () => {
    const nothing = await weir('module', 'test', 'nowhere');
    assert.equal(nothing.exit, 1);
    assert.match(nothing.stderr, /there is no index\.ts in .*nowhere\n {2}name a folder/);
    const unbuilt = await weir('module', 'build', 'nowhere');
    assert.match(unbuilt.stderr, /there is no index\.ts in .*nowhere\n {2}name a folder/);
    const empty = await weir('module', 'test', 'my-rule', '--cases', 'none.json');
    assert.match(empty.stderr, /the cases cannot be read: .*none\.json/);
  });

  it('runs again with every change, until it is told to end', async () => {
    const folder = await variant('watched', (source) => source);
    const child = spawn(process.execPath, [mainFile, 'module', 'test', folder, '--watch'], {
      cwd: directory,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let said = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    const heard = async (pattern: RegExp): Promise<void> => {
      while (!pattern.test(said)) await once(child.stdout, 'data');
      said = '';
    };
    await heard(/all hold.*\nwaiting for changes in watched\n/);
    const file = join(directory, folder, 'index.ts');
    const source = await readFile(file, 'utf8');
    await writeFile(file, source.replace('405,', '403,'));
    await heard(/2 do not hold.*\nwaiting/);
    await writeFile(file, source.replace('405,', 'oops,'));
    await heard(/1 mistake in watched\n[\s\S]*waiting/);
    await writeFile(file, source);
    await heard(/all hold.*\nwaiting/);
    child.kill('SIGINT');
    const [exit] = await once(child, 'close');
    assert.equal(exit, 0);
  });
});

describe('weir module bench', () => {
  it('shows what a request costs beside one that does nothing', async () => {
    const benched = await weir('module', 'bench', 'my-rule', '--json');
    assert.equal(benched.exit, 0, benched.stderr);
    const { rounds, rows } = JSON.parse(benched.stdout);
    assert.equal(rounds, 20);
    assert.deepEqual(
      rows.map(({ request }: { readonly request: string }) => request),
      ['bare GET', 'browser GET', 'its cases'],
    );
    for (const { baseline, module, fuel } of rows) {
      assert(fuel > 10 && fuel < 10_000, String(fuel));
      for (const { fastest, median, slowest } of [baseline, module])
        assert(0 < fastest && fastest <= median && median <= slowest);
    }
  });

  it('measures no module that fails', async () => {
    const folder = await variant('failing', inPhase('unreachable();'));
    const benched = await weir('module', 'bench', folder);
    assert.equal(benched.exit, 1);
    assert.match(benched.stderr, /^weir: it fails: trap: unreachable/);
  });
});
