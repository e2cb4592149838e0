/**
 * What earlier requests have shown of a value is not worked out again, and no answer hangs on it: rules that have seen
 * much say the same of a request as rules that have seen nothing.
 */
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { describe, it } from 'node:test';
import { buildCore, caseOf, coreCases } from '../../support/core-rules.ts';
import { randomOf } from '../../support/random.ts';
import {
  type SeclangCase,
  type SeclangOutcome,
  SeclangRules,
  seclangModule,
} from '../../support/seclang.ts';

/** Each sort of link that may or may not remember: chains, captures, negation, references, steps of multiMatch. */
const text = `
SecRequestBodyAccess On
SecResponseBodyAccess On
SecRule ARGS "@rx (a+)b" "id:1,phase:2,pass,log,capture,t:none,t:urlDecodeUni,t:lowercase,logdata:'%{TX.1}',setvar:tx.score=+1"
SecRule ARGS "@pm evil select" "id:2,phase:2,pass,log,capture,t:none,t:lowercase,logdata:'%{TX.0}'"
SecRule ARGS_NAMES|REQUEST_HEADERS_NAMES "@rx ^.*$" "id:3,phase:1,pass,log,capture,t:none,t:lowercase,setvar:'tx.name_%{TX.0}=/%{TX.0}/',chain"
SecRule TX:/^name_/ "@within /x-odd/select/" ""
SecRule ARGS "!@rx ^[a-z%+ ]*$" "id:4,phase:2,pass,log,t:none,t:removeWhitespace"
SecRule ARGS:want "!@streq %{ARGS.have}" "id:5,phase:2,pass,log"
SecRule ARGS "@rx select" "id:6,phase:2,pass,log,multiMatch,t:none,t:base64Decode,t:lowercase"
SecRule ARGS "@detectSQLi" "id:7,phase:2,pass,log,t:none,t:urlDecodeUni"
SecRule ARGS:off "@streq 1" "id:8,phase:1,pass,nolog,ctl:ruleRemoveById=1,ctl:ruleRemoveTargetById=2;ARGS:b"
SecRule ARGS "@graphqlDepth %{ARGS.depth}" "id:9,phase:2,pass,log"
SecRule TX:score "@ge 2" "id:10,phase:2,deny,status:403,log"
SecRule RESPONSE_BODY "@rx leak(ed)?" "id:11,phase:4,pass,log,capture,logdata:'%{TX.1}'"
SecRule REQUEST_HEADERS:X-Name "@contains select" "id:12,phase:3,pass,log"
SecRule ARGS "!@rx ^[a-z ]*$" "id:13,phase:2,pass,log,t:none,setvar:tx.odd=+1"
SecRule ARGS:have "!@pm evil select" "id:14,phase:2,pass,log,capture,t:none,chain"
SecRule MATCHED_VAR|TX:odd "!@rx ^[1a]" "capture,logdata:'%{TX.0}'"
SecRule RESPONSE_BODY "!@pm leak" "id:15,phase:4,pass,log,t:none"
SecRule TX:/^(?:odd|1)$/ "@rx ^([0-9]+)$" "id:16,phase:2,pass,log,capture,logdata:'%{TX.1}'"
`;

const names = ['a', 'b', 'have', 'want', 'select', 'off', 'depth'];
const values = [
  ...['aab', 'AAB', 'ab', 'evil', 'SELECT', 'c2VsZWN0', "1' or '1'='1", '1', '2', '{a{b{c}}}', ''],
  ...['plain text', '%61%62', 'aab evil select', 'x'.repeat(3_000), `${'y'.repeat(2_100)}aab`, 'é'],
];

/** Short ones, and pages that are remembered when they come for the second time. */
const page = '<p>nothing of it leads anywhere</p>\n'.repeat(120);
const bodies = [
  '',
  'leaked',
  'leak',
  'nothing',
  page,
  `${page}lea k`,
  `${page}leaked`,
  `${page}leak`,
];

function randomCase(random: () => number): SeclangCase {
  const pick = (list: readonly string[]): string => list[Math.floor(random() * list.length)] ?? '';
  const query = Array.from(
    { length: 1 + Math.floor(random() * 5) },
    () => `${pick(names)}=${encodeURIComponent(pick(values))}`,
  );
  return {
    target: `/?${query.join('&')}`,
    fields: [
      [pick(['X-Odd', 'X-Name', 'Accept']), Buffer.from(pick(values)).toString('latin1')],
      ['X-Same', 'always this'],
    ],
    response: {
      fields: [['Content-Type', 'text/html']],
      body: pick(bodies),
    },
    isMonitored: random() < 0.2,
  };
}

const told = ({ ids, matches, stop, failures }: SeclangOutcome): unknown => ({
  ids,
  stop,
  failures,
  matches: matches.map(({ id, name, value, data, message }) => ({
    id,
    name,
    value,
    data,
    message,
  })),
});

describe('values that earlier requests had', () => {
  it('random requests: what is known changes no answer', (test) => {
    const seed = Number(process.env['FC_SEED'] ?? randomInt(2 ** 31));
    test.diagnostic(`FC_SEED=${seed}`);
    const random = randomOf(seed);
    const bytes = seclangModule(text);
    const seen = new SeclangRules(bytes);
    const requests = Array.from({ length: 400 }, () => randomCase(random));
    const first = requests.map((request) => told(seen.run(request)));
    const again = requests.map((request) => told(seen.run(request)));
    for (const [index, request] of requests.entries()) {
      assert.deepEqual(again[index], first[index], JSON.stringify(request));
      if (index % 8 === 0)
        assert.deepEqual(told(new SeclangRules(bytes).run(request)), first[index]);
    }
  });

  it('builtin:core says of its own cases what it said the first time', () => {
    const rules = new SeclangRules(buildCore(4));
    const cases = coreCases()
      .flatMap(({ matches, passes }) => [...matches.slice(0, 1), ...passes.slice(0, 1)])
      .map(caseOf);
    const first = cases.map((request) => told(rules.run(request)));
    for (const index of [...cases.keys()].toReversed())
      assert.deepEqual(told(rules.run(cases[index])), first[index], JSON.stringify(cases[index]));
  });

  it('a value is looked at once, and again when newer ones have taken its place', () => {
    const { filter, ...rules } = open();
    const request = { target: '/?q=something', fields: [['X-Name', 'some field']] } as const;
    const noted = (): number => {
      const before = filter.valuesNoted;
      rules.run(request);
      return filter.valuesNoted - before;
    };
    assert.ok(noted() > 0);
    assert.equal(noted(), 0);
    const query = (turn: number): string =>
      Array.from(
        { length: 20 },
        (_, index) => `a${index}=${turn}-${index}-${'v'.repeat(200)}`,
      ).join('&');
    // More than a megabyte of others.
    for (let turn = 0; turn < 300; turn++) rules.run({ target: `/?${query(turn)}` });
    assert.ok(noted() > 0);
    assert.equal(noted(), 0);
  });

  it('a page is remembered when it comes for the second time, and pages that come once are not', () => {
    const { filter, ...rules } = open();
    const answer = (body: string): number => {
      const before = filter.valuesNoted;
      rules.run({ target: '/', response: { fields: [['Content-Type', 'text/html']], body } });
      return filter.valuesNoted - before;
    };
    answer('short');
    assert.deepEqual(
      [1, 2, 3, 4].map(() => answer(page)),
      [0, 1, 0, 0],
    );
    assert.deepEqual(
      [1, 2, 3].map((number) => answer(`${page}${number}`)),
      [0, 0, 0],
    );
    assert.deepEqual(
      [1, 2, 3].map(() => answer(`${page}leak`)),
      [0, 0, 0],
    );
    // More than four megabytes of others.
    for (let other = 0; other < 24; other++)
      for (let time = 0; time < 2; time++) answer(`${other} ${'y'.repeat(200_000)}`);
    assert.deepEqual(
      [1, 2].map(() => answer(page)),
      [1, 0],
    );
  });

  it('a request costs the budget the same whatever is known', () => {
    const { filter, ...rules } = open();
    for (const query of [
      'q=something&other=else',
      'a=aab',
      'have=SELECT&a=12',
      'b=%C3%A9&a=aab+evil',
    ]) {
      const costs = [1, 2, 3].map(() => {
        const before = filter.fuelUsed;
        rules.run({ target: `/?${query}`, fields: [['X-Name', 'some field']] });
        return filter.fuelUsed - before;
      });
      assert.deepEqual(costs, [costs[0], costs[0], costs[0]], query);
    }
  });
});

function open() {
  const rules = new SeclangRules(text);
  return {
    filter: rules.filter,
    run: (request: SeclangCase): SeclangOutcome => rules.run(request),
  };
}
