import assert from 'node:assert/strict';
import { it } from 'node:test';
import { ttlSecondsMax } from '#admin/schema.ts';
import { formatDuration, formatTime, parseDuration } from '#cli/duration.ts';

const parsed = [
  { text: '1s', seconds: 1 },
  { text: '30s', seconds: 30 },
  { text: '15m', seconds: 900 },
  { text: '1h', seconds: 3_600 },
  { text: '7d', seconds: 604_800 },
  { text: '365d', seconds: ttlSecondsMax },
  { text: '31536000s', seconds: ttlSecondsMax },
  { text: '366d', seconds: null },
  { text: '31536001s', seconds: null },
  { text: '999999999d', seconds: null },
  { text: '9999999999s', seconds: null, why: 'more digits than are read' },
  { text: '0s', seconds: null },
  { text: '-1h', seconds: null },
  { text: '+1h', seconds: null },
  { text: '01h', seconds: null },
  { text: '1.5h', seconds: null },
  { text: '1e3s', seconds: null },
  { text: '60', seconds: null, why: 'a number alone has no unit to guess' },
  { text: '1w', seconds: null },
  { text: '1H', seconds: null },
  { text: '1 h', seconds: null },
  { text: '1h30m', seconds: null },
  { text: ' 1h', seconds: null },
  { text: '1h\n', seconds: null },
  { text: '', seconds: null },
];
for (const { text, seconds } of parsed) {
  it(`${JSON.stringify(text)} is ${seconds === null ? 'refused with a reason' : `${seconds} seconds`}`, () => {
    const result = parseDuration(text, ttlSecondsMax);
    if (result.ok) assert.equal(result.seconds, seconds);
    else {
      assert.equal(seconds, null);
      assert.match(result.problem, /write 30s, 15m, 1h or 7d|at most 365d/);
    }
  });
}

const formatted = [
  { seconds: 0, text: '0s' },
  { seconds: 59.9, text: '59s' },
  { seconds: 60, text: '1m' },
  { seconds: 3_725, text: '1h 2m' },
  { seconds: 3_605, text: '1h' },
  { seconds: 93_784, text: '1d 2h' },
];
for (const { seconds, text } of formatted) {
  it(`${seconds} seconds read ${text}`, () => assert.equal(formatDuration(seconds), text));
}

const times = [
  { given: '2026-01-02T03:04:05.678Z', text: '2026-01-02 03:04:05Z' },
  { given: '2026-01-02T03:04:05Z', text: '2026-01-02 03:04:05Z' },
  { given: '2026-01-02T03:04:05.6+02:00', text: '2026-01-02 03:04:05+02:00' },
];
for (const { given, text } of times) {
  it(`${given} reads ${text}`, () => assert.equal(formatTime(given), text));
}
