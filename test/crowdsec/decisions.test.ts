/** Decisions as a real agent writes them, and hostile ones. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { ChangeRing } from '#crowdsec/change-ring.ts';
import { readDecisionStream } from '#crowdsec/decision.ts';
import { formatGoDuration, parseGoDuration } from '#crowdsec/go-duration.ts';
import { propertySettings } from '../support/property.ts';

type Answer = { readonly why: string; readonly path: string; readonly body: unknown };

const answers = JSON.parse(
  readFileSync(new URL('../corpus/crowdsec/agent-answers.json', import.meta.url), 'utf8'),
) as readonly Answer[];
const answerOf = (why: string): string =>
  JSON.stringify(answers.find((one) => one.why === why)?.body ?? assert.fail(why));

describe('durations of Go', () => {
  const cases: readonly (readonly [string, number | null])[] = [
    ['3h59m58.857654799s', 14_398_857.654799],
    ['-207.979668ms', -207.979668],
    ['1h30m', 5_400_000],
    ['0', 0],
    ['1µs', 0.001],
    ['99999999999h', 3_155_760_000_000],
    ['', null],
    ['1', null],
    ['1h-1m', null],
    ['1d', null],
    ['1e3s', null],
    ['h', null],
  ];
  for (const [text, ms] of cases)
    it(`"${text}" is ${ms} ms`, () => {
      const read = parseGoDuration(text);
      if (ms === null || read === null) assert.equal(read, ms);
      else assert.ok(Math.abs(read - ms) < 1e-6, String(read));
    });

  it('come back as they were written, in whole seconds', (test) => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 10_000_000 }), (seconds) => {
        assert.equal(parseGoDuration(formatGoDuration(seconds * 1_000)), seconds * 1_000);
      }),
      propertySettings(test, 200),
    );
  });
});

describe('an answer of the agent', () => {
  it('holds bans and captchas on addresses and ranges', () => {
    const { added, deleted, ignored } = readDecisionStream(answerOf('all there is, at the start'));
    assert.deepEqual(
      added.map(({ cidr, type, origin, scenario }) => [cidr.text, type, origin, scenario]),
      [
        ['2a0b:f4c0::7', 'captcha', 'cscli', "manual 'captcha' from 'rec'"],
        ['45.83.64.1', 'ban', 'cscli', 'ssh bruteforce'],
        ['45.83.65.0/24', 'ban', 'cscli', "manual 'ban' from 'rec'"],
      ],
    );
    assert.equal(deleted.length + ignored, 0);
  });

  it('leaves out what is of another scope, and counts it', () => {
    const all = answers.find(({ why }) => why.startsWith('decisions of other scopes'))?.body;
    const text = JSON.stringify({ new: all, deleted: null });
    assert.equal(readDecisionStream(text).ignored, 1);
  });

  for (const bad of ['', '{}', '[]', 'null', '{"new":3,"deleted":null}', '{"new":null}', '<html>'])
    it(`is refused where it is none: ${bad}`, () => assert.throws(() => readDecisionStream(bad)));

  it('of any shape is read or refused', (test) => {
    fc.assert(
      fc.property(fc.array(fc.jsonValue()), (list) => {
        const { added, ignored } = readDecisionStream(JSON.stringify({ new: list, deleted: null }));
        assert.equal(added.length + ignored, list.length);
      }),
      propertySettings(test, 300),
    );
  });
});

describe('the ring of changes', () => {
  it('says each target once, since a version, and when it does not know any more', () => {
    const ring = new ChangeRing(4);
    ring.note(['a']);
    const first = ring.version;
    ring.note(['b', 'c']);
    ring.note(['b']);
    assert.deepEqual(ring.since(first), new Set(['b', 'c']));
    assert.deepEqual(ring.since(ring.version), new Set());
    assert.deepEqual(ring.since(0), new Set(['a', 'b', 'c']));
    ring.note(['d', 'e']);
    assert.equal(ring.since(0), null);
    assert.deepEqual(ring.since(3), new Set(['d', 'e']));
  });
});
