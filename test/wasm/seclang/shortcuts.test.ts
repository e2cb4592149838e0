/**
 * What is told from outside the automata (literals, kinds of bytes, lengths, lists of names) leaves out work and nothing
 * else: rules built with it say the same of a request as rules whose every pattern looks at every value.
 */
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { describe, it } from 'node:test';
import { everyKind } from '#waf/match/byte-kinds.ts';
import { noRequirement } from '#waf/match/requirement.ts';
import { compileScanSet } from '#waf/match/scan-set.ts';
import { CompiledMatchers } from '#waf/rules/compiled-matchers.ts';
import type { ScanMember } from '#waf/rules/matchers.ts';
import { randomOf } from '../../support/random.ts';
import { type SeclangCase, SeclangRules, seclangModule } from '../../support/seclang.ts';

/** Every pattern may match every value. */
class Everything extends CompiledMatchers {
  override bytesMin(): number {
    return 0;
  }

  override cover(): bigint {
    return everyKind;
  }

  override scanSet(members: readonly ScanMember[]): Uint8Array {
    return compileScanSet(members.map(() => noRequirement));
  }
}

const rules = `
SecRule REQUEST_HEADERS_NAMES "@rx ^.*$" "id:1,phase:1,pass,log,capture,t:none,t:lowercase,setvar:'tx.seen_name_%{tx.0}=/%{tx.0}/',chain"
SecRule TX:/^seen_name_/ "@within /proxy/ /content-encoding/ /x-if/" "setvar:tx.score=+5"
SecRule ARGS|REQUEST_COOKIES "@rx evil\\(" "id:2,phase:2,pass,log,capture,multiMatch,t:none,t:urlDecodeUni,t:jsDecode,t:base64Decode,t:urlDecodeUni"
SecRule ARGS|ARGS_NAMES "@rx select.+from" "id:3,phase:2,pass,log,t:none,t:urlDecodeUni,t:lowercase,t:replaceComments,t:compressWhitespace"
SecRule ARGS "@pm <script alert" "id:4,phase:2,pass,log,t:none,t:utf8toUnicode,t:urlDecodeUni,t:htmlEntityDecode,t:jsDecode,t:cssDecode,t:removeNulls"
SecRule ARGS "@rx /etc/passwd" "id:5,phase:2,pass,log,t:none,t:cmdLine,t:normalizePath"
SecRule ARGS "@detectSQLi" "id:6,phase:2,pass,log,multiMatch,t:none,t:urlDecodeUni,t:removeNulls"
SecRule ARGS "@detectXSS" "id:7,phase:2,pass,log,t:none,t:urlDecodeUni,t:htmlEntityDecode"
SecRule ARGS|REQUEST_HEADERS "@validateByteRange 32-126" "id:8,phase:2,pass,log,t:none,t:urlDecodeUni"
SecRule ARGS "@validateUtf8Encoding" "id:9,phase:2,pass,log"
SecRule ARGS "@validateUrlEncoding" "id:10,phase:2,pass,log"
SecRule ARGS "@rx ^$" "id:11,phase:2,pass,log,t:none,t:removeWhitespace"
SecRule ARGS "@rx ^[0-9a-f]{40}$" "id:12,phase:2,pass,log,t:none,t:sha1,t:hexEncode"
SecRule ARGS "@streq 3" "id:13,phase:2,pass,log,t:none,t:length"
SecRule ARGS|REQUEST_BODY "@rx (?i)(?:^|[;=])\\s*w[\\x22'\\x5c]*g[\\x22'\\x5c]*e[\\x22'\\x5c]*t\\b" "id:15,phase:2,pass,log,capture,t:none,t:urlDecodeUni"
SecRule TX:score "@ge 5" "id:14,phase:2,pass,log,msg:'%{tx.score}'"
`;
/** Looks at names that nobody can tell, so all are copied. Nothing has one of them. */
const looksAtAll = 'SecRule TX:/none(?:such)/ "@rx ." "id:99,phase:2,pass,log"\n';

const headers = ['Proxy', 'proxy', 'Content-Encoding', 'X-If', 'If', 'X-Other', 'seen_name_proxy'];
const pieces = [
  ...[
    'evil(',
    'ZXZpbCg=',
    'ZXZpbCgx',
    '%65vil(',
    '\\x65vil(',
    'c2VsZWN0',
    'select',
    ' from ',
    '/**/',
  ],
  ...[
    'SELECT',
    '\t',
    ' ',
    '<script',
    '&lt;script',
    'alert',
    '/etc',
    '/./',
    '//',
    'passwd',
    "'",
    '"',
  ],
  ...[
    '1',
    ' or ',
    '=',
    '--',
    'union',
    '%zz',
    'wget',
    ' w"g\\et',
    ';',
    '%3bw%67et ',
    'OzogLi5f',
    '%',
    '+',
    '\xc3\xa9',
    '\xff',
    '\0',
    '%00',
    'a',
    'Zz',
    '^',
  ],
];

/** One for each rule, so that none is met by luck alone. */
const sure: readonly SeclangCase[] = [
  { fields: [['Proxy', 'x']] },
  ...[
    ...[
      'ZXZpbCg=',
      'SELECT/**/x+from',
      '%26lt;script',
      '/etc/./pas^swd',
      "1'+or+'1'='1",
      '%3Cscript%3E',
    ],
    ...['%01', '\xff', '%zz', '%20', '', '123'],
  ].map((value): SeclangCase => ({ target: `/?a=${value}` })),
  // Words in a plain value, and with marks between their letters.
  { target: '/?c=wget' },
  { target: '/?c=x%3bw%22get' },
];

function randomCase(random: () => number): SeclangCase {
  const pick = (list: readonly string[]): string => list[Math.floor(random() * list.length)] ?? '';
  const value = (): string =>
    Array.from({ length: Math.floor(random() * 5) }, () => pick(pieces)).join('');
  const encoded = (text: string): string =>
    random() < 0.5
      ? text.replaceAll(/[^a-z0-9%+/=.]/gi, (one) => escape(one))
      : text.replaceAll(/[\0\t\n #&]/g, '_');
  return {
    target: `/?${Array.from({ length: 3 }, () => `${pick(['a', 'select'])}=${encoded(value())}`).join('&')}`,
    fields: [
      [pick(headers), value().replaceAll(/[\0\t\n]/g, '_')],
      ['Cookie', `a=${value().replaceAll(/[\0\t\n;]/g, '_')}`],
    ],
  };
}

describe('shortcuts', () => {
  it('say the same of random requests as looking at everything', (test) => {
    const seed = Number(process.env['FC_SEED'] ?? randomInt(2 ** 31));
    test.diagnostic(`FC_SEED=${seed}`);
    const random = randomOf(seed);
    const short = new SeclangRules(seclangModule(rules));
    const whole = new SeclangRules(seclangModule(rules + looksAtAll, new Everything()));
    const found = new Set<number>();
    const requests = [...sure, ...Array.from({ length: 1_000 }, () => randomCase(random))];
    for (const request of requests) {
      const { ids, matches, failures } = short.run(request);
      const reference = whole.run(request);
      assert.deepEqual(
        { ids, matches, failures },
        { ids: reference.ids, matches: reference.matches, failures: reference.failures },
        JSON.stringify(request),
      );
      for (const id of ids) found.add(id);
    }
    assert.deepEqual(
      [...found].toSorted((a, b) => a - b),
      Array.from({ length: 15 }, (_, index) => index + 1),
      'each rule was met',
    );
  });
});
