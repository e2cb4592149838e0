/** Which files of a folder are read, and in which order. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { loadRules } from '#waf/language/load.ts';
import { findDebianRules, findRuleFolder, sourcesOf } from '#waf/language/rule-files.ts';
import type { RuleReader } from '#waf/language/rule-reader.ts';

function disk(...paths: readonly string[]): RuleReader {
  return {
    read: (path) => (paths.includes(path) ? { text: '' } : { problem: 'there is no such file' }),
    list(folder) {
      const prefix = `${folder.replace(/\/$/, '')}/`;
      const below = paths.filter((path) => path.startsWith(prefix));
      if (below.length === 0) return null;
      return [
        ...new Set(below.map((path) => path.slice(prefix.length).split('/')[0] ?? '')),
      ].reverse();
    },
  };
}

function order(folder: string, reader: RuleReader): readonly string[] {
  const found = findRuleFolder(folder, reader);
  assert(found !== null);
  const added = { kind: 'text', name: '(mine)', text: '', folder: '/' } as const;
  return sourcesOf(found, { afterSetup: [added] }).map((source) =>
    source.kind === 'file' ? source.path.slice(folder.length + 1) : source.name,
  );
}

describe('a folder of rules', () => {
  it('in the layout of a release is read setup first, plugins around the rules', () => {
    const names = [
      'plugins/b-after.conf',
      'plugins/a-before.conf',
      'plugins/z-config.conf',
      'plugins/.hidden-before.conf',
      'rules/REQUEST-949.conf',
      'rules/REQUEST-901.conf',
      'rules/x.data',
      'rules/REQUEST-900.conf.example',
      'crs-setup.conf.example',
      'modsecurity.conf-recommended',
      'tests/a.yaml',
    ];
    assert.deepEqual(order('/crs', disk(...names.map((name) => `/crs/${name}`))), [
      ...[
        'modsecurity.conf-recommended',
        'crs-setup.conf.example',
        '(mine)',
        'plugins/z-config.conf',
      ],
      ...['plugins/a-before.conf', 'rules/REQUEST-901.conf', 'rules/REQUEST-949.conf'],
      'plugins/b-after.conf',
    ]);
  });

  it('has its own files read before templates, and defaults for what it lacks', () => {
    const names = ['crs-setup.conf', 'crs-setup.conf.example', 'rules/a.conf'];
    assert.deepEqual(order('/crs', disk(...names.map((name) => `/crs/${name}`))), [
      ...['defaults of the engine', 'crs-setup.conf', '(mine)', 'rules/a.conf'],
    ]);
  });

  it('of any other kind is its files by name', () => {
    assert.deepEqual(order('/mine', disk('/mine/b.conf', '/mine/a.conf', '/mine/c.data')), [
      ...['(mine)', 'a.conf', 'b.conf'],
    ]);
    assert.equal(findRuleFolder('/mine', disk('/mine/c.data')), null);
    assert.equal(findRuleFolder('/gone', disk('/mine/c.conf')), null);
  });

  it('of Debian lies in two places', () => {
    const reader = disk(
      '/r/usr/share/modsecurity-crs/rules/REQUEST-901.conf',
      '/r/usr/share/modsecurity-crs/owasp-crs.load',
      '/r/etc/modsecurity/crs/crs-setup.conf',
      '/r/etc/modsecurity/crs/RESPONSE-999-EXCLUSION-RULES-AFTER-CRS.conf',
      '/r/etc/modsecurity/crs/REQUEST-900-EXCLUSION-RULES-BEFORE-CRS.conf',
      '/r/etc/modsecurity/crs/plugins/mine-config.conf',
      '/r/usr/share/modsecurity-crs/plugins/shop-before.conf',
      '/r/etc/modsecurity/crs/plugins/mine-after.conf',
    );
    const found = findDebianRules(reader, '/r');
    assert.deepEqual(found?.setup, ['/r/etc/modsecurity/crs/crs-setup.conf']);
    assert.deepEqual(
      found.rules.map((path) => path.slice(path.lastIndexOf('/') + 1)),
      [
        ...['mine-config.conf', 'shop-before.conf'],
        ...['REQUEST-900-EXCLUSION-RULES-BEFORE-CRS.conf', 'REQUEST-901.conf'],
        ...['RESPONSE-999-EXCLUSION-RULES-AFTER-CRS.conf', 'mine-after.conf'],
      ],
    );
    assert.deepEqual(findRuleFolder('/r/usr/share/modsecurity-crs/', reader), found);
    assert.equal(findDebianRules(disk('/a/b'), '/r'), null);
  });

  it('without the file of the engine has defaults that are in order', () => {
    const found = findRuleFolder('/crs', disk('/crs/crs-setup.conf', '/crs/rules/a.conf'));
    assert(found !== null);
    const { problems, ruleSet } = loadRules(sourcesOf(found), {
      reader: disk('/crs/crs-setup.conf', '/crs/rules/a.conf'),
    });
    assert.deepEqual(problems, []);
    assert.equal(ruleSet.rules.length, 5);
    assert(ruleSet.settings.responseBodyAccess);
  });
});
