/** Folding takes out what no request can run, and nothing else. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Rule } from '#waf/language/rule-set.ts';
import { propertySettings } from '../../support/property.ts';
import { runRules } from '../../support/rule-run.ts';
import { loadText } from '../../support/rule-text.ts';

function folded(text: string) {
  const { ruleSet, problems } = loadText(text);
  assert.deepEqual(problems, []);
  const rules = ruleSet.rules.filter((item): item is Rule => item.kind === 'rule');
  const fate = (id: number) => ruleSet.dispositions.find((one) => one.id === id);
  return { ids: rules.map(({ id }) => id), rules, fate };
}

const setup = `SecAction "id:1,phase:1,pass,nolog,setvar:tx.level=1"`;
const gate = `SecRule TX:LEVEL "@lt 2" "id:2,phase:2,pass,nolog,skipAfter:END"`;
const behind = `SecRule ARGS "@rx attack" "id:3,phase:2,deny"`;
const after = `SecMarker END\nSecRule ARGS "@rx other" "id:4,phase:2,deny"`;

describe('gates of the setup', () => {
  it('vanish with the rules behind them, each with the reason', () => {
    const { ids, fate } = folded([setup, gate, behind, after].join('\n'));
    assert.deepEqual(ids, [4]);
    assert.match(fate(1)?.reason ?? '', /written where it is read/);
    assert.match(fate(2)?.reason ?? '', /always leaps to END: tx\.level is "1"/);
    assert.match(fate(3)?.reason ?? '', /behind rule 2/);
  });

  it('that stay shut are gone, and the rules behind them stay', () => {
    const { ids, fate } = folded([setup.replace('=1', '=3'), gate, behind, after].join('\n'));
    assert.deepEqual(ids, [3, 4]);
    assert.match(fate(2)?.reason ?? '', /never matches: tx\.level is "3"/);
  });

  it('hold for their own phase alone', () => {
    const { ids } = folded([setup, gate, behind.replace('phase:2', 'phase:1'), after].join('\n'));
    assert.deepEqual(ids, [3, 4]);
  });

  it('read macros, counts and negation', () => {
    const text = `SecAction "id:1,phase:1,pass,nolog,setvar:tx.a=2"
SecRule &TX:b "@eq 0" "id:2,phase:1,pass,nolog,setvar:tx.b=%{tx.a}"
SecRule TX:b "!@eq %{tx.a}" "id:3,phase:1,deny"
SecRule ARGS "@within %{tx.b}" "id:4,phase:2,deny,msg:'%{tx.a} and %{tx.c}'"`;
    const { ids, rules } = folded(text);
    assert.deepEqual(ids, [4]);
    assert.deepEqual(rules[0]?.links[0]?.operator.argument, [{ kind: 'text', text: '2' }]);
    assert.deepEqual(rules[0]?.message, [
      { kind: 'text', text: '2 and ' },
      { kind: 'variable', variable: 'TX', name: 'c' },
    ]);
  });

  it('count additions that always happen', () => {
    const text = `SecAction "id:1,phase:1,pass,nolog,setvar:tx.a=2,setvar:tx.a=+3"
SecRule TX:a "@eq 5" "id:2,phase:1,pass,nolog,skipAfter:END"
SecRule ARGS "x" "id:3,phase:1,deny"
SecMarker END`;
    assert.deepEqual(folded(text).ids, []);
  });
});

/** Each changes the setup by something a request decides; the gate and what lies behind it must stay. */
const doubts: readonly { readonly why: string; readonly text: string }[] = [
  {
    why: 'a request may set it',
    text: `${setup}\nSecRule ARGS "x" "id:9,phase:1,pass,nolog,setvar:tx.level=4"\n${gate}\n${behind}\n${after}`,
  },
  {
    why: 'a request may set a name of its choice',
    text: `${setup}\nSecRule ARGS_NAMES "x" "id:9,phase:1,pass,nolog,setvar:tx.%{MATCHED_VAR}=4"\n${gate}\n${behind}\n${after}`,
  },
  {
    why: 'a request may leave the phase before',
    text: `SecRule ARGS "x" "id:9,phase:1,allow:phase"\n${setup}\n${gate}\n${behind}\n${after}`,
  },
  {
    why: 'a request may leap over it',
    text: `SecRule ARGS "x" "id:9,phase:1,pass,nolog,skipAfter:OVER"\n${setup}\nSecMarker OVER\n${gate}\n${behind}\n${after}`,
  },
  {
    why: 'a request may skip it',
    text: `SecRule ARGS "x" "id:9,phase:1,pass,nolog,skip:1"\n${setup}\n${gate}\n${behind}\n${after}`,
  },
  {
    why: 'a request may have the gate removed',
    text: `SecRule ARGS "x" "id:9,phase:1,pass,nolog,ctl:ruleRemoveById=2"\n${setup}\n${gate}\n${behind}\n${after}`,
  },
  {
    why: 'a request may have the setup removed',
    text: `SecRule ARGS "x" "id:9,phase:1,pass,nolog,ctl:ruleRemoveById=1"\n${setup}\n${gate}\n${behind}\n${after}`,
  },
  {
    why: 'a request may take its target away',
    text: `SecRule ARGS "x" "id:9,phase:1,pass,nolog,ctl:ruleRemoveTargetById=2;TX:level"\n${setup}\n${gate}\n${behind}\n${after}`,
  },
  {
    why: 'it is a capture',
    text: `SecAction "id:1,phase:1,pass,nolog,setvar:tx.1=1"\n${gate.replace('LEVEL', '1')}\n${behind}\n${after}`,
  },
];

describe('a gate is left alone when', () => {
  for (const { why, text } of doubts) {
    it(why, () => {
      const { ids } = folded(text);
      assert(ids.includes(2) && ids.includes(3) && ids.includes(4), ids.join(' '));
    });
  }

  it('removals that take the gate take all behind it, it may go', () => {
    const removal = 'SecRule ARGS "x" "id:9,phase:1,pass,nolog,ctl:ruleRemoveById=1-3"';
    assert.deepEqual(folded([removal, setup, gate, behind, after].join('\n')).ids, [9, 4]);
  });
});

/** Small programs over three TX variables and three headers, in which anything may gate anything. */
const ruleText = fc.record({
  phase: fc.constantFrom(1, 1, 2, 5),
  subject: fc.constantFrom(
    '',
    'TX:a',
    'TX:b',
    '&TX:a',
    '&TX:c',
    'TX:a|TX:b',
    'REQUEST_HEADERS:x',
    'REQUEST_HEADERS:y',
  ),
  operator: fc.constantFrom(
    '@eq 1',
    '@lt 2',
    '!@eq 0',
    '@ge %{tx.b}',
    '@eq 0',
    '!@lt 2',
    '@streq 2',
  ),
  chained: fc.option(fc.constantFrom('TX:b "@eq 1"', '&TX:c "@eq 0"', 'REQUEST_HEADERS:y "@eq 1"')),
  set: fc.option(
    fc.constantFrom(
      'tx.a=1',
      'tx.a=2',
      'tx.b=%{tx.a}',
      'tx.b=+1',
      'tx.c=0',
      '!tx.a',
      'tx.%{tx.b}z=1',
      'tx.c=-1',
    ),
  ),
  effect: fc.constantFrom(
    '',
    '',
    '',
    ',skipAfter:M1',
    ',skipAfter:M2',
    ',skip:1',
    ',ctl:ruleRemoveById=3-5',
    ',ctl:ruleRemoveByTag=odd',
  ),
  disruption: fc.constantFrom(
    'pass',
    'pass',
    'pass',
    'deny',
    'allow:phase',
    'allow:request',
    'allow',
  ),
  isLogged: fc.boolean(),
});

const program = fc.array(ruleText, { minLength: 3, maxLength: 14 }).map((rules) => {
  const lines = rules.map((rule, index) => {
    const id = index + 1;
    const chain = rule.chained === null || rule.subject === '' ? '' : ',chain';
    const log = rule.isLogged ? `log,msg:'%{tx.a} %{tx.c}'` : 'nolog';
    const set = rule.set === null ? '' : `,setvar:'${rule.set}'`;
    const tag = id % 2 === 1 ? ',tag:odd' : '';
    const actions = `"id:${id},phase:${rule.phase},${rule.disruption},${log}${tag}${rule.effect}${set}${chain}"`;
    const head = rule.subject === '' ? 'SecAction' : `SecRule ${rule.subject} "${rule.operator}"`;
    const link = chain === '' ? '' : `\nSecRule ${rule.chained} "setvar:tx.d=1"`;
    const marker = index === Math.floor(rules.length / 2) ? '\nSecMarker M1' : '';
    return `${head} ${actions}${link}${marker}`;
  });
  return `${lines.join('\n')}\nSecMarker M2`;
});

describe('folded rules', () => {
  it('show the same matches and verdicts as the rules they were made of', (test) => {
    const request = fc.record({
      headers: fc.dictionary(fc.constantFrom('x', 'y'), fc.constantFrom('0', '1', '2')),
      isBlocking: fc.boolean(),
    });
    fc.assert(
      fc.property(program, fc.array(request, { minLength: 6, maxLength: 6 }), (text, requests) => {
        const plain = loadText(text, {}, false);
        const short = loadText(text);
        // A leap to a marker above is refused either way.
        if (plain.problems.length > 0) return;
        for (const one of requests) {
          assert.deepEqual(
            runRules(short.ruleSet.rules, one),
            runRules(plain.ruleSet.rules, one),
            text,
          );
        }
      }),
      propertySettings(test, 2_000),
    );
  });
});
