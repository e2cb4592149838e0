/**
 * Members that issue, lose, repeat and reorder each other's batches, restart, lose their disks, and have clocks up to
 * five minutes off: after a repair they all know the same, and it is what a list of all that was issued says.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { readBatchHead, readDecisions } from '#decisions/batch.ts';
import type { DecisionAction } from '#decisions/decision.ts';
import { modelOf, originMs, type Said } from '../support/arbitrary-decision.ts';
import { FleetMembers } from '../support/fleet-members.ts';
import { propertySettings } from '../support/property.ts';

const ids = ['a', 'b', 'c'];
const targets = Array.from({ length: 6 }, (_, index) => `192.0.2.${index}`);
const minute = 60_000;

const member = fc.constantFrom(...ids);
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('issue' as const),
      member,
      action: fc.constantFrom<DecisionAction>('drop', 'drop', 'monitor', 'clear'),
      targets: fc.uniqueArray(fc.constantFrom(...targets), { minLength: 1, maxLength: 3 }),
      livesMs: fc.integer({ min: 1, max: 20 * minute }),
      reaches: fc.uniqueArray(member),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('repeat' as const), member, pick: fc.nat() }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('restart' as const), member }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('wipe' as const), member }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('compact' as const), member }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('wait' as const),
      ms: fc.integer({ min: 1, max: 8 * minute }),
    }),
  },
);
const skews = fc.tuple(...ids.map(() => fc.integer({ min: -5 * minute, max: 5 * minute })));

describe('members of a fleet', () => {
  it('come to the same after any loss, order, repetition and restart, and it is the right thing', (test) => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 30 }), skews, (steps, offsets) => {
        using fleet = new FleetMembers(ids, {}, originMs);
        let nowMs = originMs;
        const clockOf = (id: string): number => nowMs + (offsets[ids.indexOf(id)] ?? 0);
        const logOf = (id: string) => fleet.log(id, clockOf(id));
        const all: Uint8Array[] = [];
        const said: Said[] = [];
        const repair = (): void => {
          // Each asks each other for what differs, until nobody does.
          for (let round = 0; round < 3; round++)
            for (const id of ids)
              for (const peer of ids) {
                const buckets = logOf(id).differing(logOf(peer).digest().buckets);
                if (peer === id || buckets.length === 0) continue;
                const known = new Set(logOf(id).known(buckets));
                let after: string | null = null;
                do {
                  const piece = logOf(peer).piece({ buckets, known, after, bytesMax: 600 });
                  logOf(id).acceptAll(piece.batches, clockOf(id));
                  after = piece.next;
                } while (after !== null);
              }
        };
        for (const one of steps) {
          if (one.kind === 'issue') {
            const requests = one.targets.map((target) => ({
              ...{ target, action: one.action, reason: '', origin: 'test' },
              expiresAtMs: clockOf(one.member) + one.livesMs,
            }));
            for (const { bytes } of logOf(one.member).issue(requests, clockOf(one.member))
              .batches) {
              all.push(bytes);
              const head = readBatchHead(bytes);
              const decisions = head === null ? null : readDecisions(bytes, head);
              for (const decision of decisions ?? []) said.push({ issuer: one.member, decision });
              for (const id of one.reaches) logOf(id).accept(bytes, clockOf(id));
            }
          } else if (one.kind === 'repeat') {
            const bytes = all[one.pick % Math.max(1, all.length)];
            if (bytes !== undefined) logOf(one.member).accept(bytes, clockOf(one.member));
          } else if (one.kind === 'restart') fleet.restart(one.member, clockOf(one.member));
          else if (one.kind === 'wipe') {
            // What nobody else has is gone with the disk: others have heard by then.
            repair();
            fleet.wipe(one.member);
          } else if (one.kind === 'compact') logOf(one.member).compact();
          else nowMs += one.ms;
          for (const id of ids) logOf(id).expire(clockOf(id));
        }
        repair();
        // The clocks are set right.
        offsets.fill(0);
        nowMs += 11 * minute;
        for (const id of ids) logOf(id).expire(nowMs);
        repair();
        const [first] = ids.map((id) => logOf(id).digest());
        for (const id of ids) {
          assert.equal(logOf(id).digest().root, first?.root);
          for (const log of [logOf(id), fleet.restart(id, nowMs)])
            for (const target of targets) {
              const model = modelOf(said, target, nowMs);
              const isHeld =
                model !== null &&
                model.decision.action !== 'clear' &&
                model.decision.expiresAtMs > nowMs;
              const block = log.enforced.find(target);
              assert.equal(block?.action ?? null, isHeld ? model.decision.action : null, target);
              assert.equal(block?.expiresAtMs ?? 0, isHeld ? model.decision.expiresAtMs : 0);
            }
        }
      }),
      propertySettings(test, 60),
    );
  });
});
