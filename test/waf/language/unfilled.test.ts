/** What ModSecurity fills and nothing fills here is refused where it would decide, and noted where it is only shown. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { macroText } from '#waf/language/macro.ts';
import { loadText, problemsOf } from '../../support/rule-text.ts';

const refused: readonly (readonly [text: string, problem: RegExp])[] = [
  ['SecRule IP:n "@gt 5" "id:1"', /^1:9 IP is always empty: nothing is kept between requests/],
  ['SecRule ARGS "@streq %{ENV.x}" "id:1"', /^1:15 %\{ENV\.x\} is always empty/],
  ['SecRule REMOTE_ADDR "@geoLookup" "id:1"', /^1:22 @geoLookup: countries .* by a module/],
  ['SecAction "id:1,nolog,pass,setenv:a=1"', /^1:28 setenv: there is no web server/],
  ['SecAction "id:1,nolog,pass,sanitiseArg:pw"', /^1:28 sanitisearg: what is redacted in logs/],
];

describe('nothing looks as if it decided something:', () => {
  for (const [text, problem] of refused) {
    it(text, () => assert.match(problemsOf(loadText(text))[0] ?? 'no problem', problem));
  }
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
