/**
 * Every disputed request of `../shared/corpora/smuggling` against the shipped process.
 *
 *     node scripts/replay-smuggling.ts [--json OUT] [--write] [--lanes 2]
 *
 * `--write` keeps the table in docs/reference/smuggling.md. Ends with 1 when anything was smuggled, unclean
 * or changed, when a good request did not pass, or when a difference to llhttp has no reason.
 */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { startEdgeProcess } from '../test/support/edge-process.ts';
import { type ParserDifference, parserDifference } from '../test/support/parser-cases.ts';
import { ReplayOrigin } from '../test/support/replay-origin.ts';
import {
  type ParserCase,
  type SmugglingCase,
  smugglingCases,
} from '../test/support/smuggling-cases.ts';
import {
  isAsExpected,
  isCritical,
  type Judgement,
  type Outcome,
  outcomes,
} from '../test/support/smuggling-judge.ts';
import { offersH2, replay, replayTimeouts } from '../test/support/smuggling-replay.ts';

type Judged = { readonly one: SmugglingCase; readonly judgement: Judgement };

const { values } = parseArgs({
  options: {
    json: { type: 'string' },
    write: { type: 'boolean', default: false },
    lanes: { type: 'string', default: '2' },
  },
});
const h1 = smugglingCases('h1');
const h2 = smugglingCases('h2');
const parser = smugglingCases<ParserCase>('parser-llhttp');
const missing = [h1, h2, parser].map(({ skip }) => skip).filter((skip) => skip !== false);
if (missing.length > 0) {
  process.stderr.write(`${missing.join('; ')}: nothing to replay\n`);
  process.exit(1);
}
const queue = [...h1.cases, ...h2.cases];
const total = queue.length;
const judged: Judged[] = [];
let withoutH2 = 0;
let nextLineMs = 0;
await Promise.all(Array.from({ length: Number(values.lanes) }, runLane));
process.stderr.write(`\n`);
judged.sort((a, b) => a.one.id.localeCompare(b.one.id));
const differences = parser.cases.map(parserDifference).filter((one) => one !== null);

const off = judged.filter(({ judgement }) => !isAsExpected(judgement.outcome));
for (const { one, judgement } of off)
  process.stdout.write(
    `${judgement.outcome.padEnd(10)} ${one.id} (${one.expected}, ${one.note}): ${judgement.why}\n`,
  );
const critical = off.filter(({ judgement }) => isCritical(judgement.outcome));
const lost = off.filter(({ one }) => one.expected === 'accept');
const unexplained = differences.filter(({ reason }) => reason === '');
const share = (100 * (judged.length - off.length)) / judged.length;
process.stdout.write(
  `${judged.length} cases, ${critical.length} critical, ${off.length} not as expected (${share.toFixed(1)} % as expected), ${lost.length} good requests lost; ${differences.length} differences to llhttp, ${unexplained.length} without a reason\n`,
);
if (withoutH2 > 0)
  process.stdout.write(`the edge does not offer h2: ${withoutH2} cases left out\n`);
if (values.json !== undefined)
  writeFileSync(
    values.json,
    `${JSON.stringify(
      judged.map(({ one, judgement }) => ({ id: one.id, expected: one.expected, ...judgement })),
      null,
      1,
    )}\n`,
  );
if (values.write) {
  const file = fileURLToPath(new URL('../docs/reference/smuggling.md', import.meta.url));
  writeFileSync(file, page());
  process.stdout.write('wrote docs/reference/smuggling.md\n');
}
process.exitCode = critical.length + lost.length + unexplained.length > 0 ? 1 : 0;

/** Takes cases off the queue, one at a time, against an edge and an origin of its own. */
async function runLane(): Promise<void> {
  await using origin = await ReplayOrigin.start();
  await using edge = await startEdgeProcess(`edge:
  workers: 1
  listeners:
    - { address: "127.0.0.1:0", plaintext: true }
    - { address: "127.0.0.1:0", tls: { certificates: [{ cert: site.crt, key: site.key }] } }
  timeouts: ${JSON.stringify(replayTimeouts)}
upstreams: { app: { servers: [{ url: "${origin.url}" }] } }
routes: [{ upstream: app }]`);
  const tlsPort = edge.ports[1] as number;
  const target = { plain: `127.0.0.1:${edge.ports[0]}`, tlsPort, origin };
  const speaksH2 = await offersH2(tlsPort);
  for (let one = queue.shift(); one !== undefined; one = queue.shift()) {
    if (one.proto === 'h2' && !speaksH2) withoutH2++;
    else judged.push({ one, judgement: await replay(one, target) });
    progress();
  }
}

function progress(): void {
  const done = total - queue.length;
  if (process.stderr.isTTY) process.stderr.write(`\r${done}/${total}`);
  else if (performance.now() > nextLineMs) {
    nextLineMs = performance.now() + 5_000;
    process.stderr.write(`${done}/${total}\n`);
  }
}

function page(): string {
  const row = (cells: readonly (string | number)[]): string => `| ${cells.join(' | ')} |\n`;
  const head = (cells: readonly string[]): string => row(cells) + row(cells.map(() => '---'));
  const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ');
  const groups = [
    ...new Set(judged.map(({ one }) => `${one.proto} ${one.family} ${one.expected}`)),
  ].sort();
  const seen = outcomes.filter((outcome) =>
    judged.some((one) => one.judgement.outcome === outcome),
  );
  const count = (cases: readonly Judged[], outcome: Outcome): number =>
    cases.filter(({ judgement }) => judgement.outcome === outcome).length;
  let text = `# Disputed requests

Made by \`node scripts/replay-smuggling.ts --write\`, never by hand: raw requests whose framing or syntax is
disputed, each onto a fresh connection to the shipped process, in front of an origin that records raw bytes
and keeps its connections. After each one a plain request must get its own answer.

${judged.length} cases, ${critical.length} critical, ${off.length} not as expected (${share.toFixed(1)} % as expected), ${lost.length} good requests lost.${withoutH2 > 0 ? ` The edge did not offer h2: ${withoutH2} cases were left out.` : ''}

ok: as the case expects. partial: refused behind the head, the origin saw a request begin and break off, which
counts as expected. lenient: taken where a refusal was due, in clean form. silent: neither answered nor
refused. refused: a good request that did not pass. Critical are smuggled, unclean and wrong-body.

`;
  text += head(['protocol', 'family', 'expected', 'cases', ...seen]);
  for (const group of groups) {
    const own = judged.filter(({ one }) => `${one.proto} ${one.family} ${one.expected}` === group);
    text += row([...group.split(' '), own.length, ...seen.map((outcome) => count(own, outcome))]);
  }
  text += row(['all', '', '', judged.length, ...seen.map((outcome) => count(judged, outcome))]);
  text += `\n## Not as expected\n\n`;
  text += off.length === 0 ? 'None.\n' : head(['case', 'expected', 'what it is', 'outcome', 'why']);
  for (const { one, judgement } of off)
    text += row([one.id, one.expected, cell(one.note), judgement.outcome, cell(judgement.why)]);
  const same = parser.cases.length - differences.length;
  text += `\n## The parser beside llhttp's strict mode\n\nOf ${parser.cases.length} requests of llhttp's own test notes both say the same about ${same}. The others:\n\n`;
  text += head(['case', 'what it is', 'llhttp', 'here', 'reason']);
  for (const one of differences) text += differenceRow(one, row, cell);
  return text;
}

function differenceRow(
  { one, ours, reason }: ParserDifference,
  row: (cells: readonly string[]) => string,
  cell: (text: string) => string,
): string {
  return row([one.id, cell(one.title), cell(one.reason ?? one.parser), cell(ours), reason]);
}
