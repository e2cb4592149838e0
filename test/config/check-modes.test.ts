/** Modes, thresholds, windows and what routes take: what is about nothing is said. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { loadConfig } from '#config/load.ts';
import { problemsOf, text } from '../support/config-check.ts';

const rules =
  'waf: { rules: { core: { module: "builtin:core" }, mod: { module: "builtin:path-traversal" } } }';
const route = (waf: string): string => `[{ upstream: app, waf: ${waf} }]`;

const wrong: readonly (readonly [why: string, routes: string, says: RegExp])[] = [
  [
    'a row about nothing',
    '{ rules: [core], modes: [{ mode: off }] }',
    /modes\[0\]: names no rules, no tags and no entry/,
  ],
  [
    'an entry that is not there',
    '{ rules: [core], modes: [{ entry: cor, mode: monitor }] }',
    /modes\[0\]\.entry: "cor" is none of .*did you mean core\?/,
  ],
  [
    'an entry of another route',
    '{ rules: [core], modes: [{ entry: mod, mode: monitor }] }',
    /modes\[0\]\.entry: "mod" is none of/,
  ],
  [
    'a range that holds nothing',
    '{ rules: [core], modes: [{ rules: ["9-1"], mode: monitor }] }',
    /rules\[0\]: 9-1 holds no number \(write 1-9\)/,
  ],
  [
    'a threshold without a rule set',
    '{ rules: [mod], inboundThreshold: 5 }',
    /inboundThreshold: is for SecLang rule sets/,
  ],
  [
    'a window beyond what modules have room for',
    '{ rules: [core], bodyWindowBytes: 200000 }',
    /bodyWindowBytes: 200000 bytes are more than modules have room for/,
  ],
  [
    'an extension both ways',
    '{ accept: { extensions: [js], refusedExtensions: [php, js] } }',
    /refusedExtensions\[1\]: js is in extensions too/,
  ],
];

for (const [why, waf, says] of wrong)
  it(`is found: ${why}`, async () => {
    const problems = await problemsOf({
      routes: route(waf.replace('mode: off', 'mode: "off"')),
      rest: rules,
    });
    assert.equal(problems.length, 1, problems.join('\n'));
    assert.match(problems[0] ?? '', says);
  });

it('is in order where everything is about something', async () => {
  const waf =
    '{ rules: [core, mod], inboundThreshold: 9, bodyWindowBytes: 1000, modes: [{ entry: mod, mode: monitor }, { rules: ["1-9", "mod/x"], tags: [a], mode: "off" }], accept: { extensions: [js], refusedExtensions: [php] } }';
  assert.deepEqual(await problemsOf({ routes: route(waf), rest: rules }), []);
});

it('refuses a row that would make a rule stronger, and names that are none', () => {
  for (const waf of [
    '{ modes: [{ rules: ["1"], mode: block }] }',
    '{ modes: [{ rules: ["a rule"], mode: monitor }] }',
    '{ accept: { uploadTypes: [jpg] } }',
    '{ accept: { contentTypes: ["*/*"] } }',
    '{ mode: watch }',
  ])
    assert.ok(!loadConfig({ file: null, env: {}, defaults: text({ routes: route(waf) }) }).ok, waf);
});
