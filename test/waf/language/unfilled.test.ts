/** What ModSecurity fills and nothing fills here is refused where it would decide, and noted where it is only shown. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { macroText } from '#waf/language/macro.ts';
import { loadText, problemsOf } from '../../support/rule-text.ts';

const refused: readonly (readonly [text: string, problem: RegExp])[] = [
  ['SecRule IP:n "@gt 5" "id:1"', /^1:9 IP is always empty: nothing is kept between requests/],
  ['SecRule ARGS "@streq %{ENV.x}" "id:1"', /^1:15 %\{ENV\.x\} is always empty/],
  ['SecRule REMOTE_ADDR "@geoLookup" "id:1"', /^1:22 @geoLookup: countries .* by a module/],
  [
    'SecAction "id:1,nolog,pass,ctl:ruleRemoveTargetById=2;ARGS:/(x/"',
    /^1:55 the pattern "\(x" cannot be run: a \( without its \)/,
  ],
  ['SecAction "id:1,nolog,pass,setenv:a=1"', /^1:28 setenv: there is no web server/],
  ['SecAction "id:1,nolog,pass,sanitiseArg:pw"', /^1:28 sanitiseArg: what is redacted in logs/],
];

describe('nothing looks as if it decided something:', () => {
  for (const [text, problem] of refused) {
    it(text, () => assert.match(problemsOf(loadText(text))[0] ?? 'no problem', problem));
  }
});

const slips: readonly (readonly [text: string, problem: RegExp, fix: RegExp])[] = [
  [
    'SecRule ARGS a "id:1" \\ \nSecRule ARGS b "id:2"',
    /^1:23 the backslash does not join/,
    /blanks behind/,
  ],
  ['SecRule ARGS \u00e2\u0080\u009ca id:1', /^1:14 a typographic quotation mark/, /write "/],
  [
    'SecRule ARGS "a "id:1,deny"',
    /expecting a comma after "deny", got a "/,
    /a blank between two quoted/,
  ],
  ['SecRule ARGS "a(b" id:1', /a \( without its \)/, /close the group/],
  ['SecRuleEngin On', /no directive SecRuleEngin/, /did you mean SecRuleEngine\?/],
  [
    'SecRule ARGS a "id:1,ctl:ruleRemovById=2"',
    /no ctl:rulere/,
    /did you mean ctl:ruleRemoveById\?/,
  ],
];

describe('a slip is named with what mends it:', () => {
  for (const [text, problem, fix] of slips) {
    it(JSON.stringify(text), () => {
      const loaded = loadText(text);
      assert.match(problemsOf(loaded)[0] ?? 'no problem', problem);
      assert.match(loaded.problems[0]?.fix ?? '', fix);
    });
  }
});

describe('what a rule says and nothing comes of', () => {
  it('is noted, once for what many rules say alike', () => {
    const { ruleSet, notes } = loadText(`SecRule ARGS a "id:1,phase:5,deny"
SecRule ARGS a "id:2,phase:2,drop"
SecRule ARGS a "id:3,phase:2,deny,ctl:auditLogParts=+E"
SecRule ARGS a "id:4,phase:2,deny,ctl:auditLogParts=+E"`);
    const [first] = ruleSet.rules;
    assert.deepEqual(first?.kind === 'rule' && first.disruption, { kind: 'pass' });
    assert.deepEqual(
      notes.map(({ position, message }) => `${position.line} ${message.slice(0, 40)}`),
      [
        '1 deny changes nothing in phase 5: the ans',
        '2 drop ends the request as deny does: its ',
        '3 ctl:auditLogParts changes nothing, here ',
      ],
    );
  });
});

const doubts: readonly (readonly [text: string, note: RegExp])[] = [
  ['SecRule ARGS "@eq x" "id:1,phase:2,deny"', /^1:15 @eq compares with 0/],
  ['SecRule !ARGS:a "x" "id:1,phase:2,deny"', /^1:1 it only takes targets out/],
  ['SecRule ARGS|RESPONSE_BODY x "id:1,phase:2,deny"', /^1:14 RESPONSE_BODY is empty in phase 2/],
  ['SecRule REQUEST_BODY x "id:1,phase:1,deny"', /^1:9 REQUEST_BODY is empty in phase 1: bodies/],
];

describe('a rule that cannot do what it looks like is noted:', () => {
  for (const [text, note] of doubts) {
    it(text, () => {
      const { notes, problems } = loadText(text);
      assert.deepEqual(problems, []);
      assert.equal(notes.length, 1);
      const [{ position, message } = { position: null, message: '' }] = notes;
      assert.match(`${position?.line}:${position?.column} ${message}`, note);
    });
  }
});

describe('a file that would only detect', () => {
  it('is told that the route decides', () => {
    const { notes } = loadText('SecRuleEngine DetectionOnly\nSecHashEngine On');
    assert.match(notes[0]?.message ?? '', /waf: \{ mode: monitor \}/);
    assert.match(notes[1]?.message ?? '', /SecHashEngine changes nothing: links are not signed/);
  });
});

describe('what a rule says of itself', () => {
  it('is written into its texts and values, and what nothing fills is noted', () => {
    const loaded = loadText(
      `SecRule ARGS a "id:7,msg:'m %{MATCHED_VAR}',severity:2,logdata:'%{RULE.id} %{RULE.severity} %{GEO.x}',chain"
SecRule TX:a "@streq %{RULE.msg}" "setvar:'tx.b_%{rule.id}=%{RULE.msg}'"`,
      {},
      false,
    );
    const rule = loaded.ruleSet.rules.find((item) => item.kind === 'rule');
    assert(rule !== undefined);
    const [set] = rule.links[1]?.setVariables ?? [];
    assert.deepEqual(
      [rule.logData, rule.links[1]?.operator.argument, set?.name, set?.value].map((macro) =>
        macroText(macro ?? []),
      ),
      ['7 2 %{GEO.x}', 'm %{MATCHED_VAR}', 'b_7', 'm %{MATCHED_VAR}'],
    );
    assert.deepEqual(
      loaded.notes.map(({ message }) => message),
      ['%{GEO.x} stays empty: countries are looked up by a module'],
    );
  });
});
