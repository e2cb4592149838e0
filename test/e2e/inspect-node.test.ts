/** `weir inspect` asks a running node what its live rules make of a request, and nothing of it goes anywhere. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { InspectAnswer } from '#admin/inspect-control.ts';
import { startEchoOrigin } from '../support/echo-origin.ts';
import { type EdgeProcess, startEdgeProcess } from '../support/edge-process.ts';
import { newFolder, weir } from '../support/own-module.ts';

const rules = `
SecRuleEngine On
SecRequestBodyAccess On
SecRule ARGS "@contains attack" "id:1,phase:2,deny,status:403,log,msg:'an attack'"
SecRule ARGS_NAMES "@streq odd" "id:2,phase:2,pass,log,severity:WARNING,msg:'an odd name'"
`;

describe('weir inspect with a node', () => {
  const folder = newFolder();
  let edge: EdgeProcess;
  let closeOrigin: () => Promise<void>;

  before(async () => {
    const origin = await startEchoOrigin(['x-say']);
    closeOrigin = () => Promise.resolve(origin[Symbol.asyncDispose]());
    const file = join(folder, 'own.conf');
    writeFileSync(file, rules);
    edge = await startEdgeProcess(`
edge: { workers: 1, listeners: [{ address: "127.0.0.1:0", plaintext: true }] }
upstreams: { app: { servers: [{ url: "${origin.url}" }] } }
routes:
  - { match: { path: /watched }, upstream: app, waf: { rules: [own], mode: monitor } }
  - { match: { path: /bare }, upstream: app }
  - { upstream: app, waf: { rules: [own, path-traversal] } }
waf: { rules: { own: { seclang: [${file}] }, path-traversal: { module: "builtin:path-traversal" } } }
kernel: { xdp: off }
`);
  });

  after(async () => {
    await edge?.[Symbol.asyncDispose]();
    await closeOrigin?.();
  });

  const inspect = async (...argv: string[]): Promise<InspectAnswer> => {
    const said = await weir(edge, 'inspect', ...argv, '--json');
    assert.equal(said.code, 0, said.text);
    return JSON.parse(said.text) as InspectAnswer;
  };

  it('an ordinary request passes, by its route', async () => {
    const { route, verdict, matches, fuel, failures } = await inspect('--uri', '/a?q=chair');
    assert.deepEqual(
      { verdict, matches, failures },
      { verdict: 'passed', matches: [], failures: [] },
    );
    assert.ok(route !== null && fuel > 0);
  });

  it('each match is shown, with what decided', async () => {
    const answer = await inspect('--uri', '/a?odd=1', '--body', 'note=an+attack');
    assert.equal(answer.verdict, 'stopped');
    assert.equal(answer.rule, 'own/1');
    assert.equal(answer.reason, 'an attack');
    assert.deepEqual(
      answer.matches.map(({ rule, target, matched, severity, mode }) => [
        rule,
        target,
        matched,
        severity,
        mode,
      ]),
      [['own/1', 'ARGS:note', 'an attack', null, 'block']],
    );
    const odd = await inspect('--uri', '/a?odd=1');
    assert.deepEqual(
      odd.matches.map(({ rule, message, severity }) => [rule, message, severity]),
      [['own/2', 'an odd name', 4]],
    );
    assert.equal(odd.verdict, 'passed');
  });

  it('modules of other kinds are asked as well, and a route that watches stops nothing', async () => {
    const traversal = await inspect('--uri', '/a?file=../../etc/passwd');
    assert.equal(traversal.verdict, 'stopped');
    assert.match(traversal.rule, /^path-traversal\//);
    const watched = await inspect('--uri', '/watched?q=attack');
    assert.equal(watched.verdict, 'noted');
    assert.deepEqual([watched.rule, watched.matches[0]?.mode], ['own/1', 'monitor']);
    const bare = await inspect('--uri', '/bare?q=attack');
    assert.deepEqual([bare.verdict, bare.matches, bare.fuel], ['passed', [], 0]);
  });

  it('what is refused before its rules is said to be', async () => {
    const { verdict, status, route } = await inspect('--uri', '/', '--header', 'Host: a b');
    assert.deepEqual({ verdict, status, route }, { verdict: 'refused', status: 400, route: null });
  });

  it('says it in words, and refuses what it cannot ask', async () => {
    const said = await weir(edge, 'inspect', '--uri', '/a?q=attack');
    assert.match(said.text, /stopped by own\/1: an attack/);
    assert.match(said.text, /ARGS:q/);
    const unknown = await weir(edge, 'inspect', '--client', 'nobody');
    assert.notEqual(unknown.code, 0);
    assert.match(unknown.text, /nobody is no address/);
    assert.match((await weir(edge, 'inspect', '--paranoia', '2')).text, /is for --rules/);
  });
});
