/**
 * Question: what of known attacks do the rules stop, and what of ordinary traffic, at each paranoia level? Beside the
 * Core Rule Set on the same engine, and nginx with libmodsecurity 3 and the Core Rule Set.
 *
 *     node bench/detection/run.ts [--write] [--levels 1,2] [--misses core] [--no-peer]
 *
 * Every payload of `corpora/attacks`, `corpora/libinjection` and `corpora/benign` is a request of its own, and the recorded
 * session of a browser goes as it was. Ours runs in this process, as the edge runs it; nginx over a socket. `--write` makes
 * `docs/reference/detection.md`. All of it takes one to three minutes on two cores, nearly all of it nginx's (installed by
 * `apt install nginx-light libnginx-mod-http-modsecurity`); with `--no-peer --levels 1` it is seven seconds.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { coreFolder } from '../../test/support/core-rules.ts';
import {
  attackGroups,
  benignGroups,
  browserSession,
  type DetectionGroup,
  libinjectionGroups,
  missingDetectionCorpora,
} from '../../test/support/detection-corpus.ts';
import { verdictsOf } from '../../test/support/rule-verdicts.ts';
import { startLibmodsecurity } from './libmodsecurity.ts';

const { values } = parseArgs({
  options: {
    write: { type: 'boolean', default: false },
    levels: { type: 'string', default: '1,2,3,4' },
    misses: { type: 'string' },
    'no-peer': { type: 'boolean', default: false },
    crs: { type: 'string', default: join(import.meta.dirname, '../../../shared/crs') },
  },
});
if (missingDetectionCorpora !== false) throw new Error(missingDetectionCorpora);
const levels = values.levels.split(',').map(Number);
const groups = [...attackGroups(), ...libinjectionGroups(), ...benignGroups(), browserSession()];
const attackNames = new Set(attackGroups().map(({ name }) => name));
const benignNames = new Set(benignGroups().map(({ name }) => name));

/** How many of each group were stopped. */
type Counts = ReadonlyMap<string, number>;
type Column = { readonly title: string; readonly counts: ReadonlyMap<number, Counts> };

const candidates = [
  { title: 'core', folder: coreFolder },
  { title: 'CRS', folder: values.crs },
] as const;
const columns: Column[] = candidates.map(({ title, folder }) => ({
  title,
  counts: new Map(levels.map((level) => [level, countOwn(title, folder, level)])),
}));

const peer = values['no-peer']
  ? 'left out by --no-peer'
  : await startLibmodsecurity(values.crs, levels);
if (typeof peer !== 'string') {
  const counts = new Map<number, Counts>();
  for (const level of levels) counts.set(level, await countPeer(level));
  columns.push({ title: 'nginx + libmodsecurity, CRS', counts });
  await peer.close();
}

const page = render();
process.stdout.write(page);
if (values.write)
  writeFileSync(join(import.meta.dirname, '../../docs/reference/detection.md'), page);

function countOwn(title: string, folder: string, level: number): Counts {
  const verdicts = verdictsOf(folder, level);
  return new Map(
    groups.map(({ name, isAttack, requests }) => {
      const stopped = requests.filter((one) => {
        const isStopped = verdicts.stops(one);
        if (values.misses === title && isStopped !== isAttack)
          process.stderr.write(
            `${level} ${one.id} ${verdicts.ids().join(' ')} ${JSON.stringify(one.body?.toString() ?? decodeURIComponent(one.request.target.replace(/%(?![2-7])/g, '%25'))).slice(0, 200)}\n`,
          );
        return isStopped;
      });
      return [name, stopped.length];
    }),
  );
}

async function countPeer(level: number): Promise<Counts> {
  const counts = new Map<string, number>();
  for (const { name, requests } of groups) {
    // These are ten thousand, and it takes milliseconds for each.
    if (level !== levels[0] && name.startsWith('libinjection')) continue;
    const startedAt = performance.now();
    let stopped = 0;
    let next = 0;
    const work = async (): Promise<void> => {
      while (next < requests.length) {
        const request = requests[next++];
        if (request !== undefined && typeof peer !== 'string' && (await peer.stops(request, level)))
          stopped++;
      }
    };
    await Promise.all(Array.from({ length: 8 }, work));
    counts.set(name, stopped);
    const ms = (performance.now() - startedAt) / requests.length;
    process.stderr.write(`nginx, level ${level}, ${name}: ${ms.toFixed(1)} ms a request\n`);
  }
  return counts;
}

function sum(names: (group: DetectionGroup) => boolean, counts: Counts): string {
  const of = groups.filter(names);
  const all = of.reduce((total, { requests }) => total + requests.length, 0);
  const found = of.reduce((total, { name }) => total + (counts.get(name) ?? 0), 0);
  return rate(found, all);
}

function rate(found: number, all: number): string {
  return all === 0 ? '–' : `${((100 * found) / all).toFixed(1)} % (${found} of ${all})`;
}

function render(): string {
  const crsVersion = readFileSync(join(values.crs, 'VERSION'), 'utf8').trim().split('\n')[0] ?? '';
  const lines = [
    '# What the rules stop',
    '',
    'Made by `node bench/detection/run.ts --write`; do not edit. `core` is `builtin:core`, `CRS` the Core Rule Set',
    `(${crsVersion}) on the same engine, at each paranoia level, with thresholds as they come. ${
      typeof peer === 'string'
        ? `nginx with libmodsecurity is absent: ${peer}.`
        : `The last column is ${peer.version}, with the same CRS.`
    }`,
    '',
    'Each payload is a request of its own: the value of a parameter of a browser-like GET; XML and JSON as a body. Attacks',
    'are of PayloadsAllTheThings and fuzzdb (some lines of those lists are attacks in one place only, so 100 % is not to be',
    'had) and of libinjection; ordinary text is generated, of documentation, and of the Big List of Naughty Strings; the session',
    'is a browser in the demo shop (`bench/detection/record-session.ts`).',
  ];
  for (const level of levels) {
    lines.push(
      '',
      `## Paranoia ${level}`,
      '',
      `| | ${columns.map(({ title }) => title).join(' | ')} |`,
    );
    lines.push(`| --- |${' --- |'.repeat(columns.length)}`);
    const row = (name: string, cell: (counts: Counts) => string): void => {
      lines.push(
        `| ${name} | ${columns.map(({ counts }) => cell(counts.get(level) ?? new Map())).join(' | ')} |`,
      );
    };
    row(
      '**attacks stopped**',
      (counts) => `**${sum(({ name }) => attackNames.has(name), counts)}**`,
    );
    row(
      '**ordinary requests stopped**',
      (counts) => `**${sum(({ name }) => benignNames.has(name), counts)}**`,
    );
    for (const { name, isAttack, requests } of groups)
      row(`${isAttack ? '' : 'ordinary: '}${name}`, (counts) => {
        const found = counts.get(name);
        return found === undefined ? 'not measured' : rate(found, requests.length);
      });
  }
  return `${lines.join('\n')}\n`;
}
