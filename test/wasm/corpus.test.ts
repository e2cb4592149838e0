/**
 * Labelled payloads against the shipped modules: nothing benign may be blocked, and the catch rate of
 * the traversal lists must not fall.
 *
 * The corpora lie outside the repository (`../shared/corpora`). Without them these tests are skipped,
 * or fail when REQUIRE_ALL=1.
 */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import type { LiveModule } from '#wasm/live-module.ts';
import { inspectHead } from '../support/filters.ts';
import { shippedModules } from '../support/guests.ts';
import { missingShared, sharedFolder } from '../support/shared-file.ts';
import { type RequestParts, viewOf } from '../support/view.ts';

type Line = {
  readonly id: string;
  readonly label: string;
  readonly payload?: string;
  readonly payload_b64?: string;
  readonly ambiguous?: boolean;
};

const corpora = join(sharedFolder, 'corpora');
const skip = missingShared('corpora');
const facts = { clientAddress: '203.0.113.7', tls: true };
let modules: readonly LiveModule[];

before(async () => {
  modules = [...(await shippedModules()).values()];
});

/** As bytes, one latin1 character each. */
function payloads(
  file: string,
  wanted: (line: Line) => boolean,
): readonly { id: string; text: string }[] {
  return readFileSync(join(corpora, file), 'utf8')
    .trim()
    .split('\n')
    .map((text): Line => JSON.parse(text))
    .filter(wanted)
    .map((line) => ({
      id: line.id,
      text: Buffer.from(
        line.payload_b64 ?? line.payload ?? '',
        line.payload_b64 === undefined ? 'utf8' : 'base64',
      ).toString('latin1'),
    }));
}

const code = (character: string): string =>
  `%${character.charCodeAt(0).toString(16).padStart(2, '0')}`;
/** As a form or a library encodes a value. */
const encoded = (text: string): string => text.replace(/[^A-Za-z0-9_.~-]/g, code);
/** As an attacker sends it: only what would end the field is encoded. */
const bare = (text: string): string =>
  mapEach(text, (letter) => (letter <= ' ' || '\x7f#&'.includes(letter) ? code(letter) : letter));
/** What a header value can hold. */
const fieldText = (text: string): string =>
  mapEach(text, (letter) => (letter < ' ' || letter === '\x7f' ? ' ' : letter)).trim();

function mapEach(text: string, change: (letter: string) => string): string {
  return Array.from(text, change).join('');
}

const headerCase = (name: string, value: string): RequestParts => ({
  target: '/',
  headers: [
    ['Host', 'a.example'],
    [name, value],
  ],
});
const places: Readonly<Record<string, (text: string) => RequestParts>> = {
  'query, encoded': (text) => ({ target: `/?q=${encoded(text)}` }),
  'query, blanks as plus': (text) => ({ target: `/?q=${encoded(text).replaceAll('%20', '+')}` }),
  'query, bare': (text) => ({ target: `/?q=${bare(text)}` }),
  cookie: (text) => headerCase('Cookie', `a=1; q=${encoded(text)}`),
  referer: (text) => headerCase('Referer', `https://a.example/?q=${encoded(text)}`),
  'x-header': (text) => headerCase('X-Note', fieldText(text)),
  'user-agent': (text) => headerCase('User-Agent', fieldText(text)),
  path: (text) => ({ target: `/${bare(text).replaceAll('?', '%3f')}` }),
};

function blockingRule(parts: RequestParts): string | null {
  const view = viewOf(parts);
  for (const module of modules) {
    const verdict = inspectHead(module, view, facts);
    if (verdict.kind === 'block') return verdict.rule;
  }
  return null;
}

describe('benign text', { skip }, () => {
  // Prose is not put into paths: `see (../guide)` as a path is a traversal.
  const benignPlaces = Object.keys(places).filter((place) => place !== 'path');
  for (const file of [
    'benign/generated.jsonl',
    'benign/doc-prose.jsonl',
    'benign/naughty-strings.jsonl',
  ]) {
    it(`of ${file} passes in every place`, () => {
      const lines = payloads(
        file,
        ({ label, ambiguous }) => label === 'benign' && ambiguous !== true,
      );
      assert(lines.length > 150, `only ${lines.length} lines`);
      const blocked = lines.flatMap(({ id, text }) =>
        benignPlaces.flatMap((place) => {
          const rule = blockingRule(places[place]?.(text) ?? assert.fail(place));
          return rule === null ? [] : [`${id} in ${place}: ${rule}`];
        }),
      );
      assert.deepEqual(blocked, []);
    });
  }
});

describe('traversal payloads', { skip }, () => {
  /** Reached, rounded down. The rest of the list are codes no decoder knows (`%bg%qf`, `%c0%9v`, `0x2f`). */
  const floors: Readonly<Record<string, number>> = {
    'query, encoded': 0.8,
    'query, bare': 0.8,
    cookie: 0.8,
    path: 0.78,
  };
  for (const [place, floor] of Object.entries(floors)) {
    it(`are caught in: ${place}`, (context) => {
      const lines = payloads('attacks/lfi.jsonl', () => true);
      const caught = lines.filter(
        ({ text }) => blockingRule(places[place]?.(text) ?? assert.fail(place)) !== null,
      ).length;
      context.diagnostic(
        `${place}: ${caught} of ${lines.length} (${((100 * caught) / lines.length).toFixed(1)} %)`,
      );
      assert(
        caught / lines.length >= floor,
        `${caught} of ${lines.length} caught, at least ${floor * 100} % expected`,
      );
    });
  }
});
