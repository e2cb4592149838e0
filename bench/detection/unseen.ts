/**
 * Question: what do the rules stop that they were not made with? The Core Rule Set's own tests of attacks at paranoia 1,
 * by its families; and lines of README files of dependencies, prose and code apart, each as the value of a parameter.
 *
 *     node bench/detection/unseen.ts [--misses]
 *
 * A line of code that runs a command or opens a script is an attack where it is sent as a value, and many of these lines
 * do; prose that is stopped is a false positive. `--misses` prints each test that passes and each line that is stopped.
 * Tests of what the edge refuses before any rule (920) are counted here too, so less than everything is not to be had.
 */
import { globSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { isPositive } from '#toolchain/ftw/judge.ts';
import { requestBytes } from '#toolchain/ftw/request-bytes.ts';
import { readTests } from '#toolchain/ftw/test-file.ts';
import type { Field } from '#wasm/seclang/built-request.ts';
import { coreFolder } from '../../test/support/core-rules.ts';
import type { DetectionRequest } from '../../test/support/detection-corpus.ts';
import { verdictsOf } from '../../test/support/rule-verdicts.ts';
import { missingShared, sharedFolder } from '../../test/support/shared-file.ts';

const { values } = parseArgs({ options: { misses: { type: 'boolean', default: false } } });
const missing = missingShared('crs/tests');
if (missing !== false) throw new Error(missing);
const linesMax = 30_000;
const verdicts = verdictsOf(coreFolder, 1);

ownTests();
linesOfReadmes();

function ownTests(): void {
  const levels = levelsOfRules();
  const families = new Map<string, { stopped: number; all: number }>();
  for (const test of readTests(join(sharedFolder, 'crs/tests'))) {
    const rule = Number(/\d{6}/.exec(test.name)?.[0]);
    if (levels.get(rule) !== 1) continue;
    for (const { input, output } of test.stages) {
      if (!isPositive(output)) continue;
      const isStopped = verdicts.stops(asSent(test.name, requestBytes(input)));
      const name = String(rule).slice(0, 3);
      const family = families.get(name) ?? { stopped: 0, all: 0 };
      families.set(name, {
        stopped: family.stopped + (isStopped ? 1 : 0),
        all: family.all + 1,
      });
      if (!isStopped && values.misses) print(`passes ${test.name}`);
    }
  }
  let stopped = 0;
  let all = 0;
  for (const [name, family] of [...families].toSorted()) {
    print(`tests of ${name}: ${shareOf(family.stopped, family.all)}`);
    stopped += family.stopped;
    all += family.all;
  }
  print(`tests of attacks at paranoia 1: ${shareOf(stopped, all)} stopped`);
}

function levelsOfRules(): ReadonlyMap<number, number> {
  const folder = join(sharedFolder, 'crs/rules');
  const levels = new Map<number, number>();
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.conf')))
    for (const rule of readFileSync(join(folder, file), 'utf8').split(/^SecRule|^SecAction/m)) {
      const id = /["\s]id:(\d+)/.exec(rule)?.[1];
      const level = /paranoia-level\/(\d)/.exec(rule)?.[1];
      if (id !== undefined && level !== undefined) levels.set(Number(id), Number(level));
    }
  return levels;
}

/** The bytes of a test as a parsed request; what a parser would refuse comes through as it is. */
function asSent(id: string, bytes: Buffer): DetectionRequest {
  const end = bytes.indexOf('\r\n\r\n');
  const [first = '', ...lines] = bytes.subarray(0, end).toString('latin1').split('\r\n');
  const [method = '', target = '', version = 'HTTP/1.1'] = first.split(' ');
  const fields = lines.map((line): Field => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon), line.slice(colon + 1).trim()];
  });
  const body = bytes.subarray(end + 4);
  const request = { method, target, version, fields };
  return { id, request, body: body.length === 0 ? null : body };
}

function linesOfReadmes(): void {
  const kinds = { prose: new Set<string>(), code: new Set<string>() };
  const root = join(import.meta.dirname, '../../node_modules');
  for (const file of globSync('**/*.md', { cwd: root }).toSorted()) {
    let isCode = false;
    for (const line of readFileSync(join(root, file), 'utf8').split('\n')) {
      if (/^\s*```/.test(line)) isCode = !isCode;
      else if (line.trim().length >= 12 && line.trim().length <= 400)
        kinds[isCode ? 'code' : 'prose'].add(line.trim());
    }
  }
  for (const [kind, lines] of Object.entries(kinds)) {
    const all = everyOf([...lines]);
    const stopped = all.filter((line) => verdicts.stops(asValue(line)));
    print(`lines of ${kind}: ${shareOf(stopped.length, all.length)} stopped`);
    if (values.misses) for (const line of stopped) print(`stopped ${kind} ${line}`);
  }
}

/** `linesMax` of them, evenly. */
function everyOf(lines: readonly string[]): readonly string[] {
  const step = Math.max(1, lines.length / linesMax);
  return lines.filter((_, index) => Math.floor(index / step) !== Math.floor((index - 1) / step));
}

function asValue(line: string): DetectionRequest {
  const target = `/search?q=${encodeURIComponent(line.toWellFormed())}`;
  const fields: readonly Field[] = [
    ['Host', 'shop.example.test'],
    ['User-Agent', 'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0'],
    ['Accept', 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8'],
  ];
  return { id: line, request: { method: 'GET', target, version: 'HTTP/1.1', fields }, body: null };
}

function shareOf(part: number, all: number): string {
  return `${((100 * part) / all).toFixed(2)} % (${part} of ${all})`;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
