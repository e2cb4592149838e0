/**
 * Do a thousand loads and unloads of a module under traffic fail a request, show one request two versions,
 * or leave memory behind?
 *
 *     node bench/soak/module-loads.ts [--loads 1000] [--connections 8]
 *
 * One worker's data plane in a process of its own. The module stamps its version on the request that goes to
 * the origin and on the response; the client compares the two. Memory is read after a forced collection,
 * every 20 loads, the process's and V8's heap alone; the slopes are those of the straight lines through the
 * second half of the samples.
 *
 * What V8 has committed to its heap and does not use stays with the process: resident memory rises in a few
 * steps until it holds the largest heap there was between two collections (10,000 loads, to 174 MB), and
 * then no more. The heap in use is where a leak would show.
 */
import { parseArgs } from 'node:util';
import { loadsRun } from '../../test/support/loads-run.ts';
import { keepResult } from '../support/results.ts';

const { values } = parseArgs({
  options: {
    loads: { type: 'string', default: '1000' },
    connections: { type: 'string', default: '8' },
  },
});
const startedAt = performance.now();
const { residentBytes, heapBytes, ...result } = await loadsRun({
  loads: Number(values.loads),
  connections: Number(values.connections),
  loadsPerSample: 20,
  requestsBefore: 20_000,
  onSample: (loads, bytes) =>
    process.stderr.write(`${loads} loads, ${(bytes / 1e6).toFixed(1)} MB\n`),
});
const megabytes = (bytes: number | undefined): number => Math.round((bytes ?? 0) / 1e5) / 10;
const middle = Math.floor(residentBytes.length / 2);
keepResult(
  'module-loads',
  `node bench/soak/module-loads.ts --loads ${values.loads} --connections ${values.connections}`,
  {
    seconds: Math.round((performance.now() - startedAt) / 1_000),
    ...result,
    residentMb: [residentBytes[0], residentBytes[middle], residentBytes.at(-1)].map(megabytes),
    residentMbFloor: megabytes(Math.min(...residentBytes)),
    heapMb: [heapBytes[0], heapBytes[middle], heapBytes.at(-1)].map(megabytes),
  },
);
const isRight = result.processExits === 0 && Object.keys(result.problems).length === 0;
process.exit(isRight ? 0 : 1);
