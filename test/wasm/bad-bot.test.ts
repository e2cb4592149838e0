/** The module `bad-bot` with a configuration; what it does without one stands in its cases. */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { type RuleAnswer, RuleModule, shippedBytes } from '../support/rule-module.ts';

let bytes: Uint8Array;

before(async () => {
  bytes = await shippedBytes('bad-bot');
});

const open = (config: object): RuleModule => new RuleModule('bad-bot', bytes, config);
const ask = (module: RuleModule, agent: string, address = '203.0.113.7'): RuleAnswer =>
  module.head({ target: '/', headers: [['User-Agent', agent]] }, { address });

const google = 'Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)';

describe('bad-bot', () => {
  it('takes names beside its own, each alone in the text', () => {
    const module = open({ names: ['acmecrawler', 'evil spider'] });
    assert.equal(ask(module, 'AcmeCrawler/1.0').stop, 'block 403 bad-bot/listed header:user-agent');
    assert.equal(ask(module, 'the Evil Spider').stop, 'block 403 bad-bot/listed header:user-agent');
    assert.equal(ask(module, 'myacmecrawler').stop, null);
    assert.equal(ask(module, 'sqlmap/1').stop, 'block 403 bad-bot/attack-tool header:user-agent');
  });

  it('leaves names away that are wanted', () => {
    const module = open({ allow: 'nuclei' });
    assert.equal(ask(module, 'Nuclei - v3').stop, null);
    assert.equal(ask(module, 'nikto').stop, 'block 403 bad-bot/attack-tool header:user-agent');
  });

  it('lets a search engine through that comes from where it says, whatever names there are', () => {
    const module = open({
      names: 'googlebot',
      engines: { mybot: ['192.0.2.0/24', '2001:db8::/32'] },
    });
    assert.equal(ask(module, google, '66.249.66.1').stop, null);
    assert.equal(ask(module, google, '2001:4860:4801:10::1').stop, null);
    assert.equal(ask(module, google).stop, 'block 403 bad-bot/listed header:user-agent');
    assert.equal(ask(module, 'mybot sqlmap', '192.0.2.9').stop, null);
    assert.notEqual(ask(module, 'mybot sqlmap', '192.0.3.9').stop, null);
    assert.notEqual(ask(module, `${google} sqlmap`, '192.0.2.9').stop, null);
  });

  it('challenges, tags and scores where it is told to', () => {
    assert.equal(
      ask(open({ action: 'challenge' }), 'nikto').stop,
      'challenge bad-bot/attack-tool header:user-agent',
    );
    assert.deepEqual(ask(open({ action: 'tag' }), 'nikto').tags, ['bad-bot/attack-tool']);
    assert.deepEqual(ask(open({ action: 'tag', tag: 'x', names: 'acme' }), 'acme').tags, ['x']);
    assert.equal(ask(open({ action: 'score', score: 9 }), 'nikto').score, 9);
    assert.equal(
      ask(open({ status: 404 }), 'nikto').stop,
      'block 404 bad-bot/attack-tool header:user-agent',
    );
  });

  const rows: readonly (readonly [object, RegExp])[] = [
    [{ names: 'abc' }, /: names: "abc" is not 4 to 64/],
    [{ names: 'Acme' }, /: names: "Acme"/],
    [{ allow: 'googlebot' }, /: allow: "googlebot" is none/],
    [{ action: 'limit' }, /: action: must be one of block, challenge, tag, score/],
    [{ engines: { mybot: 'x' } }, /: engines\.mybot: "x" is no address/],
    [{ engines: { bot: [] } }, /: engines\.bot: is not 4/],
    [{ nams: [] }, /: nams: is not known/],
  ];
  for (const [config, message] of rows)
    it(`refuses ${JSON.stringify(config)}`, () => assert.throws(() => open(config), { message }));
});
