/** What a client says in fields, and what RFC 9113 section 8 has the edge say: rows for `test/wire/http2-conformance.test.ts`. */
import type { Http2Case } from './http2-frame-cases.ts';
import {
  data,
  END_HEADERS,
  type Field,
  headers,
  post,
  simplePost,
  simpleRequest,
} from './http2-peer.ts';

const withField = (...more: readonly Field[]): Buffer => headers(1, [...simpleRequest, ...more]);
const without = (name: string): Field[] => simpleRequest.filter(([one]) => one !== name);
const replaced = (name: string, value: string): Field[] =>
  simpleRequest.map((field) => (field[0] === name ? [name, value] : field));
const malformed = 'reset 1 on 1';

export const messageCases: Record<string, readonly Http2Case[]> = {
  '8.1 requests': [
    [
      'a second HEADERS without END_STREAM',
      [post(1), headers(1, [['x', 'y']], END_HEADERS)],
      malformed,
    ],
    ['trailers', [post(1), data(1, 'a', 0), headers(1, [['x-sum', '1']])], 'ok'],
    [
      'trailers with a pseudo field',
      [post(1), data(1, 'a', 0), headers(1, [[':path', '/']])],
      malformed,
    ],
    ['trailers with a capital', [post(1), data(1, 'a', 0), headers(1, [['X', 'y']])], malformed],
    ['a body of the length said', [post(1, [['content-length', '5']]), data(1, 'hello')], 'ok'],
    [
      'a body in two parts of the length said',
      [post(1, [['content-length', '5']]), data(1, 'he', 0), data(1, 'llo')],
      'ok',
    ],
    ['a body longer than said', [post(1, [['content-length', '1']]), data(1, 'hello')], malformed],
    ['a body shorter than said', [post(1, [['content-length', '6']]), data(1, 'hello')], malformed],
    [
      'a body in parts longer than said',
      [post(1, [['content-length', '3']]), data(1, 'he', 0), data(1, 'llo')],
      malformed,
    ],
    [
      'a body that trailers end too early',
      [post(1, [['content-length', '6']]), data(1, 'he', 0), headers(1, [['x', 'y']])],
      malformed,
    ],
    ['a length and no body', [headers(1, [...simplePost, ['content-length', '1']])], malformed],
    [
      'two lengths',
      [
        post(1, [
          ['content-length', '5'],
          ['content-length', '5'],
        ]),
        data(1, 'hello'),
      ],
      malformed,
    ],
    ['a list of lengths', [post(1, [['content-length', '5, 5']]), data(1, 'hello')], malformed],
  ],
  '8.2 fields': [
    ['a capital in a name', [withField(['X-Test', 'a'])], malformed],
    ['an empty name', [withField(['', 'a'])], malformed],
    ['a blank in a name', [withField(['x test', 'a'])], malformed],
    ['CR LF in a value', [withField(['x', 'a\r\nb: c'])], malformed],
    ['NUL in a value', [withField(['x', 'a\0'])], malformed],
    ['DEL in a value', [withField(['x', 'a\x7f'])], malformed],
    ['a blank before a value', [withField(['x', ' a'])], malformed],
    ['a tab behind a value', [withField(['x', 'a\t'])], malformed],
    ['a blank within a value', [withField(['x', 'a b\tc'])], 'ok'],
    ['an empty value', [withField(['x', ''])], 'ok'],
    ['connection', [withField(['connection', 'keep-alive'])], malformed],
    ['keep-alive', [withField(['keep-alive', '5'])], malformed],
    ['proxy-connection', [withField(['proxy-connection', 'close'])], malformed],
    ['transfer-encoding', [withField(['transfer-encoding', 'chunked'])], malformed],
    ['upgrade', [withField(['upgrade', 'h2c'])], malformed],
    ['te: trailers', [withField(['te', 'trailers'])], 'ok'],
    ['te: anything else', [withField(['te', 'gzip'])], malformed],
  ],
  '8.3 pseudo fields': [
    ['an unknown one', [withField([':test', 'a'])], malformed],
    ['one of responses', [headers(1, [...simpleRequest, [':status', '200']])], malformed],
    ['behind other fields', [headers(1, [['x', 'y'], ...simpleRequest])], malformed],
    ['empty :path', [headers(1, replaced(':path', ''))], malformed],
    ['no :method', [headers(1, without(':method'))], malformed],
    ['no :scheme', [headers(1, without(':scheme'))], malformed],
    ['no :path', [headers(1, without(':path'))], malformed],
    ['two :method', [headers(1, [...simpleRequest, [':method', 'GET']])], malformed],
    ['two :scheme', [headers(1, [...simpleRequest, [':scheme', 'https']])], malformed],
    ['two :path', [headers(1, [...simpleRequest, [':path', '/']])], malformed],
    ['two :authority', [headers(1, [...simpleRequest, [':authority', 'edge.test']])], malformed],
    ['neither :authority nor host', [headers(1, without(':authority'))], malformed],
    [
      'host instead of :authority',
      [headers(1, [...without(':authority'), ['host', 'edge.test']])],
      'ok',
    ],
    ['host beside :authority, the same', [withField(['host', 'EDGE.test'])], 'ok'],
    ['host beside :authority, another', [withField(['host', 'other.test'])], malformed],
    [
      'user information in :authority',
      [headers(1, replaced(':authority', 'a@edge.test'))],
      malformed,
    ],
    ['a path that does not begin with a slash', [headers(1, replaced(':path', 'a'))], malformed],
    ['an absolute path', [headers(1, replaced(':path', 'https://edge.test/'))], malformed],
    ['OPTIONS *', [headers(1, [[':method', 'OPTIONS'], ...replaced(':path', '*').slice(1)])], 'ok'],
    ['another scheme', [headers(1, replaced(':scheme', 'ftp'))], malformed],
    [
      ':protocol',
      [headers(1, [[':method', 'CONNECT'], [':protocol', 'websocket'], ...simpleRequest.slice(1)])],
      malformed,
    ],
  ],
};
