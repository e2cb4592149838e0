/** JSON bodies: the arguments they give, or what is wrong with them. */
export type JsonCase = {
  readonly name: string;
  readonly body: string;
  readonly depthMax?: number;
  readonly values?: readonly string[];
  readonly failure?: string;
};

const said = (words: string): string => `JSON parsing error: ${words}`;
const badChar = said('lexical error: invalid char in json text.');
const cutOff = said('parse error: premature EOF');
const badNumber = said('lexical error: malformed number');
const badKey = said('parse error: object key must be a string');
const noComma = said('parse error: after a value, a comma or the end of its container is expected');
const trailing = said('parse error: trailing garbage');
const badUtf8 = said('lexical error: invalid bytes in UTF8 string.');
const badEscape = said('lexical error: invalid escape in string.');
const badByte = said('lexical error: invalid character inside string.');

export const jsonCases: readonly JsonCase[] = [
  { name: 'paths of names', body: '{"a":{"b":1},"c":"d"}', values: ['json.a.b=1', 'json.c=d'] },
  {
    name: 'elements are called as their array',
    body: '{"a":[1,[2],{"b":3}]}',
    values: ['json.a=1', 'json.a=2', 'json.a.b=3'],
  },
  {
    name: 'an array alone',
    body: '[true,false,null]',
    values: ['json=true', 'json=false', 'json='],
  },
  { name: 'a value alone', body: ' "x"\r\n\t', values: ['json=x'] },
  { name: 'a key twice', body: '{"a":1,"a":2}', values: ['json.a=1', 'json.a=2'] },
  { name: 'an empty key', body: '{"":1}', values: ['json.=1'] },
  { name: 'empty containers', body: '{"a":{},"b":[],"c":[{}]}', values: [] },
  {
    name: 'numbers as they stand',
    body: '[-0,1e400,123456789012345678901234567890,-1.50E+2]',
    values: ['json=-0', 'json=1e400', 'json=123456789012345678901234567890', 'json=-1.50E+2'],
  },
  {
    name: 'escapes',
    body: '["\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\u00e9\\u20ac\\ud83d\\ude00"]',
    values: ['json="\\/\b\f\n\r\tA\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80'],
  },
  {
    name: 'an escaped NUL, in a key too',
    body: '{"a\\u0000b":"\\u0000c"}',
    values: ['json.a\0b=\0c'],
  },
  {
    name: 'half a surrogate pair',
    body: '["\\ud800x","\\udc00","\\ud800\\u0041"]',
    values: ['json=?x', 'json=?', 'json=?A'],
  },
  { name: 'depth at the bound', body: '[[[1]]]', depthMax: 3, values: ['json=1'] },
  {
    name: 'depth beyond the bound',
    body: '[[[1]]]',
    depthMax: 2,
    failure: said('JSON depth limit exceeded'),
  },
  { name: 'nothing', body: '', values: [] },
  { name: 'blanks alone', body: ' \n', failure: cutOff },
  { name: 'a byte-order mark', body: '\xef\xbb\xbf{}', failure: badChar },
  { name: 'UTF-16', body: '\xff\xfe{\0}\0', failure: badChar },
  { name: 'single quotes', body: "{'a':1}", failure: badKey },
  { name: 'a bare key', body: '{a:1}', failure: badKey },
  { name: 'a comma too many', body: '[1,]', failure: badChar },
  { name: 'a comma too many in an object', body: '{"a":1,}', failure: badKey },
  { name: 'a comment', body: '/**/{}', failure: badChar },
  { name: 'no comma', body: '[1 2]', failure: noComma },
  { name: 'the wrong end', body: '[1}', failure: noComma },
  {
    name: 'no colon',
    body: '{"a" 1}',
    failure: said('parse error: object key and value must be separated by a colon'),
  },
  { name: 'cut off', body: '{"a":[1', failure: cutOff },
  { name: 'cut off in a string', body: '["a', failure: cutOff },
  { name: 'cut off in an escape', body: '["\\', failure: cutOff },
  { name: 'trailing bytes', body: '{}x', failure: trailing },
  { name: 'a second text', body: '{}{}', failure: trailing },
  { name: 'a trailing NUL', body: '{}\0', failure: trailing },
  { name: 'a NUL in front', body: '\0{}', failure: badChar },
  { name: 'a NUL in a string', body: '["a\0"]', failure: badByte },
  { name: 'a line feed in a string', body: '["a\n"]', failure: badByte },
  { name: 'a line feed behind an escape', body: '["\\u0041\n"]', failure: badByte },
  { name: 'bad UTF-8', body: '["\xc3("]', failure: badUtf8 },
  { name: 'bad UTF-8 behind an escape', body: '["\\n\xff"]', failure: badUtf8 },
  { name: 'an overlong form', body: '["\xc0\xaf"]', failure: badUtf8 },
  { name: 'a surrogate in UTF-8', body: '["\xed\xa0\x80"]', failure: badUtf8 },
  { name: 'an unknown escape', body: '["\\x41"]', failure: badEscape },
  { name: 'a short escape', body: '["\\u004"]', failure: badEscape },
  { name: 'a leading zero', body: '[01]', failure: noComma },
  { name: 'a plus sign', body: '[+1]', failure: badChar },
  { name: 'a minus sign alone', body: '[-]', failure: badNumber },
  { name: 'no digit behind the point', body: '[1.]', failure: badNumber },
  { name: 'no digit in the exponent', body: '[1e]', failure: badNumber },
  { name: 'NaN', body: '[NaN]', failure: badChar },
  { name: 'a literal that goes on', body: '[trueish]', failure: noComma },
  {
    name: 'names that repeat a long path',
    body: `{"${'k'.repeat(2_000)}":{${Array.from({ length: 200 }, (_, i) => `"${i}":1`).join()}}}`,
    failure: said('names of arguments are too long'),
  },
];
