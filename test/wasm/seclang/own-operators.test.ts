/** Operators and transformations of Weir's own in rules of one's own: they load, they match, and what is wrong with them is said. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadRules } from '#waf/language/load.ts';
import { SeclangRules } from '../../support/seclang.ts';

const rule = (id: number, text: string): string => `SecRule ${text},id:${id},phase:2,pass,log"\n`;

const rules = new SeclangRules(
  [
    'SecRequestBodyAccess On\nSecAction "id:1,phase:1,pass,nolog,setvar:tx.most=2"\n',
    rule(10, 'ARGS "@detectCommand" "t:none,t:decodeAll'),
    rule(11, 'ARGS "@detectCommand strict" "t:none'),
    rule(12, 'ARGS "@detectSsrf" "t:none'),
    rule(13, 'ARGS "@detectTemplate" "t:none'),
    rule(14, 'ARGS "@detectLookup" "t:none,capture,logdata:\'%{TX.0}\''),
    rule(20, 'ARGS:query "@graphqlDepth %{tx.most}" "t:none'),
    rule(21, 'ARGS:query "@graphqlFields 3" "t:none'),
    rule(22, 'ARGS:query "@graphqlAliases 1" "t:none'),
    rule(23, 'ARGS:query "@graphqlCost 100" "t:none'),
    rule(30, 'ARGS "@streq ignore it" "t:none,t:foldLookAlikes'),
    rule(31, 'ARGS "!@detectTemplate" "t:none'),
  ].join(''),
);

const idsOf = (value: string, name = 'q'): readonly number[] => {
  const { ids, failures } = rules.run({ target: `/?${name}=${encodeURIComponent(value)}` });
  assert.deepEqual(failures, []);
  return ids;
};

const cases: readonly (readonly [value: string, ids: readonly number[], name?: string])[] = [
  ['; cat /etc/passwd', [10, 11, 31]],
  ['%3B%2520cat%2520/etc/passwd', [10, 31]],
  ['whoami', [11, 31]],
  ['fish & chips', [31]],
  ['http://0x7f.1/', [12, 31]],
  ['{{7*7}}', [13]],
  ['{{name}}', [31]],
  ['${${lower:j}ndi:ldap://x}', [14, 31]],
  ['{ a { b } }', [31], 'query'],
  ['{ a { b { c } } }', [20, 31], 'query'],
  ['{ a b c d }', [21, 31], 'query'],
  ['{ x: a y: a }', [22, 31], 'query'],
  ['{ a(first: 200) { b } }', [23, 31], 'query'],
  ['Ign\u043ere\u200b  IT', [30, 31]],
];

for (const [value, ids, name] of cases)
  test(`${JSON.stringify(value)} matches ${ids.join(', ')}`, () => {
    assert.deepEqual(idsOf(value, name), ids);
  });

test('what was found is TX.0', () => {
  const { matches } = rules.run({ target: `/?q=${encodeURIComponent('${jndi:x')}` });
  assert.equal(matches.find(({ id }) => id === 14)?.data, '${jndi:x');
});

test('a query that is no number, and an argument that there is not, are said at load', () => {
  const wrong = [
    ['@graphqlDepth', /needs the number that a query may have at most, not ""/],
    ['@graphqlCost much', /needs the number .* not "much"/],
    ['@detectSsrf http', /takes no argument, not "http"/],
    ['@detectCommand loose', /takes nothing or strict, not "loose"/],
  ] as const;
  for (const [operator, message] of wrong) {
    const text = rule(1, `ARGS "${operator}" "t:none`);
    const { problems } = loadRules([{ kind: 'text', name: 'a.conf', text, folder: '/' }]);
    assert.match(problems[0]?.message ?? '', message);
  }
});
