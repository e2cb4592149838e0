/** SecLang read as ModSecurity reads it, and what is unclear refused with its place. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { languageLimits } from '#waf/language/limits.ts';
import { macroText } from '#waf/language/macro.ts';
import type { Rule } from '#waf/language/rule-set.ts';
import { propertySettings } from '../../support/property.ts';
import { loadText, problemsOf, type RuleFiles, rulesOf } from '../../support/rule-text.ts';

/** One line a rule, in a form that a person can compare. */
function shown(rule: Rule): string {
  return rule.links
    .map(({ targets, operator, transformations }) => {
      const parts = targets.map(({ variable, selector, isCount, isExcluded }) => {
        const sign = isExcluded ? '!' : isCount ? '&' : '';
        const pick =
          selector.kind === 'all'
            ? ''
            : selector.kind === 'name'
              ? `:${selector.name}`
              : selector.kind === 'regex'
                ? `:/${selector.source}/`
                : `:${selector.path}`;
        return `${sign}${variable}${pick}`;
      });
      const argument = operator.entries?.join('·') ?? macroText(operator.argument);
      const chain = transformations.length === 0 ? '' : ` t:${transformations.join(',')}`;
      return `${parts.join(' ')} ${operator.isNegated ? '!' : ''}@${operator.name} ${argument}${chain}`;
    })
    .join(' -> ');
}

const read: readonly { readonly what: string; readonly text: string; readonly rule: string }[] = [
  { what: 'a bare pattern', text: 'SecRule ARGS "^a b" id:1', rule: 'ARGS @rx ^a b' },
  { what: 'a negated bare pattern', text: 'SecRule ARGS "!^a" id:1', rule: 'ARGS !@rx ^a' },
  {
    what: 'lines joined by backslashes, in and out of quotes',
    text: 'SecRule \\\n  ARGS|\\\nARGS_NAMES "@rx a\\\nb" \\\r\n  "id:1,\\\n  phase:1"',
    rule: 'ARGS ARGS_NAMES @rx ab',
  },
  {
    what: 'escapes of Apache: its own mark and the backslash',
    text: String.raw`SecRule ARGS "@rx \"\\x5c\d\x22" id:1`,
    rule: String.raw`ARGS @rx "\x5c\d\x22`,
  },
  { what: 'single quotes', text: `SecRule ARGS '@rx a"b' id:1`, rule: 'ARGS @rx a"b' },
  {
    what: 'selectors by name, by pattern, in quotes, counted, excluded',
    text: `SecRule "ARGS:Foo|ARGS:/^a|b/|!ARGS:'x|y'|&TX:Z|TX.q|XML:/*|XML://@*" a id:1`,
    rule: 'ARGS:foo ARGS:/^a|b/ !ARGS:x|y &TX:z TX:q XML:/* XML://@* @rx a',
  },
  {
    what: 'names without case',
    text: 'secrule args "@BEGINSWITH x" "ID:1,T:LowerCase,t:normalisePath"',
    rule: 'ARGS @beginsWith x t:lowercase,normalizePath',
  },
  {
    what: 't:none, which clears what stands before it',
    text: 'SecRule ARGS a "id:1,t:lowercase,t:none,t:trim"',
    rule: 'ARGS @rx a t:trim',
  },
  {
    what: 'defaults of the phase, and of no other',
    text: 'SecDefaultAction "phase:2,pass,t:trim"\nSecDefaultAction "phase:1,pass,t:md5"\nSecRule ARGS a "id:1,t:sha1"',
    rule: 'ARGS @rx a t:trim,sha1',
  },
  {
    what: 'a chain',
    text: 'SecRule ARGS a "id:1,chain"\n  SecRule TX:1 "@eq 2" chain\n  SecRule &ARGS "@gt 1"',
    rule: 'ARGS @rx a -> TX:1 @eq 2 -> &ARGS @gt 1',
  },
  {
    what: 'phrases',
    text: 'SecRule ARGS "@pm a  b |01 41| |x|" id:1',
    rule: 'ARGS @pm a·b·\u0001A·|x|',
  },
  {
    what: 'phrases from files beside it, without blanks and comments',
    text: 'SecRule ARGS "@pmFromFile a.data b.data" id:1',
    rule: 'ARGS @pmFromFile one two·a#three·four',
  },
  {
    what: 'addresses, from the argument and from a file',
    text: 'SecRule REMOTE_ADDR "@ipMatch 10.0.0.0/8, ::1" "id:1,chain"\nSecRule REMOTE_ADDR "@ipMatchF ip.data"',
    rule: 'REMOTE_ADDR @ipMatch 10.0.0.0/8·::1 -> REMOTE_ADDR @ipMatchFromFile 192.0.2.1·2001:db8::/32',
  },
  {
    what: 'ranges of bytes',
    text: 'SecRule ARGS "@validateByteRange 9, 10,32-126" id:1',
    rule: 'ARGS @validateByteRange 9-9·10-10·32-126',
  },
  {
    what: 'macros, with either separator',
    text: 'SecRule ARGS "@within %{tx.A} %{REQUEST_HEADERS:Host}% 5%" id:1',
    rule: 'ARGS @within %{TX.a} %{REQUEST_HEADERS.host}% 5%',
  },
  { what: 'a byte order mark', text: '\u00ef\u00bb\u00bfSecRule ARGS a id:1', rule: 'ARGS @rx a' },
  { what: 'a last line without its end', text: '# c\n\n  SecRule ARGS a id:1', rule: 'ARGS @rx a' },
];

const files: RuleFiles = {
  'a.data': '# comment\n  one two \r\n\n',
  'b.data': 'a#three\nfour\n',
  'ip.data': '192.0.2.1 # one\n2001:db8::/32\n',
};

describe('a rule file is read with', () => {
  for (const { what, text, rule } of read) {
    it(what, () => {
      const [first] = rulesOf(text, files);
      assert(first !== undefined);
      assert.equal(shown(first), rule);
    });
  }
});

const actionCases: readonly { readonly text: string; readonly expected: Partial<Rule> }[] = [
  {
    text: 'id:1',
    expected: { phase: 2, isLogged: true, isAudited: true, disruption: { kind: 'pass' } },
  },
  {
    text: "id:'7',phase:request,deny",
    expected: { id: 7, phase: 2, disruption: { kind: 'deny', status: 403 } },
  },
  {
    text: 'id:1,phase:logging,nolog,auditlog',
    expected: { phase: 5, isLogged: false, isAudited: true },
  },
  { text: 'id:1,noauditlog', expected: { isLogged: true, isAudited: false } },
  { text: 'id:1,status:418,drop', expected: { disruption: { kind: 'drop', status: 418 } } },
  { text: 'id:1,allow:phase', expected: { disruption: { kind: 'allow', scope: 'phase' } } },
  { text: "id:1,severity:'CRITICAL'", expected: { severity: 2 } },
  {
    text: 'id:1,severity:7,rev:2,ver:x/1',
    expected: { severity: 7, revision: '2', version: 'x/1' },
  },
  {
    text: "id:1,msg:'it\\'s, a \\d'",
    expected: { message: [{ kind: 'text', text: "it's, a \\d" }] },
  },
];

describe('actions', () => {
  for (const { text, expected } of actionCases) {
    it(text, () => {
      const [rule] = rulesOf(`SecRule ARGS a "${text}"`);
      for (const [key, value] of Object.entries(expected)) {
        assert.deepEqual(rule?.[key as keyof Rule], value, key);
      }
    });
  }

  it('block stands for what the phase has as its default', () => {
    const [first, second] = rulesOf(`SecDefaultAction "phase:1,deny,status:499"
SecRule ARGS a "id:1,phase:1,pass,block"
SecRule ARGS a "id:2,phase:2,block"`);
    assert.deepEqual(first?.disruption, { kind: 'deny', status: 499 });
    assert.deepEqual(second?.disruption, { kind: 'pass' });
  });

  it('setvar sets, adds, subtracts and unsets', () => {
    const [rule] = rulesOf(
      `SecAction "id:1,setvar:tx.A,setvar:'tx.b=x y',setvar:tx.c=+%{tx.a},setvar:tx.d=-2,setvar:!tx.e,setvar:tx.f_%{MATCHED_VAR_NAME}=1"`,
    );
    const changes = rule?.links[0]?.setVariables.map(
      ({ name, change, value }) => `${macroText(name)} ${change} ${macroText(value)}`,
    );
    assert.deepEqual(changes, [
      'a set 1',
      'b set x y',
      'c add %{TX.a}',
      'd subtract 2',
      'e unset ',
      'f_%{MATCHED_VAR_NAME} set 1',
    ]);
  });

  it('ctl switches, removes and takes targets away', () => {
    const [rule] = rulesOf(
      `SecAction "id:1,ctl:ruleEngine=DetectionOnly,ctl:ruleRemoveById=5-9,ctl:ruleRemoveTargetByTag=attack-sqli;ARGS:/^q/,ctl:requestBodyProcessor=json,ctl:forceRequestBodyVariable=on"`,
    );
    const controls = rule?.links[0]?.controls ?? [];
    assert.deepEqual(
      controls.map(({ kind }) => kind),
      [
        ...['ruleEngine', 'ruleRemoveById', 'ruleRemoveTargetByTag', 'requestBodyProcessor'],
        'forceRequestBodyVariable',
      ],
    );
    assert.deepEqual(controls[1], { kind: 'ruleRemoveById', from: 5, to: 9 });
  });
});

const base = `SecRule ARGS|REQUEST_COOKIES a "id:1,phase:1,deny,msg:'first one',tag:attack-sqli,chain"
SecRule REQUEST_COOKIES|TX:1 b
SecRule ARGS c "id:2,phase:1,deny,tag:attack-xss"`;

const exclusionCases: readonly { readonly text: string; readonly rules: readonly string[] }[] = [
  {
    text: 'SecRuleRemoveById 2',
    rules: ['ARGS REQUEST_COOKIES @rx a -> REQUEST_COOKIES TX:1 @rx b'],
  },
  { text: 'SecRuleRemoveById "5 1-3"', rules: [] },
  { text: 'SecRuleRemoveByTag attack-sqli', rules: ['ARGS @rx c'] },
  { text: 'SecRuleRemoveByTag "^attack-(?:xss|sqli)$"', rules: [] },
  { text: 'SecRuleRemoveByMsg "irst o"', rules: ['ARGS @rx c'] },
  {
    text: 'SecRuleUpdateTargetById 1 "!REQUEST_COOKIES:/^_ga/"',
    rules: [
      'ARGS REQUEST_COOKIES !REQUEST_COOKIES:/^_ga/ @rx a -> REQUEST_COOKIES TX:1 !REQUEST_COOKIES:/^_ga/ @rx b',
      'ARGS @rx c',
    ],
  },
  {
    text: 'SecRuleUpdateTargetById 1:1 "TX:2"',
    rules: ['ARGS REQUEST_COOKIES @rx a -> REQUEST_COOKIES TX:1 TX:2 @rx b', 'ARGS @rx c'],
  },
  {
    text: 'SecRuleUpdateTargetByTag attack-xss "ARGS_NAMES" "ARGS"',
    rules: ['ARGS REQUEST_COOKIES @rx a -> REQUEST_COOKIES TX:1 @rx b', 'ARGS_NAMES @rx c'],
  },
  {
    text: 'SecRuleUpdateActionById 2 "t:lowercase"',
    rules: ['ARGS REQUEST_COOKIES @rx a -> REQUEST_COOKIES TX:1 @rx b', 'ARGS @rx c t:lowercase'],
  },
];

describe('exclusions', () => {
  for (const { text, rules } of exclusionCases) {
    it(`${text}, behind the rules or before them`, () => {
      assert.deepEqual(rulesOf(`${base}\n${text}`).map(shown), rules);
      assert.deepEqual(rulesOf(`${text}\n${base}`).map(shown), rules);
    });
  }

  it('change what a rule does, and are noted when they meet none', () => {
    const text = `${base}\nSecRuleUpdateActionById 2 "pass,nolog"\nSecRuleRemoveById 77`;
    const { ruleSet, notes } = loadText(text, {}, false);
    const rule = ruleSet.rules.findLast((item) => item.kind === 'rule');
    assert.deepEqual(rule?.disruption, { kind: 'pass' });
    assert.match(notes[0]?.message ?? '', /SecRuleRemoveById 77 meets no rule/);
  });

  it('say which rule they took out, and where', () => {
    const { ruleSet } = loadText(`${base}\nSecRuleRemoveById 2`);
    assert.deepEqual(
      ruleSet.dispositions.map(({ id, fate }) => [id, fate]),
      [
        [1, 'loaded'],
        [2, 'removed'],
      ],
    );
    assert.match(ruleSet.dispositions[1]?.reason ?? '', /SecRuleRemoveById 2 at test\.conf:4/);
  });
});

const refused: readonly (readonly [text: string, problem: RegExp])[] = [
  ['SecRule ARGS "@rx a', /^1:14 the text that begins with " is not closed/],
  [
    'SecRule ARGS a "id:1"\nSecRule ARGS a "id:1"',
    /^2:20 rule 1 is there already, at test\.conf:1/,
  ],
  ['SecRule ARGS a "phase:1"', /^1:1 the rule has no id/],
  ['SecRule ARGS a "id:1,phase:6"', /^1:28 there is no phase "6"/],
  ['SecRule ARGS a "id:4294967296"', /no id of a rule/],
  ['SecRule ARGZ a "id:1"', /^1:9 there is no variable ARGZ/],
  ['SecRule ARGS:a|REQUEST_URI:b a "id:1"', /^1:28 REQUEST_URI holds one value/],
  ['SecRule ARGS "@rxx a" "id:1"', /^1:15 there is no operator @rxx/],
  ['SecRule ARGS a "id:1,denny"', /^1:22 there is no action "denny"/],
  ['SecRule ARGS a "id:1,t:lower"', /^1:24 there is no transformation t:lower/],
  ['SecRule ARGS a "id:1,msg:a b"', /^1:27 expecting a comma after "msg"/],
  ['SecRule ARGS a "id:1,msg:\'a"', /^1:26 the value that begins with ' is not closed/],
  ['SecRule ARGS a "id:1,chain"', /^1:1 the rule says chain, and no rule follows/],
  ['SecRule ARGS a "id:1,chain"\nSecMarker X', /the rule says chain/],
  ['SecRule ARGS a "id:1,chain"\nSecRule ARGS b "deny"', /^2:17 deny stands in a chained rule/],
  ['SecRule ARGS a "id:1,skipAfter:END"', /skipAfter:END leads nowhere/],
  ['SecMarker END\nSecRule ARGS a "id:1,skipAfter:END"', /leads nowhere/],
  ['SecRule ARGS "@pmFromFile nothing.data" "id:1"', /^1:27 \/rules\/nothing\.data cannot be read/],
  ['SecRule REMOTE_ADDR "@ipMatch 10.0.0.256" "id:1"', /"10\.0\.0\.256" is no address/],
  ['SecRule REMOTE_ADDR "@rbl example.org" "id:1"', /^1:22 @rbl: a question to a DNS list/],
  ['SecRule ARGS "@inspectFile x.lua" "id:1"', /a program would run/],
  ['SecRule FILES_TMPNAMES a "id:1"', /^1:9 FILES_TMPNAMES: files are not written/],
  ['SecRule ARGS "@rx %{tx.a}" "id:1"', /is known only when a request is there/],
  ['SecRule ARGS "@rx \\"ab(?=c)" "id:1"', /^1:23 the pattern .* cannot be run/],
  ['SecRule ARGS:/(a)\\1/ x "id:1"', /^1:9 the pattern .* cannot be run/],
  ['SecRule ARGS a "id:1,setvar:foo.a=1"', /sets no variable/],
  ['SecRule ARGS a "id:1,ctl:ruleRemoveById=x"', /does not say what to do/],
  ['SecRule ARGS a "id:1,exec:/bin/true"', /^1:22 exec: a program or script/],
  [
    'SecRule ARGS a "id:1,initcol:ip=%{REMOTE_ADDR}"\nSecRule IP:n "@gt 5" "id:2"',
    /collection ip does not outlive/,
  ],
  ['SecRuleScript x.lua "id:1"', /SecRuleScript is refused/],
  ['SecRuleEngin On', /there is no directive SecRuleEngin/],
  ['SecRequestBodyNoFilesLimit 12x', /^1:28 SecRequestBodyNoFilesLimit has an argument/],
  ['<IfModule security2_module>', /opens or closes a section of Apache/],
  ['# note \\\nSecRule ARGS a "id:1"', /^2:1 the comment above ends in a backslash/],
  ['Include missing.conf', /^1:9 \/rules\/missing\.conf cannot be read/],
  ['SecRule ARGS "a\u0000b" "id:1"', /^1:16 a NUL byte/],
  ['SecRuleRemoveByTag "a(?!b)"', /is no pattern/],
];

describe('a rule file is refused for', () => {
  for (const [text, problem] of refused) {
    it(JSON.stringify(text), () => {
      const loaded = loadText(text);
      assert.match(problemsOf(loaded)[0] ?? 'no problem', problem);
      for (const { fix } of loaded.problems) assert.notEqual(fix, '');
    });
  }

  it('each of its faults, the rules of a broken chain being one', () => {
    const loaded = loadText(`SecRule ARGZ a "id:1,chain"
SecRule ARGS b chain
SecRule ARGS c
SecRule ARGS d "id:2,denny"
SecRule ARGS e "id:3"`);
    assert.equal(loaded.problems.length, 2);
    assert.deepEqual(
      loaded.ruleSet.dispositions.map(({ id, fate }) => [id, fate]),
      [
        [2, 'refused'],
        [3, 'loaded'],
      ],
    );
  });

  it('nothing where what cannot run is removed or never reached', () => {
    const text = `SecRule REMOTE_ADDR "@rbl example.org" "id:1,phase:1,deny"
SecRuleRemoveById 1
SecRule &TX:use_rbl "@eq 0" "id:2,phase:1,pass,nolog,skipAfter:END"
SecRule REMOTE_ADDR "@rbl example.net" "id:3,phase:1,deny"
SecMarker END`;
    assert.deepEqual(problemsOf(loadText(text)), []);
  });
});

describe('included files', () => {
  it('come in the order of their names, a pattern may match none', () => {
    const rules = rulesOf('Include *-in.conf\nInclude none-*.conf\nIncludeOptional gone.conf', {
      'b-in.conf': 'SecRule ARGS b id:2',
      'a-in.conf': 'SecRule ARGS a id:1',
      'c.conf': 'SecRule ARGS c id:3',
    });
    assert.deepEqual(
      rules.map(({ id, position }) => [id, position.file]),
      [
        [1, '/rules/a-in.conf'],
        [2, '/rules/b-in.conf'],
      ],
    );
  });

  it('that include each other end in a problem', () => {
    const loaded = loadText('Include a.conf', {
      'a.conf': 'Include b.conf',
      'b.conf': 'Include a.conf',
    });
    assert.deepEqual(problemsOf(loaded), [
      '1:9 /rules/a.conf is being read already: files include each other',
    ]);
  });

  it('are so many, so deep, and no more', () => {
    const twice = (index: number): string => `Include ${index}.conf\n`.repeat(2);
    const files = Array.from({ length: 20 }, (_, index) => [`${index}.conf`, twice(index + 1)]);
    const loaded = loadText(twice(0), Object.fromEntries(files));
    assert.equal(loaded.files.length, languageLimits.filesMax);
    assert.match(problemsOf(loaded).join('\n'), /more than 16 deep/);
    assert(loaded.problems.length <= languageLimits.problemsMax && loaded.problemsDropped > 0);
  });
});

describe('bounds', () => {
  const many = (count: number, piece: (index: number) => string, join: string): string =>
    Array.from({ length: count }, (_, index) => piece(index)).join(join);
  const bounds: readonly {
    readonly what: string;
    readonly max: number;
    text(count: number): string;
  }[] = [
    {
      what: 'targets',
      max: languageLimits.targetsMax,
      text: (count) => `SecRule ${many(count, () => 'ARGS', '|')} a id:1`,
    },
    {
      what: 'actions',
      max: languageLimits.actionsMax,
      text: (count) => `SecAction "id:1,${many(count - 1, (index) => `tag:a${index}`, ',')}"`,
    },
    {
      what: 'rules of a chain',
      max: languageLimits.chainLinksMax,
      text: (count) =>
        `SecRule ARGS a "id:1,chain"\n${many(count - 2, () => 'SecRule ARGS a chain', '\n')}\nSecRule ARGS a`,
    },
    {
      what: 'rules',
      max: languageLimits.rulesMax,
      text: (count) => many(count, () => 'SecMarker A', '\n'),
    },
  ];
  for (const { what, max, text } of bounds) {
    it(`${what}: ${max}`, () => {
      assert.deepEqual(problemsOf(loadText(text(max))), []);
      assert.match(problemsOf(loadText(text(max + 1)))[0] ?? '', new RegExp(String(max)));
    });
  }
});

describe('hostile files', () => {
  const piece = fc.oneof(
    fc.constantFrom(
      'SecRule ',
      'SecAction ',
      'SecMarker ',
      'SecDefaultAction ',
      'Include ',
      'SecRuleUpdateTargetById ',
    ),
    fc.constantFrom(
      'ARGS',
      '|',
      '!',
      '&',
      ':',
      '/',
      "'",
      '"',
      '\\',
      '\\\n',
      '\n',
      '\r\n',
      ' ',
      ',',
      '=',
      '%{',
      '}',
      '#',
      ';',
    ),
    fc.constantFrom(
      '@rx ',
      '@pm ',
      '@ipMatch ',
      'id:1',
      'id:2',
      'chain',
      'phase:1',
      'setvar:tx.a=+1',
      'ctl:ruleRemoveById=1-2',
    ),
    fc.constantFrom(
      't:none',
      'skipAfter:A',
      'TX',
      'XML:/*',
      'a.conf',
      '1-3',
      'deny',
      'block',
      'msg:',
      'skip:3',
    ),
    fc.string({ unit: 'binary', maxLength: 6 }).map((text) => Buffer.from(text).toString('latin1')),
  );

  it('end in rules or in problems with a place and a fix, never in a crash', (test) => {
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => {
        const text = pieces.join('');
        const { problems, ruleSet } = loadText(text, { 'a.conf': text });
        for (const { position, fix } of problems) {
          assert(position.line >= 1 && position.column >= 1 && fix !== '', JSON.stringify(text));
        }
        for (const rule of ruleSet.rules) assert(rule.kind === 'marker' || rule.links.length > 0);
      }),
      propertySettings(test, 3_000),
    );
  });

  it('take time that grows with their length', () => {
    for (const unit of ["'", '\\', 'ARGS:/a', '%{', '|', ',a:', '((((', '|41']) {
      const text = `SecRule "${unit.repeat(20_000)}" "@pm ${unit.repeat(20_000)}" "id:1,msg:${unit.repeat(20_000)}"`;
      loadText(text);
    }
  });
});
