/** Which route a request takes, and that no spelling of a path leaves the policy it belongs to. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Router } from '#proxy/router.ts';
import { viewOf } from '../support/view.ts';

const table = [
  ['*', '/'],
  ['*', '/admin'],
  ['*', '/admin/users'],
  ['*', '/files/'],
  ['a.test', '/'],
  ['a.test', '/api'],
  ['only.test', '/only'],
  ['*.w.test', '/'],
  ['*.w.test', '/in'],
  ['*.deep.w.test', '/deep'],
  ['x.w.test', '/x'],
  ['[::1]', '/'],
] as const;

function routeOf(
  host: string,
  target: string,
  routes: readonly (readonly [string, string])[] = table,
): string | undefined {
  const router = new Router(
    routes.map(([name, path]) => ({ match: { host: name, path }, value: `${name} ${path}` })),
  );
  return router.match(router.hostEntries(host), viewOf({ target, headers: [['Host', host]] }));
}

describe('hosts', () => {
  const rows: readonly [host: string, target: string, route: string | undefined][] = [
    ['a.test', '/', 'a.test /'],
    ['A.TEST', '/', 'a.test /'],
    ['a.test:8443', '/', 'a.test /'],
    ['a.test.', '/', 'a.test /'],
    ['a.test.:80', '/', 'a.test /'],
    ['[::1]', '/', '[::1] /'],
    ['[::1]:80', '/', '[::1] /'],
    ['b.test', '/', '* /'],
    ['', '/', '* /'],
    ['xa.test', '/', '* /'],
    ['only.test', '/only', 'only.test /only'],
    ['only.test', '/other', '* /'],
    ['w.test', '/', '* /'],
    ['q.w.test', '/', '*.w.test /'],
    ['q.r.w.test', '/in', '*.w.test /in'],
    ['.w.test', '/', '* /'],
    ['qw.test', '/', '* /'],
    ['q.deep.w.test', '/deep', '*.deep.w.test /deep'],
    ['q.deep.w.test', '/in', '*.w.test /in'],
    ['x.w.test', '/x', 'x.w.test /x'],
    ['x.w.test', '/in', '*.w.test /in'],
    ['x.w.test', '/y', '*.w.test /'],
  ];
  for (const [host, target, route] of rows) {
    it(`${JSON.stringify(host)} ${target} → ${route}`, () =>
      assert.equal(routeOf(host, target), route));
  }

  it('no route where no host fits', () => {
    assert.equal(routeOf('b.test', '/', [['a.test', '/']]), undefined);
    assert.equal(routeOf('a.test', '/', [['a.test', '/x']]), undefined);
  });

  it('remembers only so many hosts and still answers for the rest', () => {
    const router = new Router([{ match: { host: 'a.test', path: '/' }, value: 1 }]);
    for (let i = 0; i < 10_000; i++) router.hostEntries(`h${i}.test`);
    assert.equal(router.match(router.hostEntries('a.test:9'), viewOf({ target: '/' })), 1);
  });
});

describe('paths', () => {
  const rows: readonly [target: string, route: string | undefined][] = [
    ['/', '* /'],
    ['/admin', '* /admin'],
    ['/admin/', '* /admin'],
    ['/admin?x', '* /admin'],
    ['/admin/users/1', '* /admin/users'],
    ['/administrator', '* /'],
    ['/admin.php', '* /'],
    ['/Admin', '* /'],
    ['/files', '* /'],
    ['/files/a', '* /files/'],
    ['http://b.test/admin', '* /admin'],
    ['http://b.test', '* /'],
    ['/%61dmin', '* /admin'],
    ['/%61%64%6D%69%6e/users', '* /admin/users'],
    ['/admin/%75sers', '* /admin/users'],
    ['/a%2fb', '* /'],
    ['/admin/a%2Fb', '* /admin'],
    ['/admin//x', '* /admin'],
    ['/admin/./x', '* /admin'],
    ['/%zz', '* /'],
    ['/admin%', '* /'],
    ['/.well-known/x', '* /'],
    ['/admin/..x', '* /admin'],
    // Two readings that lead to two routes: nobody's.
    ['//admin', undefined],
    ['/./admin', undefined],
    ['/%2fadmin', undefined],
    ['/%2eadmin'.replace('eadmin', 'e/admin'), undefined],
    ['/admin%2fusers', undefined],
    ['/\\admin', undefined],
    ['/admin\\users', undefined],
    ['/admin%5cusers', undefined],
    ['/admin//users', undefined],
    ['/admin/.//users', undefined],
    // Climbing: some origins resolve it, some do not, some after decoding.
    ['/x/../admin', undefined],
    ['/x/%2e%2e/admin', undefined],
    ['/x/.%2E/admin', undefined],
    ['/admin/../x', undefined],
    ['/admin/..%2fx', undefined],
    ['/admin/..\\x', undefined],
    ['/admin/..%5cx', undefined],
    ['/admin/..', undefined],
    ['/../admin', undefined],
    ['/a/../admin/..%2f..%2fa', undefined],
  ];
  for (const [target, route] of rows) {
    it(`${target} → ${route ?? 'no route'}`, () => assert.equal(routeOf('b.test', target), route));
  }

  it('no path is refused where there is but one route', () => {
    for (const target of ['/x/../admin', '//', '/..%2f', '/\\', 'http://b.test']) {
      assert.equal(routeOf('b.test', target, [['*', '/']]), '* /');
    }
  });

  it('OPTIONS * goes where / goes', () => assert.equal(routeOf('b.test', '*'), '* /'));
});
