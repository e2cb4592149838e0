/**
 * A million distinct addresses against the limiter and against behaviour: does memory stay bounded, are the few that
 * come often still caught, and what is forgotten of the others?
 *
 *     node --expose-gc bench/micro/limiter.ts
 *
 * A hundred addresses send a hundred times what the others do, mixed in at random from a printed seed. The clock is the
 * bench's own: a million requests in the seconds that are printed.
 */

import { Value } from 'typebox/value';
import { addressKey } from '../../src/behaviour/address-key.ts';
import { type AddressTally, Behaviour } from '../../src/behaviour/behaviour.ts';
import { SlidingTable } from '../../src/behaviour/sliding-table.ts';
import { behaviour as behaviourSchema } from '../../src/config/behaviour-schema.ts';
import { TokenBuckets } from '../../src/wasm/services/token-buckets.ts';
import { randomOf } from '../../test/support/random.ts';

const addresses = 1_000_000;
const hitters = 100;
const rounds = 3;
const seed = 20_251_122;

const random = randomOf(seed);
const textOf = (i: number): string =>
  i % 2 === 0
    ? `${11 + ((i >>> 16) % 100)}.${(i >>> 16) & 255}.${(i >>> 8) & 255}.${i & 255}`
    : `2001:db8:${(i >>> 16).toString(16)}:${(i & 0xffff).toString(16)}::1`;
const hitterOf = (i: number): string => `198.51.100.${i}`;

const megabytes = (bytes: number): string => `${(bytes / 1_048_576).toFixed(1)} MiB`;
const resident = (): number => {
  globalThis.gc?.();
  const { heapUsed, arrayBuffers, external } = process.memoryUsage();
  return heapUsed + Math.max(arrayBuffers, external);
};
const line = (text: string): void => void process.stdout.write(`${text}\n`);

/** One round: each address once, in its order, and after each, now and then, one of the hitters. */
function* requests(): Generator<{ address: string; hitter: number }> {
  for (let i = 0; i < addresses; i++) {
    yield { address: textOf(i), hitter: -1 };
    if (random() < (hitters * 100) / addresses) {
      const hitter = Math.floor(random() * hitters);
      yield { address: hitterOf(hitter), hitter };
    }
  }
}

line(`seed ${seed}; ${addresses.toLocaleString('en-US')} addresses, ${hitters} of them often`);

function limiter(): void {
  // 20 requests in 60 s, as a login rate would have it.
  let nowMs = 0;
  let forgotten = 0;
  const before = resident();
  const buckets = new TokenBuckets([1, 2], {
    nowMs: () => nowMs,
    onForgotten: () => {
      forgotten++;
    },
  });
  const caught = new Set<number>();
  let refusedOthers = 0;
  let asked = 0;
  const startedAt = performance.now();
  for (let round = 0; round < rounds; round++)
    for (const { address, hitter } of requests()) {
      nowMs += 0.02;
      asked++;
      if (buckets.take('rate/login', address, 1, 20, 60) === 0) continue;
      if (hitter >= 0) caught.add(hitter);
      else refusedOthers++;
    }
  const tookMs = performance.now() - startedAt;
  line(`
token buckets: 20 requests in 60 s, ${asked.toLocaleString('en-US')} requests in ${(nowMs / 1_000).toFixed(0)} s of its clock
  memory            ${megabytes(resident() - before)} (${buckets.slots.toLocaleString('en-US')} slots of 16 bytes)
  caught            ${caught.size} of ${hitters}
  others refused    ${refusedOthers}
  buckets forgotten ${forgotten.toLocaleString('en-US')} (taken for full before they were)
  a request         ${((tookMs / asked) * 1_000).toFixed(2)} µs, the request's own making included`);
  if (caught.size !== hitters) throw new Error('a heavy hitter was not caught');
}

function ofBehaviour(): void {
  let nowMs = 0;
  const live = new Behaviour(
    Value.Default(behaviourSchema, { requests: { count: 60 } }) as never,
    null,
  );
  const blocked = new Set<string>();
  let tallies: AddressTally[] = [];
  let asked = 0;
  const startedAt = performance.now();
  for (const { address } of requests()) {
    nowMs += 0.02;
    asked++;
    tallies.push({ address, requests: 1, errors: 0, violations: 0 });
    if (tallies.length < 8_192) continue;
    for (const { target } of live.take(tallies, nowMs)) blocked.add(target);
    tallies = [];
  }
  for (const { target } of live.take(tallies, nowMs)) blocked.add(target);
  const tookMs = performance.now() - startedAt;
  const found = Array.from({ length: hitters }, (_, i) => blocked.has(hitterOf(i))).filter(Boolean);
  line(`
behaviour: 60 requests in 60 s, ${asked.toLocaleString('en-US')} requests in ${(nowMs / 1_000).toFixed(0)} s of its clock
  memory            tables of ${megabytes(live.bytes)}, fixed from the start
  blocked           ${found.length} of ${hitters}: each came some 100 times
  others blocked    ${blocked.size - found.length}
  forgotten         ${live.forgotten.toLocaleString('en-US')}
  a request         ${((tookMs / asked) * 1_000).toFixed(2)} µs in the supervisor's process`);
  if (found.length !== hitters) throw new Error('a heavy hitter was not blocked');
  if (blocked.size !== found.length) throw new Error('an address that came once was blocked');
}

function error(): void {
  // How much of what heavy ones did the table still knows.
  const table = new SlidingTable(60_000);
  const exact = new Map<number, number>();
  const told = new Map<number, number>();
  let nowMs = 0;
  for (const { address, hitter } of requests()) {
    nowMs += 0.02;
    const key = addressKey(address);
    if (key === null) throw new Error(address);
    const count = table.add(key, 1, nowMs);
    if (hitter < 0) continue;
    exact.set(hitter, (exact.get(hitter) ?? 0) + 1);
    told.set(hitter, count);
  }
  const errors = [...exact].map(([hitter, count]) => (count - (told.get(hitter) ?? 0)) / count);
  line(`
the sliding table's error on ${exact.size} heavy ones: at most ${(Math.max(...errors) * 100).toFixed(1)} % too few, never too many (${(Math.min(...errors) * 100).toFixed(1)} %)`);
}

limiter();
ofBehaviour();
error();
