import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type EcsEvent, ecsEvent } from '#events/ecs-event.ts';
import { requestOfEvent } from '#events/event-request.ts';
import { proposeExclusions } from '#events/exclusion-proposal.ts';
import { sumEvent } from '#events/make-event.ts';

const terms = { rule: null, path: null, ruleSets: new Set(['crs']) };

const about = (
  matches: readonly (readonly [rule: string, target: string, matched?: string])[],
  path = '/post',
): EcsEvent =>
  ecsEvent({
    ...sumEvent('blocked', 0, '', 1),
    id: 'e1',
    requestId: 'r1',
    method: 'GET',
    host: 'shop.test',
    path,
    query: 'page=1',
    matches: matches.map(([rule, target, matched = 'x']) => ({
      ...{ rule, target, matched, message: '', severity: null, tags: [], points: null },
      mode: 'block',
    })),
  });

describe('what is proposed', () => {
  it('is an exclusion for each place, with the rules that matched there', () => {
    const { exclusions, wider } = proposeExclusions(
      about([
        ['crs/1', 'ARGS:a'],
        ['crs/2', 'ARGS:a'],
        ['crs/1', 'ARGS:a'],
        ['crs/3', 'REQUEST_HEADERS:User-Agent'],
        ['crs/949110', 'TX:blocking_inbound_anomaly_score'],
      ]),
      terms,
    );
    const common = { ruleSet: 'crs', path: '/post', exact: true };
    assert.deepEqual(exclusions, [
      { ...common, parameters: ['ARGS:a'], rules: ['1', '2'] },
      { ...common, parameters: ['REQUEST_HEADERS:User-Agent'], rules: ['3'] },
    ]);
    assert.deepEqual(wider, []);
  });

  it('is for the host of the request alone where that is asked', () => {
    const { exclusions } = proposeExclusions(about([['crs/1', 'ARGS:a']]), {
      ...terms,
      host: true,
    });
    const place = { ruleSet: 'crs', host: 'shop.test', path: '/post', exact: true };
    assert.deepEqual(exclusions, [{ ...place, parameters: ['ARGS:a'], rules: ['1'] }]);
    const nameless = about([['crs/1', 'ARGS:a']]);
    const { domain: _, ...url } = nameless.url ?? { path: '' };
    assert.throws(() => proposeExclusions({ ...nameless, url }, { ...terms, host: true }), {
      code: 'EXCLUSION_IMPOSSIBLE',
    });
  });

  it('is one rule where one is named, and a prefix where one is given', () => {
    const event = about([
      ['crs/1', 'ARGS:a'],
      ['crs/2', 'ARGS:a'],
    ]);
    for (const rule of ['2', 'crs/2'])
      assert.deepEqual(proposeExclusions(event, { ...terms, rule, path: '/p' }).exclusions, [
        { ruleSet: 'crs', path: '/p', exact: false, parameters: ['ARGS:a'], rules: ['2'] },
      ]);
  });

  it('says where it is wider than the request', () => {
    const whole = proposeExclusions(about([['crs/1', 'ARGS:a b']]), terms);
    assert.deepEqual(whole.exclusions[0]?.parameters, []);
    assert.equal(whole.wider.length, 1);
    const masked = proposeExclusions(about([['crs/1', 'ARGS:a']], '/reset/token/***/x'), terms);
    assert.deepEqual(
      [masked.exclusions[0]?.path, masked.exclusions[0]?.exact],
      ['/reset/token/', false],
    );
    assert.equal(masked.wider.length, 1);
  });

  it('is refused where there is nothing to exclude', () => {
    const cases: readonly (readonly [EcsEvent, object, RegExp])[] = [
      [about([]), {}, /not about a rule/],
      [about([['crs/1', 'ARGS:a']]), { rule: '7' }, /rule 7 is not among/],
      [about([['path-traversal/dot-dot', 'path']]), {}, /a rule of a module/],
      [about([['crs/949110', 'TX:score']]), {}, /no place of the request/],
      [about([['crs/1', 'ARGS:a']], '/***'), {}, /cannot be named/],
      [about([['crs/1', 'ARGS:a']]), { path: 'x' }, /is no path/],
      [about([['crs/1', 'ARGS:a']]), { path: '/"ctl:ruleEngine=Off' }, /is no path/],
    ];
    for (const [event, further, says] of cases)
      assert.throws(() => proposeExclusions(event, { ...terms, ...further }), says);
  });
});

describe('the request of an event', () => {
  it('has what matched at its place', () => {
    const request = requestOfEvent(
      about([
        ['crs/1', 'ARGS:comment', 'a & b'],
        ['crs/1', 'ARGS:page', '1'],
        ['crs/2', 'REQUEST_HEADERS:Referer', 'http://x'],
      ]),
    );
    assert.equal(request?.method, 'POST');
    assert.equal(request?.target, '/post?page=1');
    assert.equal(request?.body, 'comment=a%20%26%20b');
    assert.deepEqual(
      request?.fields.find(([name]) => name === 'Referer'),
      ['Referer', 'http://x'],
    );
  });
});
