/**
 * ModSecurity's own regression tests that name a status, run as they are: rules loaded, one transaction, what is
 * decided. Those that end otherwise here are listed one by one with the reason; one that begins to agree has to leave
 * the list.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { loadRules } from '#waf/language/load.ts';
import { buildImage } from '#waf/rules/build-image.ts';
import { CompiledMatchers } from '#waf/rules/compiled-matchers.ts';
import type { Stop } from '#waf/verdict.ts';
import { writeModule } from '#wasm/seclang/module-file.ts';
import { ruleSetFacts } from '#wasm/seclang/rule-set-facts.ts';
import { engineBytes, SeclangRules } from '../../support/seclang.ts';
import { dataReader } from '../../support/seclang-data.ts';
import { missingShared, sharedFolder } from '../../support/shared-file.ts';
import { differing } from './upstream-differences.ts';

type Message = {
  readonly method?: string;
  readonly uri?: string;
  readonly http_version?: number | string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: readonly string[] | string;
};

type Case = {
  readonly title: string;
  readonly client?: { readonly ip?: string };
  readonly request?: Message;
  readonly response?: Message;
  readonly rules?: readonly string[];
  readonly expected: { readonly http_code?: number; readonly parser_error?: string };
};

const skip = missingShared('seclang');
const folder = join(sharedFolder, 'seclang/regression');

describe('what ModSecurity decides', { skip }, () => {
  const seen = new Set<string>();
  for (const file of skip === false ? readdirSync(folder) : [])
    for (const [index, one] of casesOf(file).entries()) {
      const status = one.expected.http_code;
      if (status === undefined || one.expected.parser_error !== undefined) continue;
      const name = `${file.replace('.json', '')} ${index + 1}`;
      const why = differing[name];
      seen.add(name);
      it(`${name}, ${one.title}: ${why ?? status}`, () => {
        const found = statusOf(one);
        if (why === undefined) assert.equal(found, status);
        else assert.notEqual(found, status, 'it agrees now: take it out of the list');
      });
    }
  it('the list names no others', () => {
    assert.deepEqual(
      Object.keys(differing).filter((name) => !seen.has(name)),
      [],
    );
  });
});

function casesOf(file: string): readonly Case[] {
  return JSON.parse(readFileSync(join(folder, file), 'utf8')) as readonly Case[];
}

/** A status, or the first reason why the rules are not taken. */
function statusOf({ rules = [], request = {}, response = {}, client }: Case): number | string {
  const text = rules.join('\n');
  const source = { kind: 'text' as const, name: 'upstream', text, folder: '/nowhere' };
  const { ruleSet, problems } = loadRules([source], { reader: dataReader });
  if (problems[0] !== undefined) return problems[0].message;
  const built = buildImage(ruleSet, new CompiledMatchers());
  if (built.refused[0] !== undefined) return built.refused[0].reason;
  const module = writeModule(engineBytes, built.bytes, ruleSetFacts(built.rules, ruleSet.settings));
  const body = bodyOf(request);
  const { stop } = new SeclangRules(module).run({
    method: request.method ?? 'GET',
    target: request.uri ?? '/',
    version: `HTTP/${request.http_version ?? '1.1'}`,
    fields: Object.entries(request.headers ?? {}).filter(([name]) => name.toLowerCase() !== 'host'),
    clientAddress: client?.ip ?? '192.0.2.1',
    ...(body === '' ? {} : { body }),
    response: { fields: Object.entries(response.headers ?? {}), body: bodyOf(response) },
  });
  return stopStatus(stop);
}

function bodyOf({ body = [] }: Message): string {
  if (typeof body === 'string') return body;
  return body.length === 0 || (body.length === 1 && body[0] === '') ? '' : `${body.join('\n')}\n`;
}

const stopStatus = (stop: Stop | null): number =>
  stop !== null && 'status' in stop ? stop.status : 200;
