/** Decisions on few targets at few times by few issuers, so that all that can meet does meet; and what they come to. */
import fc from 'fast-check';
import type { Decision } from '#decisions/decision.ts';
import { compareOrder } from '#decisions/decision-map.ts';

export type Said = { readonly issuer: string; readonly decision: Decision };

export const originMs = Date.UTC(2026, 0, 5, 12);
export const targets = ['192.0.2.1', '198.51.100.0/24', '2001:db8::/32'];
export const issuers = ['a', 'b', 'c'];

export const arbitrarySaid: fc.Arbitrary<Said> = fc
  .record({
    issuer: fc.constantFrom(...issuers),
    target: fc.constantFrom(...targets),
    action: fc.constantFrom('drop', 'monitor', 'clear'),
    ms: fc.integer({ min: 0, max: 4 }),
    counter: fc.integer({ min: 0, max: 1 }),
    lives: fc.integer({ min: 1, max: 6 }),
    stands: fc.integer({ min: 0, max: 4 }),
    reason: fc.constantFrom('', 'scan', 'é "quoted" \\ 日本'),
  })
  .map(({ issuer, target, action, ms, counter, lives, stands, reason }) => {
    const expiresAtMs = originMs + ms + lives;
    return {
      issuer,
      decision: {
        ...{ target, action, reason, origin: 'test' },
        at: { ms: originMs + ms, counter },
        expiresAtMs,
        shadowUntilMs: expiresAtMs + stands,
      },
    };
  });

/** A list of all that was ever said, looked through from one end to the other: what holds of a target. */
export function modelOf(said: readonly Said[], target: string, nowMs: number): Said | null {
  let newest: Said | null = null;
  for (const one of said) {
    if (one.decision.target !== target || one.decision.shadowUntilMs <= nowMs) continue;
    if (newest === null || compareOrder(one, newest) > 0) newest = one;
  }
  return newest;
}
