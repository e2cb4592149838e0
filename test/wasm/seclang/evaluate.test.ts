/**
 * What rules do, each a few lines and a request: which identifiers are logged, what is decided. The rules run through
 * the whole way: parser, planner, automata, guest, host.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { randomOf } from '../../support/random.ts';
import { type SeclangCase, SeclangRules } from '../../support/seclang.ts';

type Row = {
  readonly name: string;
  readonly rules: string;
  readonly given: SeclangCase;
  readonly ids: readonly number[];
  /** Status of the stop; absent: none. */
  readonly status?: number;
};

const form = (body: string): SeclangCase => ({
  method: 'POST',
  fields: [['Content-Type', 'application/x-www-form-urlencoded']],
  body,
});
const get = (query: string): SeclangCase => ({ target: `/?${query}` });

const rows: readonly Row[] = [
  {
    name: 'a pattern matches an argument and blocks',
    rules: 'SecRule ARGS "@rx b+c" "id:1,phase:2,deny,status:406,log"',
    given: get('a=xbbc'),
    ids: [1],
    status: 406,
  },
  {
    name: 'a pattern that matches nothing lets the request pass',
    rules: 'SecRule ARGS "@rx b+c" "id:1,phase:2,deny,log"',
    given: get('a=xb'),
    ids: [],
  },
  {
    name: 'rules of phase 1 see no arguments of the body',
    rules:
      'SecRule ARGS "@rx x" "id:1,phase:1,pass,log"\nSecRule ARGS "@rx x" "id:2,phase:2,pass,log"',
    given: form('a=x'),
    ids: [2],
  },
  {
    name: 'the time is there for a rule that asks for it',
    rules: 'SecRule TIME_EPOCH "@gt 1600000000" "id:1,phase:1,pass,log"',
    given: get('a=x'),
    ids: [1],
  },
  {
    name: 'a text with the time in it',
    rules:
      'SecAction "id:1,phase:1,pass,nolog,setvar:tx.year=%{TIME_YEAR}"\nSecRule TX:year "@gt 2020" "id:2,phase:1,pass,log"',
    given: get('a=x'),
    ids: [2],
  },
  {
    name: 'a chain logs at its end alone',
    rules:
      'SecRule ARGS "@rx x" "id:1,phase:2,pass,log,chain"\nSecRule REQUEST_METHOD "@streq POST" "t:none"',
    given: get('a=x'),
    ids: [],
  },
  {
    name: 'a chain that matches in full logs once',
    rules:
      'SecRule ARGS "@rx x" "id:1,phase:2,pass,log,chain"\nSecRule REQUEST_METHOD "@streq GET" "t:none"',
    given: get('a=x'),
    ids: [1],
  },
  {
    name: 'later links look at what the earlier ones matched',
    rules:
      'SecRule ARGS "@rx x" "id:1,phase:2,pass,log,chain"\nSecRule MATCHED_VARS "@rx xy" "t:none"',
    given: get('a=x&b=zxy'),
    ids: [1],
  },
  {
    name: 'captures are there for the next link',
    rules:
      'SecRule ARGS "@rx (a+)(b+)" "id:1,phase:2,pass,log,capture,chain"\nSecRule TX:2 "@streq bb" "t:none"',
    given: get('v=zaabbz'),
    ids: [1],
  },
  {
    name: 'skipAfter leaves out the rules before the marker',
    rules:
      'SecAction "id:1,phase:2,pass,nolog,skipAfter:END"\nSecRule ARGS "@rx x" "id:2,phase:2,pass,log"\nSecMarker END\nSecRule ARGS "@rx x" "id:3,phase:2,pass,log"',
    given: get('a=x'),
    ids: [3],
  },
  {
    name: 'skip leaves out so many rules',
    rules:
      'SecAction "id:1,phase:2,pass,nolog,skip:1"\nSecRule ARGS "@rx x" "id:2,phase:2,pass,log"\nSecRule ARGS "@rx x" "id:3,phase:2,pass,log"',
    given: get('a=x'),
    ids: [3],
  },
  {
    name: 'scores add up once for each match',
    rules:
      'SecRule ARGS "@rx x" "id:1,phase:2,pass,nolog,setvar:tx.s=+3"\nSecRule TX:s "@eq 6" "id:2,phase:2,deny,status:403,log"',
    given: get('a=x&b=x&c=y'),
    ids: [2],
    status: 403,
  },
  {
    name: 'a limit put together from a variable is compared',
    rules:
      'SecAction "id:1,phase:1,pass,nolog,setvar:tx.limit=5,setvar:tx.s=4"\nSecAction "id:2,phase:2,pass,nolog,setvar:tx.s=+1"\nSecRule TX:s "@ge %{tx.limit}" "id:3,phase:2,pass,log"',
    given: {},
    ids: [3],
  },
  {
    name: 'a name that the request makes is found by a pattern of names',
    rules:
      'SecRule ARGS_NAMES "@rx ." "id:1,phase:2,pass,nolog,setvar:tx.count_%{MATCHED_VAR}=+1"\nSecRule TX:/^count_/ "@gt 1" "id:2,phase:2,pass,log"',
    given: get('a=1&b=2&a=3'),
    ids: [2],
  },
  {
    name: 'a count is how many there are',
    rules:
      'SecRule &ARGS "@eq 2" "id:1,phase:2,pass,log"\nSecRule &ARGS:a "@eq 1" "id:2,phase:2,pass,log"',
    given: get('a=1&b=2'),
    ids: [1, 2],
  },
  {
    name: 'a target left out is not looked at',
    rules: 'SecRule ARGS|!ARGS:b "@rx x" "id:1,phase:2,pass,log"',
    given: get('b=x&a=y'),
    ids: [],
  },
  {
    name: 'a target left out by a pattern of names is not looked at',
    rules: 'SecRule ARGS|!ARGS:/^b/ "@rx x" "id:1,phase:2,pass,log"',
    given: get('bz=x&a=y'),
    ids: [],
  },
  {
    name: 'the name of a selector has no case',
    rules: 'SecRule REQUEST_HEADERS:x-TEST "@streq v" "id:1,phase:1,pass,log"',
    given: { fields: [['X-Test', 'v']] },
    ids: [1],
  },
  {
    name: 'fields of one name are one value',
    rules: 'SecRule REQUEST_HEADERS:X-Test "@streq a, b" "id:1,phase:1,pass,log"',
    given: {
      fields: [
        ['X-Test', 'a'],
        ['x-test', 'b'],
      ],
    },
    ids: [1],
  },
  {
    name: 'transformations come before the operator, in their order',
    rules: 'SecRule ARGS "@streq abc" "id:1,phase:2,pass,log,t:none,t:base64Decode,t:lowercase"',
    given: get('a=QUJD'),
    ids: [1],
  },
  {
    name: 'multiMatch looks at each step',
    rules:
      'SecRule ARGS "@rx %41" "id:1,phase:2,pass,log,t:none,t:urlDecodeUni,multiMatch"\nSecRule ARGS "@rx %41" "id:2,phase:2,pass,log,t:none,t:urlDecodeUni"',
    given: get('a=%2541'),
    ids: [1],
  },
  {
    name: 'a rule is taken out by its identifier',
    rules:
      'SecAction "id:1,phase:1,pass,nolog,ctl:ruleRemoveById=5-7"\nSecRule ARGS "@rx x" "id:6,phase:2,pass,log"\nSecRule ARGS "@rx x" "id:8,phase:2,pass,log"',
    given: get('a=x'),
    ids: [8],
  },
  {
    name: 'rules are taken out by a tag',
    rules:
      'SecAction "id:1,phase:1,pass,nolog,ctl:ruleRemoveByTag=one"\nSecRule ARGS "@rx x" "id:6,phase:2,pass,log,tag:\'one\'"\nSecRule ARGS "@rx x" "id:8,phase:2,pass,log,tag:\'two\'"',
    given: get('a=x'),
    ids: [8],
  },
  {
    name: 'rules are taken out by their message',
    rules:
      'SecAction "id:1,phase:1,pass,nolog,ctl:ruleRemoveByMsg=one"\nSecRule ARGS "@rx x" "id:6,phase:2,pass,log,msg:\'one\'"\nSecRule ARGS "@rx x" "id:8,phase:2,pass,log,msg:\'two\'"',
    given: get('a=x'),
    ids: [8],
  },
  {
    name: 'a target is taken out of a rule for this request',
    rules:
      'SecAction "id:1,phase:1,pass,nolog,ctl:ruleRemoveTargetById=6;ARGS:a"\nSecRule ARGS "@rx x" "id:6,phase:2,pass,log"\nSecRule ARGS "@rx x" "id:8,phase:2,pass,log"',
    given: get('a=x'),
    ids: [8],
  },
  {
    name: 'a target is taken out of all rules with a tag',
    rules:
      'SecAction "id:1,phase:1,pass,nolog,ctl:ruleRemoveTargetByTag=one;ARGS:a"\nSecRule ARGS "@rx x" "id:6,phase:2,pass,log,tag:\'one\'"\nSecRule ARGS "@rx x" "id:8,phase:2,pass,log"',
    given: get('a=x'),
    ids: [8],
  },
  {
    name: 'rules that only note decide nothing',
    rules:
      'SecAction "id:1,phase:1,pass,nolog,ctl:ruleEngine=DetectionOnly"\nSecRule ARGS "@rx x" "id:2,phase:2,deny,log"',
    given: get('a=x'),
    ids: [2],
  },
  {
    name: 'an engine that is off runs nothing more',
    rules:
      'SecAction "id:1,phase:1,pass,nolog,ctl:ruleEngine=Off"\nSecRule ARGS "@rx x" "id:2,phase:2,deny,log"',
    given: get('a=x'),
    ids: [],
  },
  {
    name: 'allow ends all phases but the last',
    rules:
      'SecRule ARGS "@rx x" "id:1,phase:1,allow,log"\nSecRule ARGS "@rx x" "id:2,phase:2,deny,log"\nSecRule ARGS "@rx x" "id:3,phase:5,pass,log"',
    given: get('a=x'),
    ids: [1, 3],
  },
  {
    name: 'allow:phase ends one phase',
    rules:
      'SecRule ARGS "@rx x" "id:1,phase:1,allow:phase,log"\nSecRule ARGS "@rx x" "id:2,phase:1,deny,log"\nSecRule ARGS "@rx x" "id:3,phase:2,pass,log"',
    given: get('a=x'),
    ids: [1, 3],
  },
  {
    name: 'a body in JSON becomes arguments where a rule says so',
    rules:
      'SecRule REQUEST_HEADERS:Content-Type "@rx json" "id:1,phase:1,pass,nolog,ctl:requestBodyProcessor=JSON"\nSecRule ARGS:json.a.b "@streq x" "id:2,phase:2,pass,log"\nSecRule REQUEST_BODY "@rx x" "id:3,phase:2,pass,log"',
    given: {
      method: 'POST',
      fields: [['Content-Type', 'application/json']],
      body: '{"a":{"b":"x"}}',
    },
    ids: [2],
  },
  {
    name: 'text and attributes of XML are values',
    rules:
      'SecAction "id:1,phase:1,pass,nolog,ctl:requestBodyProcessor=XML"\nSecRule XML:/* "@rx inner" "id:2,phase:2,pass,log"\nSecRule XML://@* "@rx outer" "id:3,phase:2,pass,log"',
    given: { method: 'POST', body: '<a b="outer">inner</a>' },
    ids: [2, 3],
  },
  {
    name: 'a body that cannot be parsed says so',
    rules:
      'SecAction "id:1,phase:1,pass,nolog,ctl:requestBodyProcessor=JSON"\nSecRule REQBODY_ERROR "!@eq 0" "id:2,phase:2,deny,status:400,log"',
    given: { method: 'POST', body: '{"a":' },
    ids: [2],
    status: 400,
  },
  {
    name: 'the text of a body that nobody takes apart is there where a rule asks for it',
    rules:
      'SecAction "id:1,phase:1,pass,nolog,ctl:forceRequestBodyVariable=On"\nSecRule REQUEST_BODY "@rx x" "id:2,phase:2,pass,log"',
    given: { method: 'POST', fields: [['Content-Type', 'text/plain']], body: 'axb' },
    ids: [2],
  },
  {
    name: 'the path is decoded, and the raw target is not',
    rules:
      'SecRule REQUEST_FILENAME "@streq /a b" "id:1,phase:1,pass,log"\nSecRule REQUEST_URI_RAW "@streq /a%20b?c" "id:2,phase:1,pass,log"\nSecRule REQUEST_BASENAME "@streq a b" "id:3,phase:1,pass,log"',
    given: { target: '/a%20b?c' },
    ids: [1, 2, 3],
  },
  {
    name: 'what came before is known to the phases of the response',
    rules:
      'SecAction "id:1,phase:1,pass,nolog,setvar:tx.kept=seen"\nSecRule TX:kept "@streq seen" "id:2,phase:3,pass,log"\nSecRule RESPONSE_STATUS "@streq 404" "id:3,phase:3,pass,log"\nSecRule RESPONSE_HEADERS:X "@streq y" "id:4,phase:3,pass,log"',
    given: { response: { status: 404, fields: [['X', 'y']] } },
    ids: [2, 3, 4],
  },
  {
    name: 'the body of a response is looked at where its type says it is text',
    rules:
      'SecResponseBodyAccess On\nSecResponseBodyMimeType text/html\nSecRule RESPONSE_BODY "@rx leak" "id:1,phase:4,deny,status:502,log"',
    given: { response: { fields: [['Content-Type', 'text/html; charset=utf-8']], body: 'a leak' } },
    ids: [1],
    status: 502,
  },
  {
    name: 'the body of another type is not looked at',
    rules:
      'SecResponseBodyAccess On\nSecResponseBodyMimeType text/html\nSecRule RESPONSE_BODY "@rx leak" "id:1,phase:4,deny,log"',
    given: { response: { fields: [['Content-Type', 'image/png']], body: 'a leak' } },
    ids: [],
  },
  {
    name: 'phase 5 runs after a decision too',
    rules:
      'SecRule ARGS "@rx x" "id:1,phase:1,deny,log"\nSecRule ARGS "@rx x" "id:2,phase:5,pass,log"',
    given: get('a=x'),
    ids: [1, 2],
    status: 403,
  },
  {
    name: 'negation matches where the operator does not',
    rules: 'SecRule ARGS "!@rx ^[0-9]+$" "id:1,phase:2,pass,log"',
    given: get('a=1&b=x'),
    ids: [1],
  },
  {
    name: 'a redirect answers with its place',
    rules: 'SecRule ARGS "@rx x" "id:1,phase:2,log,redirect:https://example.org/%{MATCHED_VAR}"',
    given: get('a=x'),
    ids: [1],
    status: 302,
  },
  {
    name: 'what a capture took is gone in the phases of the response',
    rules:
      'SecRule ARGS "@rx (a+)" "id:1,phase:2,pass,nolog,capture"\nSecRule TX:1 "@rx a" "id:2,phase:3,pass,log"',
    given: get('a=xaa'),
    ids: [],
  },
  {
    name: 'a capture that a rule reads later in its phase is the last one',
    rules:
      'SecRule ARGS "@rx (a+)" "id:1,phase:2,pass,nolog,capture"\nSecRule ARGS "@rx (b+)" "id:2,phase:2,pass,nolog,capture"\nSecRule TX:1 "@streq bb" "id:3,phase:2,pass,log"',
    given: get('a=xaa&b=bb'),
    ids: [3],
  },
  {
    name: 'more arguments than SecArgumentsLimit are an error of the request, in the query too',
    rules: 'SecArgumentsLimit 2\nSecRule REQBODY_ERROR "!@eq 0" "id:1,phase:2,deny,status:400,log"',
    given: get('a=1&b=2&c=3'),
    ids: [1],
    status: 400,
  },
  {
    name: 'a body without files that is longer than SecRequestBodyNoFilesLimit is an error',
    rules:
      'SecRequestBodyNoFilesLimit 5\nSecRule REQBODY_ERROR "!@eq 0" "id:1,phase:2,deny,status:400,log"',
    given: form('a=1&b=2'),
    ids: [1],
    status: 400,
  },
  {
    name: 'ctl:responseBodyAccess takes the body of the response from rules',
    rules:
      'SecResponseBodyAccess On\nSecRule ARGS "@streq off" "id:1,phase:1,pass,nolog,ctl:responseBodyAccess=Off"\nSecRule RESPONSE_BODY "@contains secret" "id:2,phase:4,deny,status:403,log"',
    given: {
      ...get('a=off'),
      response: { fields: [['Content-Type', 'text/html']], body: 'a secret' },
    },
    ids: [],
  },
  {
    name: 'which it would have stopped',
    rules:
      'SecResponseBodyAccess On\nSecRule ARGS "@streq off" "id:1,phase:1,pass,nolog,ctl:responseBodyAccess=Off"\nSecRule RESPONSE_BODY "@contains secret" "id:2,phase:4,deny,status:403,log"',
    given: {
      ...get('a=on'),
      response: { fields: [['Content-Type', 'text/html']], body: 'a secret' },
    },
    ids: [2],
    status: 403,
  },
  {
    name: 'negated operators over a response ask the scan first',
    rules:
      'SecResponseBodyAccess On\nSecRule RESPONSE_BODY "!@pm secret token" "id:1,phase:4,pass,log"\nSecRule RESPONSE_BODY "!@contains absent" "id:2,phase:4,pass,log"\nSecRule RESPONSE_BODY "!@rx se.ret" "id:3,phase:4,pass,log"',
    given: { response: { fields: [['Content-Type', 'text/html']], body: 'a secret' } },
    ids: [2],
  },
];

describe('SecLang rules', () => {
  for (const { name, rules, given, ids, status } of rows) {
    test(name, () => {
      const { ids: found, stop, failures } = new SeclangRules(rules).run(given);
      assert.deepEqual(failures, []);
      assert.deepEqual(found, ids);
      const decided = stop !== null && 'status' in stop ? stop.status : undefined;
      assert.equal(decided, status);
    });
  }
});

test('a match says where it was, what matched, and what its rule makes of it', () => {
  const rules = new SeclangRules(
    `SecRule ARGS "@rx (x+)" "id:1,phase:2,pass,log,capture,t:lowercase,msg:'Found %{TX.1}',logdata:'%{MATCHED_VAR_NAME} holds %{TX.0}'"`,
  );
  const { matches, lines } = rules.run({ target: '/?Name=aXXb%22' });
  const { name, value, message, data } = matches[0] ?? assert.fail('nothing matched');
  assert.deepEqual(
    { name, value, message, data },
    { name: 'ARGS:Name', value: 'axxb"', message: 'Found xx', data: 'ARGS:Name holds xx' },
  );
  assert.match(lines, /\[id "1"\] \[msg "Found xx"\] \[data "ARGS:Name holds xx"\]/);
});

test('a request that forges a part of a log line is escaped', () => {
  const rules = new SeclangRules(
    `SecRule ARGS "@rx x" "id:1,phase:2,pass,log,logdata:'%{MATCHED_VAR}'"`,
  );
  const { lines } = rules.run({ target: '/?a=x%22%5D%20%5Bid%20%22999%22%5D%0a' });
  assert.equal([...lines.matchAll(/\[id "(\d+)"\]/g)].length, 1);
  assert.equal(lines.split('\n').length, 2);
});

test('a route that only watches gets the verdict and goes on', () => {
  const rules = new SeclangRules(
    'SecRule ARGS "@rx x" "id:1,phase:1,deny,log"\nSecRule ARGS "@rx x" "id:2,phase:2,deny,log"',
  );
  const { ids, stop } = rules.run({ target: '/?a=x', isMonitored: true });
  assert.deepEqual(ids, [1, 2]);
  assert.equal(stop?.rule, 'test/1');
});

test('one instance serves requests whose phases interleave, and none sees another', () => {
  const rules = new SeclangRules(
    'SecRule ARGS:who "@rx ." "id:1,phase:1,pass,nolog,setvar:tx.who=%{MATCHED_VAR}"\nSecRule TX:who "@rx ." "id:2,phase:3,pass,log,logdata:\'%{TX.who}\'"',
  );
  const first = rules.run({ target: '/?who=a' });
  const second = rules.run({ target: '/' });
  assert.equal(first.matches[0]?.data, 'a');
  assert.deepEqual(second.ids, []);
});

test('a pattern that runs out as the last of all has proved nothing: the call is a failure', () => {
  const text = 'SecRule ARGS "@rx (?:a|b)*a(?:a|b){30}c" "id:1,phase:2,deny,log"';
  const values = randomOf(7);
  const subject = Array.from({ length: 4_000 }, () => (values() < 0.5 ? 'a' : 'b')).join('');
  const rules = new SeclangRules(text, 40_000);
  const { stop, failures } = rules.run({ target: `/?q=${subject}` });
  assert.match(failures[0] ?? 'none', /fuel/);
  assert.equal(stop?.kind, 'block');
  assert.deepEqual(rules.run({ target: `/?q=${'z'.repeat(4_000)}` }).failures, []);
});

test('a call that would cost more than its fuel ends as a failure, and the next one is served', () => {
  const rules = new SeclangRules('SecRule ARGS "@rx x" "id:1,phase:2,deny,log"', 20_000);
  const long = rules.run({
    method: 'POST',
    fields: [['Content-Type', 'application/x-www-form-urlencoded']],
    body: `a=${'y'.repeat(60_000)}`,
  });
  assert.match(long.failures[0] ?? '', /fuel/);
  assert.equal(long.stop !== null && 'status' in long.stop ? long.stop.status : null, 503);
  assert.deepEqual(rules.run({ target: '/?a=x' }).ids, [1]);
});
