/** detectSQLi and detectXSS: what they catch and what they leave alone, against libinjection's counts. */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { operatorHint } from '#waf/rules/operator-hints.ts';
import { type EngineParts, loadEngineParts, partOf } from '../support/engine-parts.ts';
import {
  countOf,
  type Detections,
  groupsOf,
  libinjection,
  missingCorpora,
  ownDetections,
} from '../support/injection-rates.ts';
import { propertySettings } from '../support/property.ts';
import { randomOf } from '../support/random.ts';
import { sqliAttacks, sqliBenign, xssAttacks, xssBenign } from './cases/injection.ts';

let parts: EngineParts;
let own: Detections;

before(async () => {
  parts = await loadEngineParts();
  own = ownDetections(parts);
});

/** Counts of libinjection 3.9.2 (Debian's libmodsecurity3), written down so that they hold without the package. */
const yardstick = {
  sqli: {
    'libinjection, attacks': 8543,
    'attacks, sqli': 226,
    'naughty strings, attacks': 5,
    benign: 11,
  },
  xss: {
    'libinjection, attacks': 845,
    'attacks, xss': 357,
    'naughty strings, attacks': 133,
    benign: 0,
  },
} as const;

for (const kind of ['sqli', 'xss'] as const) {
  const [attacks, benign] = kind === 'sqli' ? [sqliAttacks, sqliBenign] : [xssAttacks, xssBenign];
  const limits: Readonly<Record<string, number>> = yardstick[kind];
  describe(kind === 'sqli' ? 'detectSQLi' : 'detectXSS', () => {
    for (const value of attacks)
      it(`finds ${JSON.stringify(value).slice(0, 90)}`, () => {
        assert.equal(own[kind](Buffer.from(value)), true);
      });

    for (const value of benign)
      it(`leaves ${JSON.stringify(value).slice(0, 90)} alone`, () => {
        assert.equal(own[kind](Buffer.from(value)), false);
      });

    it('catches at least what libinjection catches, with no more false positives', {
      skip: missingCorpora,
    }, (test) => {
      let falsePositives = 0;
      for (const { name, isAttack, rows } of groupsOf(kind)) {
        const found = countOf(rows, own[kind]);
        test.diagnostic(`${name}: ${found} of ${rows.length}`);
        if (isAttack) assert.ok(found >= (limits[name] ?? Number.NaN), `${name}: ${found}`);
        else falsePositives += found;
      }
      assert.ok(
        falsePositives <= (limits['benign'] ?? Number.NaN),
        `${falsePositives} false positives`,
      );
      // Ours are none: a value of these that turns up is a step back.
      assert.equal(falsePositives, 0);
    });

    const yard = libinjection();
    it('is measured against counts that libinjection gives', {
      skip:
        missingCorpora !== false || yard === null
          ? 'no libmodsecurity.so.3 (apt install libmodsecurity3)'
          : false,
    }, () => {
      if (yard === null) return;
      let falsePositives = 0;
      for (const { name, isAttack, rows } of groupsOf(kind)) {
        const found = countOf(rows, yard[kind]);
        if (isAttack) assert.equal(found, limits[name], name);
        else falsePositives += found;
      }
      assert.equal(falsePositives, limits['benign']);
    });

    it('ends on any bytes, reads nothing beyond them, and says the same each time', (test) => {
      const { seed } = propertySettings(test, 1);
      const random = randomOf(seed);
      const pick = (below: number) => Math.floor(random() * below);
      const memory = Buffer.from(parts.memory.buffer);
      const detect = partOf(parts, kind === 'sqli' ? 'isSqli' : 'isXss');
      const hint = new RegExp(operatorHint(kind === 'sqli' ? 'detectSQLi' : 'detectXSS', '') ?? '');
      const seeds = [...attacks, ...benign].map((value) => Buffer.from(value));
      for (let round = 0; round < 4_000; round++) {
        const one = seeds[pick(seeds.length)] ?? Buffer.alloc(0);
        const other = seeds[pick(seeds.length)] ?? Buffer.alloc(0);
        const bytes = Buffer.concat([
          one.subarray(0, pick(one.length + 1)),
          Buffer.from([pick(256)]),
          other.subarray(pick(other.length + 1)),
        ]);
        bytes.copy(memory, parts.room);
        memory.fill(0, parts.room + bytes.length, parts.room + bytes.length + 64);
        const alone = detect(parts.room, bytes.length);
        if (alone !== 0) assert.match(bytes.toString('latin1'), hint);
        memory.write(
          '\'"`>--*/=alert(1)union select 1,2 onload=x <script>',
          parts.room + bytes.length,
        );
        assert.equal(
          detect(parts.room, bytes.length),
          alone,
          JSON.stringify(bytes.toString('latin1')),
        );
      }
    });

    it('is done with long values of one kind', () => {
      const units = [
        "'",
        '"',
        '`',
        '(',
        '((select',
        '/*',
        '--',
        "' or ",
        '1,',
        'a=',
        '<',
        '<a ',
        '<!--',
        '<a b=',
        '<a>',
        '<a b=c>',
        '</a>',
        '<//>',
        'feed:',
        '<!x>',
        ' on',
        '&#',
        'x:',
        '\\',
        '=',
        '@',
        '$$',
        '{',
        'union ',
      ];
      for (const unit of units) {
        for (const start of ['', '<a href="', "'"]) {
          const bytes = Buffer.from(start + unit.repeat(Math.floor(131_072 / unit.length)));
          assert.equal(typeof own[kind](bytes), 'boolean');
        }
      }
    });
  });
}
