/**
 * What does a node say of modules that mean harm, and does the version that is live stay live under each of them?
 *
 *     node bench/soak/hostile-modules.ts [TEXT]        all of them, or those whose name holds the text
 *
 * Each module of `test/support/hostile-modules.ts` that is to be stopped before it is live is loaded with `weir module load` into an edge
 * of two workers, while requests flow. Printed is what the command said of each. It ends with 1 if one was loaded, was
 * refused with other words than its row asks for, or if one request was answered by anything but the live version.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CheckedLoad } from '../../test/support/checked-load.ts';
import { startEdgeProcess } from '../../test/support/edge-process.ts';
import { hostileModules } from '../../test/support/hostile-modules.ts';
import { newFolder, ownConfig, versions, weir } from '../../test/support/own-module.ts';
import { statusGuest } from '../../test/support/versioned-guest.ts';

const [wanted = ''] = process.argv.slice(2);
const folder = newFolder();
writeFileSync(join(folder, 'own.wasm'), statusGuest(401));
await using edge = await startEdgeProcess(ownConfig(folder));
const load = new CheckedLoad(
  edge.ports[0] as number,
  Number.POSITIVE_INFINITY,
  () => ({
    text: 'GET / HTTP/1.1\r\nHost: a.test\r\n\r\n',
    problemOf: ({ status }) => (status === 401 ? null : `status ${status}`),
  }),
  5,
);
const running = load.run(4);
let refused = 0;
const wrong: string[] = [];
for (const { name, bytes, says, stoppedAt } of hostileModules) {
  if (stoppedAt !== 'load' || !name.includes(wanted)) continue;
  const file = join(folder, 'hostile.wasm');
  writeFileSync(file, bytes());
  const { code, text } = await weir(edge, 'module', 'load', 'own', file);
  process.stdout.write(`${name}\n  ${text.trim().replaceAll('\n', '\n  ')}\n`);
  if (code !== 0 && says.test(text)) refused++;
  else wrong.push(name);
}
load.stop();
const { answered, problems } = await running;
const live = (await versions(edge)).filter((version) => version.includes(' live '));
if (live.join() !== '1 live config') wrong.push(`live: ${live.join()}`);
process.stdout.write(
  `${refused} refused, ${wrong.length} otherwise ${JSON.stringify(wrong)}; ${answered} requests answered by version 1, others ${JSON.stringify(problems)}\n`,
);
process.exitCode = wrong.length === 0 && Object.keys(problems).length === 0 ? 0 : 1;
