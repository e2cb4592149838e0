/**
 * Requests made to cost as much as they can, through the whole Core Rule Set at paranoia 1: four times the length costs
 * at most five times the fuel, none traps, and limits refuse what is beyond them. Fuel is counted and not timed: about
 * one unit for a byte that is looked at once.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { buildRuleSet } from '#toolchain/build-rule-set.ts';
import { type SeclangCase, type SeclangOutcome, SeclangRules } from '../support/seclang.ts';
import { missingShared, sharedFolder } from '../support/shared-file.ts';

/** Bytes of the shorter one. */
const shortBytes = 4_000;
const growthMax = 5;

const filled = (unit: string, bytes: number): string =>
  unit.repeat(Math.ceil(bytes / unit.length)).slice(0, bytes);

/** Each piece another one, so that none is known already. */
function numbered(piece: (index: number) => string, separator: string, bytes: number): string {
  const parts: string[] = [];
  for (let length = 0, index = 0; length < bytes; index++) {
    const part = piece(index);
    parts.push(part);
    length += part.length + separator.length;
  }
  return parts.join(separator);
}

const form = (body: string): SeclangCase => ({
  method: 'POST',
  target: '/form',
  fields: [
    ['Content-Type', 'application/x-www-form-urlencoded'],
    ['Content-Length', String(body.length)],
  ],
  body,
});
const value = (text: string): SeclangCase => form(`a=${encodeURIComponent(text)}`);
const raw = (type: string, body: string): SeclangCase => ({
  method: 'POST',
  target: '/raw',
  fields: [
    ['Content-Type', type],
    ['Content-Length', String(body.length)],
  ],
  body,
});
const json = (body: string): SeclangCase => raw('application/json', body);
const xml = (body: string): SeclangCase => raw('text/xml', body);
const multipart = (body: string): SeclangCase =>
  raw('multipart/form-data; boundary=b', `${body}--b--\r\n`);
const field = (name: string, text: string): SeclangCase => ({ fields: [[name, text]] });
const part = (index: number, text: string): string =>
  `--b\r\nContent-Disposition: form-data; name="n${index}"\r\n\r\n${text}\r\n`;

/** By name, a request of about so many bytes. */
const costly: Readonly<Record<string, (bytes: number) => SeclangCase>> = {
  'one letter': (bytes) => value(filled('a', bytes)),
  'letters of all kinds of patterns': (bytes) => value(filled('select union from where ', bytes)),
  'words that nearly match': (bytes) => value(filled('selec unio fro ', bytes)),
  'states of lazy tables': (bytes) => value(filled('aab abb bab aaab ', bytes)),
  quotes: (bytes) => value(filled(`'"`, bytes)),
  'quotes with letters': (bytes) => value(filled(`a'b"c\``, bytes)),
  brackets: (bytes) => value(filled('([{<', bytes)),
  'comments of SQL': (bytes) => value(filled('/*x*/', bytes)),
  'comments that stay open': (bytes) => value(filled('/*', bytes)),
  operators: (bytes) => value(filled('1+1-1*1/1 or ', bytes)),
  numbers: (bytes) => value(filled('0x1e3.5 ', bytes)),
  tags: (bytes) => value(filled('<a b=c>', bytes)),
  'tags that stay open': (bytes) => value(filled('<a ', bytes)),
  attributes: (bytes) => value(`<a ${filled('onx=y ', bytes)}`),
  'a scheme in pieces': (bytes) => value(filled('java\tscr\nipt:', bytes)),
  'dots and slashes': (bytes) => value(filled('../', bytes)),
  'back slashes': (bytes) => value(filled('\\', bytes)),
  'dollars and braces': (bytes) => value(filled('${', bytes)),
  'semicolons and pipes': (bytes) => value(filled(';|&', bytes)),
  'escapes of escapes': (bytes) => form(`a=${filled('%2525', bytes)}`),
  entities: (bytes) => value(filled('&#x26;lt;', bytes)),
  'entities in entities': (bytes) => value(filled('&amp;amp;amp;', bytes)),
  'escapes of JavaScript': (bytes) => value(filled('\\u0061\\x61', bytes)),
  'half of an escape': (bytes) => form(`a=${filled('%', bytes)}`),
  'overlong UTF-8': (bytes) => form(`a=${filled('%c0%af', bytes)}`),
  Base64: (bytes) => value(filled('QUJD', bytes)),
  hexadecimal: (bytes) => value(filled('414243', bytes)),
  'arguments, each another one': (bytes) =>
    form(numbered((index) => `n${index}=${'v'.repeat(16)}${index}`, '&', bytes)),
  'one argument many times': (bytes) => form(filled('a=bcdefghijklmnop&', bytes)),
  'strings of JSON, each another one': (bytes) =>
    json(`[${numbered((index) => `"value ${index} of these"`, ',', bytes)}]`),
  'keys of JSON': (bytes) =>
    json(`{${numbered((index) => `"key ${index} of these":${index}`, ',', bytes)}}`),
  'one string of JSON with escapes': (bytes) =>
    json(`["${filled('\\u0041', bytes - (bytes % 6))}"]`),
  'elements of XML': (bytes) => xml(`<a>${filled('<b c="d">e</b>', bytes - (bytes % 14))}</a>`),
  'parts, each another one': (bytes) =>
    multipart(numbered((index) => part(index, 'x'.repeat(64) + index), '', bytes)),
  'a part that is nearly a boundary': (bytes) => multipart(part(0, filled('\r\n--c', bytes))),
  cookies: (bytes) =>
    field(
      'Cookie',
      numbered((index) => `c${index}=v${index}`, '; ', bytes),
    ),
  'one cookie': (bytes) => field('Cookie', `c=${filled(`a' or b `, bytes)}`),
  'a header of commas': (bytes) => field('Accept', filled('a/b,', bytes)),
  'a path of segments': (bytes) => ({ target: `/${filled('a/', bytes)}` }),
  'a query of separators': (bytes) => ({ target: `/?${filled('&=', bytes)}` }),
};

/** What is beyond a limit of a parser, and that it is refused. */
const beyond: Readonly<Record<string, SeclangCase>> = {
  'JSON that is too deep': json('['.repeat(2_000) + ']'.repeat(2_000)),
  'XML that is too deep': xml('<a>'.repeat(2_000) + '</a>'.repeat(2_000)),
  'more arguments than are taken': form(numbered((index) => `n${index}=1`, '&', 20_000)),
};

describe('costly requests', { skip: missingShared('crs/rules') }, () => {
  let rules: SeclangRules;
  const run = (given: SeclangCase): { fuel: number; outcome: SeclangOutcome } => {
    const fuelBefore = rules.filter.fuelUsed;
    const outcome = rules.run(given);
    return { fuel: rules.filter.fuelUsed - fuelBefore, outcome };
  };
  before(() => {
    const { bytes } = buildRuleSet(
      {
        name: 'crs',
        paths: [join(sharedFolder, 'crs')],
        paranoia: 1,
        inboundThreshold: null,
        outboundThreshold: null,
        setup: {},
        exclusions: [],
        keepsRuleEngine: false,
      },
      null,
    );
    rules = new SeclangRules(bytes);
  });

  for (const [name, make] of Object.entries(costly))
    it(`${name}: cost grows with the length`, (context) => {
      const short = run(make(shortBytes));
      const long = run(make(shortBytes * 4));
      assert.deepEqual([...short.outcome.failures, ...long.outcome.failures], []);
      const growth = long.fuel / short.fuel;
      context.diagnostic(
        `${growth.toFixed(2)} for four times the length, ${(long.fuel / shortBytes / 4).toFixed(1)} a byte`,
      );
      assert.ok(growth <= growthMax, String(growth));
    });

  for (const [name, given] of Object.entries(beyond))
    it(`${name} is refused`, () => {
      const { outcome } = run(given);
      assert.deepEqual(outcome.failures, []);
      assert.ok(outcome.stop !== null);
    });
});
