/**
 * What the WAF logged for one stage: the lines between a start marker and an end marker, requests of
 * their own whose `X-CRS-Test` field a rule of the set writes into the log.
 *
 *   GET /status/200 … X-CRS-Test: <name>-<uuid>-s       before
 *   the request of the stage
 *   GET /status/200 … X-CRS-Test: <name>-<uuid>-e       after
 *
 * Markers are sent again while they are not in the file: a log that is buffered is flushed by more.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { WeirError } from '#core/errors.ts';
import { type ExchangeTarget, exchange } from './exchange.ts';

export const markerAttemptsMax = 20;
const linesMax = 500;
const windowBytesMax = 16 * 1024 * 1024;

export class LogWindow {
  readonly #file: string;
  readonly #target: ExchangeTarget;
  #from = 0;

  constructor(file: string, target: ExchangeTarget) {
    this.#file = file;
    this.#target = target;
  }

  /** Everything that was logged before counts no more. */
  async start(id: string): Promise<void> {
    this.#from = sizeOf(this.#file);
    await this.#mark(`${id}-s`);
  }

  /** Lines of the stage, markers left out. */
  async end(id: string): Promise<readonly string[]> {
    const lines = await this.#mark(`${id}-e`);
    const isMarker = (line: string, mark: string): boolean =>
      line.toLowerCase().includes('x-crs-test') && line.includes(mark);
    const first = lines.findLastIndex((line) => isMarker(line, `${id}-s`));
    const last = lines.findIndex((line) => isMarker(line, `${id}-e`));
    const between = lines.slice(first + 1, last);
    if (between.length > linesMax) {
      throw new WeirError('TESTS_FAILED', `one stage logged ${between.length} lines`);
    }
    return between;
  }

  async #mark(mark: string): Promise<readonly string[]> {
    for (let attempt = 1; attempt <= markerAttemptsMax; attempt++) {
      const answer = await exchange(this.#target, markerRequest(mark));
      if (answer.kind === 'error' && attempt === markerAttemptsMax) {
        throw new WeirError('TESTS_FAILED', `a marker was not answered: ${answer.why}`);
      }
      const lines = readLines(this.#file, this.#from);
      if (lines.some((line) => line.includes(mark))) return lines;
      await sleep(attempt * 5);
    }
    throw new WeirError('TESTS_FAILED', `the marker ${mark} is not in ${this.#file}`, {
      details: [
        'the rules under test need the marker rule 999999, and their log must be this file',
      ],
    });
  }
}

function markerRequest(mark: string): Buffer {
  return Buffer.from(
    [
      'GET /status/200 HTTP/1.1',
      'Accept: */*',
      'User-Agent: go-ftw test agent',
      'Host: localhost',
      `X-CRS-Test: ${mark}`,
      'Connection: close',
      '\r\n',
    ].join('\r\n'),
  );
}

function sizeOf(file: string): number {
  const descriptor = open(file);
  if (descriptor === null) return 0;
  try {
    return fstatSync(descriptor).size;
  } finally {
    closeSync(descriptor);
  }
}

/** Whole lines only. */
function readLines(file: string, from: number): readonly string[] {
  const descriptor = open(file);
  if (descriptor === null) return [];
  try {
    const bytes = fstatSync(descriptor).size - from;
    if (bytes > windowBytesMax)
      throw new WeirError('TESTS_FAILED', `one stage logged ${bytes} bytes`);
    const buffer = Buffer.alloc(Math.max(0, bytes));
    const read = readSync(descriptor, buffer, 0, buffer.length, from);
    const text = buffer.toString('latin1', 0, read);
    return text
      .slice(0, text.lastIndexOf('\n') + 1)
      .split('\n')
      .slice(0, -1);
  } finally {
    closeSync(descriptor);
  }
}

/** Null while nothing has been logged at all. */
function open(file: string): number | null {
  try {
    return openSync(file, 'r');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
}
