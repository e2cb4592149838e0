import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatL4Rule, type L4RuleText, parseL4Rule } from '../../src/core/l4-rule.ts';

const good: readonly { text: L4RuleText; says: string }[] = [
  { text: { action: 'drop' }, says: '--action drop' },
  {
    text: { source: '10.0.0.0/8', port: '80', protocol: 'TCP', action: 'pass' },
    says: '--src 10.0.0.0/8 --port 80 --proto tcp --action pass',
  },
  {
    text: { source: 'any', destination: '2001:DB8::1', port: '8000-8100', action: 'inspect' },
    says: '--dst 2001:db8::1 --port 8000-8100 --action inspect',
  },
  { text: { protocol: '58', action: 'drop' }, says: '--proto icmp6 --action drop' },
  { text: { protocol: '0', action: 'drop' }, says: '--proto 0 --action drop' },
  {
    text: { port: '1-65535', protocol: 'udp', action: 'drop' },
    says: '--port 1-65535 --proto udp --action drop',
  },
  { text: { port: '53-53', action: 'drop' }, says: '--port 53 --action drop' },
];
for (const { text, says } of good) {
  test(`${JSON.stringify(text)} is ${says}`, () => {
    const parsed = parseL4Rule(text);
    assert.ok(parsed.ok);
    assert.equal(formatL4Rule(parsed.rule), says);
  });
}

const bad: readonly { text: L4RuleText; says: RegExp }[] = [
  { text: { action: 'reject' }, says: /"reject" is no action; write pass, drop or inspect/ },
  { text: { source: '10.0.0', action: 'drop' }, says: /"10.0.0" is no source; write an address/ },
  { text: { source: '10.0.0.1/8', action: 'drop' }, says: /write 10.0.0.0\/8 for the range/ },
  { text: { source: '10.0.0.1', destination: '::1', action: 'drop' }, says: /write two rules/ },
  { text: { source: '::1', protocol: 'icmp', action: 'drop' }, says: /write icmp6/ },
  { text: { destination: '10.0.0.1', protocol: 'icmp6', action: 'drop' }, says: /write icmp$/ },
  { text: { port: '80', protocol: 'icmp', action: 'drop' }, says: /icmp has no ports/ },
  { text: { port: '80', protocol: '47', action: 'drop' }, says: /47 has no ports/ },
  { text: { port: '0', action: 'drop' }, says: /"0" is no port/ },
  { text: { port: '65536', action: 'drop' }, says: /"65536" is no port/ },
  { text: { port: '90-80', action: 'drop' }, says: /ends before it begins; write 80-90/ },
  { text: { port: '80,443', action: 'drop' }, says: /"80,443" is no port/ },
  { text: { protocol: '256', action: 'drop' }, says: /"256" is no protocol/ },
  { text: { protocol: 'sctp', action: 'drop' }, says: /"sctp" is no protocol; .* or a number/ },
];
for (const { text, says } of bad) {
  test(`${JSON.stringify(text)} is refused, with what to write`, () => {
    const parsed = parseL4Rule(text);
    assert.ok(!parsed.ok);
    assert.match(parsed.problems.join('\n'), says);
    assert.equal(parsed.problems.length, 1);
  });
}

test('all that is wrong is said at once', () => {
  const parsed = parseL4Rule({ source: 'x', port: 'y', protocol: 'z', action: '' });
  assert.ok(!parsed.ok);
  assert.equal(parsed.problems.length, 4);
});
