/**
 * What a request costs in a module, beside one that allows everything: the difference is the module's own,
 * the rest the border's.
 *
 * Both take turns round by round, so that what else the machine does falls on both alike; a median with
 * the fastest and the slowest round says how far to trust it.
 */
import { fileURLToPath } from 'node:url';
import { WeirError } from '#core/errors.ts';
import type { CaseStep } from '#wasm/cases/case-schema.ts';
import { CaseServices } from '#wasm/cases/case-services.ts';
import { packetViewsOf } from '#wasm/cases/packet-steps.ts';
import type { RunnableCase } from '#wasm/cases/read-cases.ts';
import {
  type PreparedRequest,
  prepareRequest,
  runPhases,
  transactionOf,
} from '#wasm/cases/run-phases.ts';
import { compileFilter } from '#wasm/compile-filter.ts';
import { type Filter, phase } from '#wasm/filter.ts';
import { LiveModule } from '#wasm/live-module.ts';
import { PacketFlows } from '#wasm/packet-flows.ts';
import type { PacketView } from '#wasm/packet-view.ts';
import { samplePackets } from '#wasm/sample-packets.ts';
import { compileGuest } from './compile-guest.ts';
import { caseModule, guestLimits, type TestSubject } from './test-module.ts';

/** Microseconds a request. */
export type Spread = {
  readonly median: number;
  readonly fastest: number;
  readonly slowest: number;
};

export type BenchRow = {
  readonly request: string;
  readonly baseline: Spread;
  readonly module: Spread;
  /** Instructions a request; null where the module's ABI does not count them here. */
  readonly fuel: number | null;
};

export type BenchOptions = { readonly rounds: number; readonly roundMs: number };

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Throws `MODULE_INVALID`, also for a module that fails in one of the requests. */
export async function benchModule(
  subject: TestSubject,
  cases: readonly RunnableCase[],
  { rounds, roundMs }: BenchOptions,
): Promise<readonly BenchRow[]> {
  const config = cases[0]?.config ?? '{}';
  const services = new CaseServices();
  if (cases[0] !== undefined) services.begin(subject.name, cases[0]);
  const module = made(subject, config, services);
  const isOfPackets = (module.phases & phase.packet) !== 0;
  const { bytes } = await compileGuest({
    baseDirectory: root,
    entry: `wasm-rules/testing/${isOfPackets ? 'allow-every-packet' : 'allow-everything'}.ts`,
    forShipping: true,
  });
  const baseline = made({ name: 'baseline', bytes, sourceMap: null }, '{}', services);
  const samples = isOfPackets ? packetSamples(cases, config) : samplesOf(cases, config);
  return samples.map(({ name, requests }) => {
    const used = fuelOf(module, requests);
    const [one, other] = alternate(baseline, module, requests, rounds, roundMs);
    return { request: name, baseline: one, module: other, fuel: used };
  });
}

function made(subject: TestSubject, config: string, services: CaseServices): Filter {
  const source = { ...caseModule(subject), config, failure: 'closed' } as const;
  return compileFilter(source, guestLimits, services, (_message, failure) => {
    throw new WeirError('MODULE_INVALID', `it fails: ${failure.describe()}`, {
      details: ['a bench needs a module that answers: see weir module test'],
    });
  });
}

type Sample = {
  readonly name: string;
  readonly requests: readonly (PreparedRequest | PacketView)[];
};

const plain = { http10: false, client: '203.0.113.7', tls: true };
const browser: CaseStep['request'] = {
  ...plain,
  method: 'GET',
  target: '/products/garden/chairs/item-4711.html?color=green&size=xl&page=2&sort=price',
  headers: [
    ['Host', 'www.example.org'],
    ['User-Agent', 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0'],
    ['Accept', 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8'],
    ['Accept-Language', 'en-US,en;q=0.5'],
    ['Accept-Encoding', 'gzip, deflate, br, zstd'],
    ['Referer', 'https://www.example.org/products/garden/chairs'],
    ['Cookie', 'session=Zm9vYmFyYmF6cXV4MTIzNDU2Nzg5MA==; theme=dark; consent=yes'],
    ['Sec-Fetch-Dest', 'document'],
    ['Sec-Fetch-Mode', 'navigate'],
    ['Sec-Fetch-Site', 'same-origin'],
  ],
  ja4: 't13d1516h2_8daaf6152771_e5627efa2ab1',
};

/** Two that every module meets, and those of its cases that are for this config and pass without failing. */
function samplesOf(cases: readonly RunnableCase[], config: string): readonly Sample[] {
  const bare = { ...plain, method: 'GET', target: '/', headers: [['Host', 'a.example']] };
  const prepared = (steps: readonly Pick<CaseStep, 'request' | 'response'>[]) =>
    steps.map((step) => prepareRequest(step, guestLimits.bodyWindowBytes));
  const own = cases
    .filter((item) => item.config === config)
    .flatMap(({ steps }) => steps)
    .filter(({ verdict }) => verdict?.kind !== 'failure');
  return [
    { name: 'bare GET', requests: prepared([{ request: bare }]) },
    { name: 'browser GET', requests: prepared([{ request: browser }]) },
    ...(own.length === 0 ? [] : [{ name: 'its cases', requests: prepared(own) }]),
  ];
}

/** One that every module of packets meets, and those of its cases that are for this config. */
function packetSamples(cases: readonly RunnableCase[], config: string): readonly Sample[] {
  const own = cases
    .filter((item) => item.config === config)
    .filter(({ packets }) => packets.every(({ verdict }) => verdict?.kind !== 'failure'))
    .flatMap(({ packets }) => packetViewsOf(packets));
  return [
    { name: 'a TLS flow opens', requests: samplePackets.slice(0, 3) },
    ...(own.length === 0 ? [] : [{ name: 'its cases', requests: own }]),
  ];
}

function once(module: Filter, requests: Sample['requests']): void {
  // A run over all samples is one of flows that nothing is known of yet.
  const flows = new PacketFlows();
  for (const request of requests) {
    if (!('payload' in request)) runPhases(module, request, transactionOf(request));
    else if (module instanceof LiveModule) module.packet(request, flows.subject(request));
  }
}

function fuelOf(module: Filter, requests: Sample['requests']): number | null {
  if (!(module instanceof LiveModule)) {
    once(module, requests);
    return null;
  }
  const before = module.fuelUsed;
  once(module, requests);
  return Math.round((module.fuelUsed - before) / requests.length);
}

function alternate(
  one: Filter,
  other: Filter,
  requests: Sample['requests'],
  rounds: number,
  roundMs: number,
): readonly [Spread, Spread] {
  const times: [number[], number[]] = [[], []];
  const modules = [one, other] as const;
  // The first two are for the compiler, which is not done with the module when it is loaded.
  for (let round = -2; round < rounds; round++) {
    for (const index of [0, 1] as const) {
      const micros = timeRound(modules[index], requests, roundMs);
      if (round >= 0) times[index].push(micros);
    }
  }
  return [spreadOf(times[0]), spreadOf(times[1])];
}

/** The clock is asked seldom, as it costs as much as a small module. */
function timeRound(module: Filter, requests: Sample['requests'], roundMs: number): number {
  const startedAt = performance.now();
  let count = 0;
  let elapsed = 0;
  do {
    for (let i = 0; i < 20; i++) once(module, requests);
    count += 20 * requests.length;
    elapsed = performance.now() - startedAt;
  } while (elapsed < roundMs);
  return (elapsed / count) * 1_000;
}

function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  return {
    median: sorted[sorted.length >>> 1] ?? 0,
    fastest: sorted[0] ?? 0,
    slowest: sorted.at(-1) ?? 0,
  };
}
