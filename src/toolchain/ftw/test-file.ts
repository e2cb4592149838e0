/**
 * Reads the regression tests of the Core Rule Set (go-ftw's YAML) as they stand: a key that is not known,
 * a value of the wrong kind, or a test without stages is an error, never something left out.
 *
 * Scalars are taken as their text in the file (`Content-Length: 010` is "010"), since they go on the wire.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parse } from 'yaml';
import { WeirError } from '#core/errors.ts';

export type FtwInput = {
  readonly method: string;
  readonly uri: string;
  readonly version: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** Null where the test names none, which is not the same as empty. */
  readonly data: string | null;
  readonly encodedData: string | null;
  readonly encodedRequest: string | null;
  readonly isCompleted: boolean;
};

export type FtwOutput = {
  readonly status: number | null;
  readonly responseContains: string | null;
  readonly expectError: boolean | null;
  readonly retryOnce: boolean;
  readonly isIsolated: boolean;
  readonly expectIds: readonly number[];
  readonly noExpectIds: readonly number[];
  readonly matchRegex: string | null;
  readonly noMatchRegex: string | null;
};

export type FtwStage = { readonly input: FtwInput; readonly output: FtwOutput };
export type FtwTest = {
  /** `<rule>-<test>`. */
  readonly name: string;
  readonly file: string;
  readonly description: string;
  readonly stages: readonly FtwStage[];
};

const filesMax = 10_000;
const fileBytesMax = 8 * 1024 * 1024;

/** Every test below a folder, in the order of file names. */
export function readTests(folder: string): readonly FtwTest[] {
  const tests = yamlFiles(folder).flatMap(readTestFile);
  if (tests.length === 0) throw unusable(folder, 'no tests were found');
  const seen = new Set<string>();
  for (const { name, file } of tests) {
    if (seen.has(name)) throw unusable(file, `test ${name} is there twice`);
    seen.add(name);
  }
  return tests;
}

function yamlFiles(path: string): string[] {
  const status = statSync(path, { throwIfNoEntry: false });
  if (status === undefined) throw unusable(path, 'it is not there');
  if (status.isFile()) return [path];
  const files = readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.ya?ml$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name));
  if (files.length > filesMax) throw unusable(path, `more than ${filesMax} files`);
  const key = (file: string): string => basename(file);
  return files.sort((a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0));
}

export function readTestFile(file: string): readonly FtwTest[] {
  const status = statSync(file);
  if (status.size > fileBytesMax) throw unusable(file, `more than ${fileBytesMax} bytes`);
  return parseTests(readFileSync(file, 'utf8'), file);
}

export function parseTests(text: string, file: string): readonly FtwTest[] {
  let document: unknown;
  try {
    document = parse(text, { schema: 'failsafe', maxAliasCount: 0 });
  } catch (error) {
    throw unusable(file, error instanceof Error ? error.message : String(error));
  }
  // A file may hold comments alone.
  if (document === null || document === '') return [];
  const root = new Fields(document, file, '');
  root.only(['meta', 'rule_id', 'tests', 'author']);
  const ruleId = root.number('rule_id');
  if (ruleId === null) throw unusable(file, 'rule_id is missing');
  if ((root.field('meta') ?? '') !== '') {
    const meta = new Fields(root.field('meta'), file, 'meta');
    meta.only(['author', 'description', 'name', 'version', 'tags', 'enabled']);
    if (meta.flag('enabled') === false) {
      throw unusable(file, 'its tests are switched off, and every test is run');
    }
  }
  return root.list('tests').map((item, index) => testOf(item, file, ruleId, `tests[${index}]`));
}

function testOf(item: unknown, file: string, ruleId: number, path: string): FtwTest {
  const fields = new Fields(item, file, path);
  fields.only(['test_id', 'test_title', 'desc', 'rule_id', 'stages', 'tags']);
  const id = fields.number('test_id');
  if (id === null) throw unusable(file, `${path}.test_id is missing`);
  const stages = fields.list('stages').map((stage, index) => {
    const both = new Fields(stage, file, `${path}.stages[${index}]`);
    both.only(['input', 'output', 'description']);
    return { input: inputOf(both), output: outputOf(both) };
  });
  if (stages.length === 0) throw unusable(file, `${path} has no stages`);
  return { name: `${ruleId}-${id}`, file, description: fields.text('desc') ?? '', stages };
}

function inputOf(stage: Fields): FtwInput {
  const input = stage.child('input');
  input.only([
    ...['dest_addr', 'port', 'protocol', 'method', 'uri', 'version', 'headers', 'data'],
    ...['encoded_data', 'encoded_request', 'autocomplete_headers', 'virtual_host_mode'],
  ]);
  const protocol = input.text('protocol') ?? 'http';
  if (protocol !== 'http') throw unusable(stage.file, `${input.path}.protocol is not http`);
  const data = input.text('data');
  const encodedData = input.text('encoded_data');
  const encodedRequest = input.text('encoded_request');
  if (encodedRequest !== null && (data ?? '') !== '') {
    throw unusable(stage.file, `${input.path} has data beside encoded_request`);
  }
  return {
    method: input.text('method') ?? 'GET',
    uri: input.text('uri') ?? '/',
    version: input.text('version') ?? 'HTTP/1.1',
    headers: headersOf(input),
    data,
    encodedData,
    encodedRequest: encodedRequest === '' ? null : encodedRequest,
    isCompleted: input.flag('autocomplete_headers') ?? true,
  };
}

/** A map goes out by name in the order of bytes, a list as it is written. */
function headersOf(input: Fields): readonly (readonly [string, string])[] {
  const value = input.field('headers');
  if (value === undefined || value === '') return [];
  if (Array.isArray(value)) {
    return value.map((item, index) => {
      const fields = new Fields(item, input.file, `${input.path}.headers[${index}]`);
      fields.only(['name', 'value']);
      return [fields.text('name') ?? '', fields.text('value') ?? ''] as const;
    });
  }
  const fields = new Fields(value, input.file, `${input.path}.headers`);
  return fields
    .names()
    .sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    .map((name) => [name, fields.text(name) ?? ''] as const);
}

function outputOf(stage: Fields): FtwOutput {
  const output = stage.child('output');
  output.only([
    ...['status', 'response_contains', 'expect_error', 'retry_once', 'isolated', 'log'],
    ...['log_contains', 'no_log_contains'],
  ]);
  const log = new Fields(output.field('log') ?? {}, output.file, `${output.path}.log`);
  log.only(['expect_ids', 'no_expect_ids', 'match_regex', 'no_match_regex']);
  const expectIds = log.numbers('expect_ids');
  const isIsolated = output.flag('isolated') ?? false;
  if (isIsolated && expectIds.length !== 1) {
    throw unusable(stage.file, `${output.path} is isolated and expects ${expectIds.length} ids`);
  }
  return {
    status: output.number('status'),
    responseContains: output.text('response_contains'),
    expectError: output.flag('expect_error'),
    retryOnce: output.flag('retry_once') ?? false,
    isIsolated,
    expectIds,
    noExpectIds: log.numbers('no_expect_ids'),
    matchRegex: log.text('match_regex') ?? output.text('log_contains'),
    noMatchRegex: log.text('no_match_regex') ?? output.text('no_log_contains'),
  };
}

/** A YAML map read with its place at hand. */
class Fields {
  readonly file: string;
  readonly path: string;
  readonly #map: Readonly<Record<string, unknown>>;

  constructor(value: unknown, file: string, path: string) {
    this.file = file;
    this.path = path;
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw unusable(file, `${path === '' ? 'it' : path} is no map`);
    }
    this.#map = value as Record<string, unknown>;
  }

  names(): string[] {
    return Object.keys(this.#map);
  }

  only(known: readonly string[]): void {
    const unknown = this.names().find((name) => !known.includes(name));
    if (unknown !== undefined) throw unusable(this.file, `${this.#at(unknown)} is not known`);
  }

  field(name: string): unknown {
    return Object.hasOwn(this.#map, name) ? this.#map[name] : undefined;
  }

  child(name: string): Fields {
    return new Fields(this.field(name), this.file, this.#at(name));
  }

  list(name: string): readonly unknown[] {
    const value = this.field(name);
    if (!Array.isArray(value)) throw unusable(this.file, `${this.#at(name)} is no list`);
    return value;
  }

  text(name: string): string | null {
    const value = this.field(name);
    if (value === undefined) return null;
    if (typeof value !== 'string') throw unusable(this.file, `${this.#at(name)} is no text`);
    return value;
  }

  number(name: string): number | null {
    const text = this.text(name);
    if (text === null || text === '') return null;
    if (!/^[0-9]{1,10}$/.test(text)) throw unusable(this.file, `${this.#at(name)} is no number`);
    return Number(text);
  }

  numbers(name: string): readonly number[] {
    if (this.field(name) === undefined) return [];
    return this.list(name).map((item) => {
      if (typeof item === 'string' && /^[0-9]{1,10}$/.test(item)) return Number(item);
      throw unusable(this.file, `${this.#at(name)} holds something else than numbers`);
    });
  }

  flag(name: string): boolean | null {
    const text = this.text(name);
    if (text === null) return null;
    if (text !== 'true' && text !== 'false') {
      throw unusable(this.file, `${this.#at(name)} is neither true nor false`);
    }
    return text === 'true';
  }

  #at(name: string): string {
    return this.path === '' ? name : `${this.path}.${name}`;
  }
}

function unusable(file: string, message: string): WeirError {
  return new WeirError('TESTS_UNREADABLE', `${file}: ${message}`);
}
