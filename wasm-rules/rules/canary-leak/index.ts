/**
 * What must never leave in a response: canary tokens of the operator's own (planted in a database, a file, a
 * prompt), and secrets by their look. A response that holds one is stopped: before its first byte where that
 * is still to come, else in the middle.
 *
 * A body comes in stretches, each with the last 256 bytes of the one before, and nothing that is looked for
 * is longer: what lies across a border is seen whole in the second stretch.
 *
 * A compressed body shows nothing, so origins are asked for plain ones: Accept-Encoding goes out of the
 * request. The log names the rule and the first characters of what was found, never the rest.
 */
import { Body } from '../../sdk/body';
import { equalsIgnoreCase } from '../../sdk/bytes';
import { Config } from '../../sdk/config';
import { Response } from '../../sdk/response';
import { block, removeHeader, tag, verdict } from '../../sdk/verdict';
import { Needles } from './needles';
import { Pattern, patterns } from './patterns';

export { weir_abi, weir_reserve } from '../../sdk/module';

const tokensMax: i32 = 100;
const tokenBytesMin: i32 = 8;
/** As long as the overlap of two stretches. */
const tokenBytesMax: i32 = 256;
/** What of a secret may stand in a log. */
const shownBytes: i32 = 4;

const needles = new Needles();
/** By needle: the pattern it begins, or null for a token. */
const owners: (Pattern | null)[] = [];
const lengths: i32[] = [];
let blocks = true;
let status: i32 = 502;
let asksForPlain = true;

let from: usize = 0;
let isLast = false;
let foundAt: usize = 0;

export function weir_configure(at: usize, length: i32): i32 {
  const config = new Config(at, length);
  blocks = config.choice('action', 'block', ['block', 'tag']) == 'block';
  status = config.integer('status', 502, 400, 599);
  asksForPlain = config.flag('askForPlain', true);
  const tokens = config.strings('tokens');
  if (tokens.length > tokensMax)
    config.refuse('tokens', 'has ' + tokens.length.toString() + ' tokens; at most 100 are taken');
  for (let i = 0; i < tokens.length; i++) {
    const bytes = String.UTF8.encode(tokens[i]);
    if (bytes.byteLength < tokenBytesMin || bytes.byteLength > tokenBytesMax)
      config.refuse(
        'tokens[' + i.toString() + ']',
        'must have 8 to 256 bytes, not ' + bytes.byteLength.toString(),
      );
    if (repeats(bytes))
      config.refuse(
        'tokens[' + i.toString() + ']',
        'must not begin with one to three characters over and over, which ordinary texts do as well',
      );
    addNeedle(bytes, null);
  }
  const names: string[] = [];
  for (let i = 0; i < patterns.length; i++) names.push(patterns[i].name);
  const asked = config.has('patterns') ? config.strings('patterns') : ['private-key', 'aws-key'];
  for (let i = 0; i < asked.length; i++) {
    const index = names.indexOf(asked[i]);
    if (index < 0)
      config.refuse(
        'patterns[' + i.toString() + ']',
        'must be one of ' + names.join(', ') + ', not "' + asked[i] + '"',
      );
    const pattern = patterns[index];
    for (let b = 0; b < pattern.beginnings.length; b++)
      addNeedle(String.UTF8.encode(pattern.beginnings[b]), pattern);
  }
  needles.prepare();
  if (needles.count == 0) config.refuse('tokens', 'must name a token where patterns is empty');
  return config.done();
}

function addNeedle(bytes: ArrayBuffer, owner: Pattern | null): void {
  needles.add(changetype<usize>(bytes), bytes.byteLength, owners.length);
  owners.push(owner);
  lengths.push(bytes.byteLength);
}

/** Eight bytes that are the same again one, two or three places on: `--------`, `abababab`. */
function repeats(bytes: ArrayBuffer): bool {
  const at = changetype<usize>(bytes);
  for (let period = 1; period <= 3; period++)
    if (memory.compare(at, at + period, tokenBytesMin - period) == 0) return true;
  return false;
}

export function weir_request_head(_view: usize): usize {
  if (!asksForPlain) return 0;
  removeHeader('accept-encoding');
  return verdict();
}

export function weir_response_head(view: usize): usize {
  const response = changetype<Response>(view);
  for (let i = 0, count = response.headerCount; i < count; i++) {
    const header = response.header(i);
    const at = response.valueAt(header);
    const needle = search(at, at + header.valueLength, true);
    if (needle >= 0) return found(needle, 'response-header');
  }
  if (isEncoded(response)) tag('canary-leak/not-searched');
  return verdict();
}

export function weir_response_body(view: usize): usize {
  const body = changetype<Body>(view);
  const at = body.dataAt;
  const needle = search(at, at + body.dataLength, body.isLast);
  return needle < 0 ? 0 : found(needle, 'response-body');
}

function search(at: usize, end: usize, last: bool): i32 {
  from = at;
  isLast = last;
  return needles.find(at, end, accept);
}

function accept(needle: i32, at: usize, end: usize): bool {
  const owner = unchecked(owners[needle]);
  foundAt = at;
  return owner === null || owner.holds(at, at + unchecked(lengths[needle]), from, end, isLast);
}

function found(needle: i32, target: string): usize {
  const owner = owners[needle];
  const rule = owner === null ? 'canary-leak/token' : owner.rule;
  if (!blocks) {
    tag(rule);
    return verdict();
  }
  const reason =
    owner === null ? 'the response holds a canary token' : 'the response holds what looks like a secret';
  return block(status, rule, reason, target, foundAt, shownBytes);
}

/** The origin has compressed it although it was not asked to, or may. */
function isEncoded(response: Response): bool {
  const index = response.find('content-encoding');
  if (index < 0) return false;
  const header = response.header(index);
  return !equalsIgnoreCase(response.valueAt(header), header.valueLength, 'identity');
}
