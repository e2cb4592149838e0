import assert from 'node:assert/strict';
import { it } from 'node:test';
import { parse } from 'yaml';
import { annotate } from '#cli/annotate-config.ts';

const config = {
  edge: { workers: 'auto', trustedProxies: [], none: {}, limits: { headersMax: 100 } },
  routes: [{ upstream: 'app', rules: ['one', 'two'] }],
  text: 'a # that is no comment',
  long: 'x'.repeat(80),
  number: '8443',
};
const origins = new Map([
  ['edge.workers', 'env WEIR_EDGE_WORKERS'],
  ['edge.trustedProxies', 'default'],
  ['edge.limits.headersMax', 'file:4'],
  ['routes[0].upstream', 'file:7'],
  ['routes[0].rules', 'file:8'],
  ['text', 'file:9'],
]);

it('reads back as the same values', () => {
  assert.deepEqual(parse(annotate(config, origins)), config);
});

it('gives each value its origin, and the items of a list the one of the list', () => {
  const text = annotate(config, origins);
  for (const pattern of [
    /^ {2}workers: auto +# env WEIR_EDGE_WORKERS$/m,
    /^ {2}trustedProxies: \[\] +# default$/m,
    /^ {4}headersMax: 100 +# file:4$/m,
    /^ {2}- upstream: app +# file:7$/m,
    /^ {6}- two +# file:8$/m,
    /^text: ".*" +# file:9$|^text: 'a # that is no comment' +# file:9$/m,
  ]) {
    assert.match(text, pattern);
  }
});
