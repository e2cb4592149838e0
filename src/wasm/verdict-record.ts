/**
 * Reads what a guest answered: a chain of records, each a stop, a limit, a mark or a change of a field. Every
 * number comes from code that is not ours: each is checked before it is used, and what is wrong is a
 * `GuestFailure` that says which field and why. Nothing is done before the whole chain has been read.
 */
import { fieldEditProblem } from '#waf/field-edit.ts';
import type { FieldEdit, Transaction } from '#waf/transaction.ts';
import { type Finding, matchedBytesMax, type Stop } from '#waf/verdict.ts';
import {
  fieldOfResponse,
  fieldValueBytesMax,
  limitCostMax,
  limitKeyBytesMax,
  limitOfFleet,
  limitPeriodSecondsMax,
  reasonBytesMax,
  recordBytes,
  recordKind,
  recordsMax,
  ruleBytesMax,
  scoreMax,
  statusMax,
  statusMin,
  tagBytesMax,
  targetBytesMax,
  verdictAllow,
} from './abi.ts';
import { GuestFailure } from './guest-failure.ts';
import type { GuestMemory } from './guest-memory.ts';

/** Seconds until there is room again, or 0 when the cost was taken. */
export type TakeLimit = (
  key: string,
  cost: number,
  capacity: number,
  periodSeconds: number,
  isFleet: boolean,
) => number;

const visible = /^[\x21-\x7e]+$/;
const tagPattern = /^[a-z0-9._:/-]+$/;

type Mark = { readonly tag: string } | { readonly points: number };
type Edit = { readonly edit: FieldEdit; readonly ofResponse: boolean };

/** `answer` is what the phase function returned. Null: go on. */
export function readAnswer(
  memory: GuestMemory,
  answer: unknown,
  from: string,
  transaction: Transaction,
  takeLimit: TakeLimit,
): Stop | null {
  if (answer === verdictAllow) return null;
  const marks: Mark[] = [];
  const edits: Edit[] = [];
  const limits: (() => Stop | null)[] = [];
  let stop: Stop | null = null;
  let at = addressOf(answer, from);
  for (let count = 0; at !== 0; count++) {
    if (count === recordsMax)
      throw new GuestFailure('abi', `more than ${recordsMax} records in one answer`);
    if (at % 4 !== 0)
      throw new GuestFailure('abi', `the verdict lies at ${at}, which is not a multiple of 4`);
    memory.checkRange(at, recordBytes, 'the verdict');
    if (stop !== null)
      throw new GuestFailure('abi', 'a record follows the one that ends the request');
    const read = readRecord(memory, at, transaction, marks, edits, takeLimit);
    if (typeof read === 'function') limits.push(read);
    else stop = read;
    at = memory.words[(at >>> 2) + 1] ?? 0;
  }
  for (const mark of marks) {
    if ('tag' in mark) transaction.addTag(mark.tag);
    else transaction.score += mark.points;
  }
  for (const { edit, ofResponse } of edits) {
    const taken = ofResponse ? transaction.editResponse(edit) : transaction.editRequest(edit);
    if (!taken) throw new GuestFailure('abi', 'too many fields are changed in one request');
  }
  // In their order, until one is used up; what follows keeps its tokens.
  for (const take of limits) {
    const limited = take();
    if (limited !== null) return limited;
  }
  return stop;
}

function readRecord(
  memory: GuestMemory,
  at: number,
  transaction: Transaction,
  marks: Mark[],
  edits: Edit[],
  takeLimit: TakeLimit,
): Stop | (() => Stop | null) | null {
  const { words } = memory;
  const word = at >>> 2;
  const kind = words[word];
  const number = words[word + 2] ?? 0;
  switch (kind) {
    case recordKind.block:
      within(number, statusMin, statusMax, 'status', 'of a block');
      return { kind: 'block', status: number, ...findingAt(memory, at) };
    case recordKind.challenge:
      return { kind: 'challenge', ...findingAt(memory, at) };
    case recordKind.limit: {
      const capacity = words[word + 3] ?? 0;
      const periodSeconds = words[word + 4] ?? 0;
      within(number, 1, limitCostMax, 'cost', 'of a limit');
      within(capacity, 1, limitCostMax, 'capacity', 'of a limit');
      const scope = words[word + 5] ?? 0;
      within(periodSeconds, 1, limitPeriodSecondsMax, 'period', 'of a limit');
      if (scope !== 0 && scope !== limitOfFleet)
        throw new GuestFailure('abi', `scope ${scope} of a limit is neither 0 nor ${limitOfFleet}`);
      const isFleet = scope === limitOfFleet;
      const found = findingAt(memory, at, limitKeyBytesMax);
      const limited = { ...found, matched: found.matched.slice(0, matchedBytesMax) };
      return () => {
        const retryAfterSeconds = takeLimit(
          found.matched,
          number,
          capacity,
          periodSeconds,
          isFleet,
        );
        return retryAfterSeconds === 0 ? null : { kind: 'limited', ...limited, retryAfterSeconds };
      };
    }
    case recordKind.tag: {
      const tag = text(memory, at + 24, 'tag', tagBytesMax);
      if (!tagPattern.test(tag))
        throw new GuestFailure('abi', 'a tag is made of a-z, 0-9 and . _ : / -, and is not empty');
      marks.push({ tag });
      return null;
    }
    case recordKind.score: {
      const points = number | 0;
      if (points < -scoreMax || points > scoreMax)
        throw new GuestFailure('abi', `${points} points are not between ±${scoreMax}`);
      marks.push({ points });
      return null;
    }
    case recordKind.setField:
    case recordKind.addField:
    case recordKind.removeField: {
      const edit: FieldEdit = {
        kind:
          kind === recordKind.setField ? 'set' : kind === recordKind.addField ? 'add' : 'remove',
        name: text(memory, at + 40, 'field name', targetBytesMax),
        value:
          kind === recordKind.removeField
            ? ''
            : text(memory, at + 48, 'field value', fieldValueBytesMax),
      };
      const problem = fieldEditProblem(edit);
      if (problem !== null) throw new GuestFailure('abi', problem);
      const ofResponse = transaction.response !== null || (number & fieldOfResponse) !== 0;
      edits.push({ edit, ofResponse });
      return null;
    }
    default:
      throw new GuestFailure(
        'abi',
        `record kind ${kind} is none for a request: 1 (block) to 8 (remove header) are`,
      );
  }
}

/** Rule, reason, target and matched of the record at `at`. */
export function findingAt(memory: GuestMemory, at: number, matchedMax = matchedBytesMax): Finding {
  const rule = text(memory, at + 24, 'rule', ruleBytesMax);
  // It becomes a metric label and a log field that people search for.
  if (!visible.test(rule)) {
    throw new GuestFailure(
      'abi',
      'the rule of a verdict must be visible ASCII without blanks, and not empty',
    );
  }
  return {
    rule,
    reason: text(memory, at + 32, 'reason', reasonBytesMax),
    target: text(memory, at + 40, 'target', targetBytesMax),
    matched: text(memory, at + 48, 'matched', matchedMax),
  };
}

function within(value: number, least: number, most: number, name: string, of: string): void {
  if (value < least || value > most)
    throw new GuestFailure('abi', `${name} ${value} ${of} is not between ${least} and ${most}`);
}

/** An address as wasm gives it: a signed 32-bit number, or anything if the type of the export is wrong. */
export function addressOf(answer: unknown, from: string): number {
  if (typeof answer !== 'number' || !Number.isInteger(answer)) {
    throw new GuestFailure('abi', `${from} returned ${String(answer)} where an i32 is expected`);
  }
  return answer >>> 0;
}

function text(memory: GuestMemory, field: number, name: string, bytesMax: number): string {
  const at = memory.words[field >>> 2] ?? 0;
  const length = memory.words[(field >>> 2) + 1] ?? 0;
  if (length > bytesMax)
    throw new GuestFailure(
      'abi',
      `${name} is ${length} bytes long, at most ${bytesMax} are allowed`,
    );
  memory.checkRange(at, length, name);
  return memory.bytes.toString('latin1', at, at + length);
}
