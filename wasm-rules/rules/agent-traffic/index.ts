/**
 * Looks into what agents send to tool servers: JSON-RPC 2.0 as the Model Context Protocol speaks it.
 *
 * ```
 * head: guarded path ─► a JSON body, not compressed
 * body: whole ─► messages ─► methods and tools allowed?
 *                  └─► every text, decoded ─► phrases that give a model orders
 * ```
 *
 * Each event has an action of its own in the configuration; those that only mark do not end the reading,
 * and each event is told once a body.
 */
import { Action, readAction } from '../../sdk/action';
import { arenaReset } from '../../sdk/arena';
import { Body } from '../../sdk/body';
import { endsWithIgnoreCase, globBytes } from '../../sdk/matcher';
import { equalsIgnoreCase } from '../../sdk/bytes';
import { Config } from '../../sdk/config';
import { notAPath, Paths } from '../../sdk/paths';
import { Request } from '../../sdk/request';
import { findByte } from '../../sdk/scan';
import { verdict } from '../../sdk/verdict';
import { isBatchTooLong, malformed, readBody, setBounds } from './message';
import { findPhrase, phraseAt, phraseLength, prepare } from './phrases';

export { weir_abi, weir_reserve } from '../../sdk/module';

/** Patterns of one list. */
const globsMax: i32 = 256;
const phrasesMax: i32 = 200;

class Globs {
  private places: ArrayBuffer[] = [];

  constructor(texts: string[]) {
    for (let i = 0; i < texts.length; i++) this.places.push(String.UTF8.encode(texts[i]));
  }

  get isEmpty(): bool {
    return this.places.length == 0;
  }

  has(at: usize, length: i32): bool {
    for (let i = 0, count = this.places.length; i < count; i++) {
      const glob = unchecked(this.places[i]);
      if (globBytes(at, length, changetype<usize>(glob), glob.byteLength)) return true;
    }
    return false;
  }
}

const kinds: string[] = ['block', 'challenge', 'tag', 'score', 'off'];

let paths: Paths = new Paths([]);
let tools: Globs = new Globs([]);
let deniedTools: Globs = new Globs([]);
let methods: Globs = new Globs([]);
let deniedMethods: Globs = new Globs([]);
let onType: Action = preset('type', 'block', 'a body on this path must be JSON that is not compressed', 415);
let onSize: Action = preset('size', 'block', 'the body is longer than what can be read at once', 413);
let onMalformed: Action = preset('malformed', 'block', 'the body is no JSON-RPC that all readers take alike', 400);
let onBatch: Action = preset('batch', 'block', 'more messages in a batch than batchMax', 403);
let onMethod: Action = preset('method', 'block', 'the method may not be called', 403);
let onTool: Action = preset('tool', 'block', 'the tool may not be called', 403);
let onPhrase: Action = preset('phrase', 'score', 'a text gives a language model orders', 403);

function preset(event: string, kind: string, reason: string, status: i32): Action {
  const action = new Action(kind, 'agent-traffic/' + event, reason);
  action.status = status;
  action.tag = 'agent-traffic/' + event;
  return action;
}

export function weir_configure(at: usize, length: i32): i32 {
  const config = new Config(at, length);
  const texts = config.texts('paths', 64);
  if (texts.length == 0) config.refuse('paths', 'is missing: nothing would be looked at');
  const wrong = notAPath(texts);
  if (wrong.length > 0) config.refuse('paths', '"' + wrong + '" is no path: it begins with / and has no ? and %');
  paths = new Paths(texts);
  tools = new Globs(config.texts('tools', globsMax));
  deniedTools = new Globs(config.texts('deniedTools', globsMax));
  methods = new Globs(config.texts('methods', globsMax));
  deniedMethods = new Globs(config.texts('deniedMethods', globsMax));
  const depthMax = config.integer('depthMax', 32, 2, 64);
  const batchMax = config.integer('batchMax', 20, 1, 1000);
  const own = config.texts('phrases', phrasesMax);
  if (!prepare(own, config.flag('builtinPhrases', true)))
    config.refuse('phrases', 'holds one without four letters or digits of ASCII');
  const actions = config.object('actions');
  if (actions !== null) readActions(actions);
  setBounds(depthMax, batchMax, inspectText, inspectMessage);
  return config.done();
}

function readActions(from: Config): void {
  onType = actionOf(from, 'type', onType);
  onSize = actionOf(from, 'size', onSize);
  onMalformed = actionOf(from, 'malformed', onMalformed);
  onBatch = actionOf(from, 'batch', onBatch);
  onMethod = actionOf(from, 'method', onMethod);
  onTool = actionOf(from, 'tool', onTool);
  onPhrase = actionOf(from, 'phrase', onPhrase);
  from.done();
}

function actionOf(from: Config, event: string, before: Action): Action {
  const own = from.object(event);
  if (own === null) return before;
  const action = readAction(own, before, kinds);
  own.done();
  return action;
}

export function weir_request_head(view: usize): usize {
  const request = changetype<Request>(view);
  arenaReset();
  if (!hasBody(request) || !paths.has(request) || isPlainJson(request)) return 0;
  const stopped = onType.take('header:content-type', request.pathAt, 0);
  return stopped != 0 ? stopped : verdict();
}

/** The answer, once an event has ended the request. */
let stopped: usize = 0;
/** A byte an event: told already. */
let told: u32 = 0;

export function weir_request_body(view: usize): usize {
  const body = changetype<Body>(view);
  arenaReset();
  const request = body.request;
  if (!paths.has(request) || !isPlainJson(request)) return 0;
  stopped = 0;
  told = 0;
  if (!body.isWhole) {
    if (body.isFirst) tell(onSize, 1, 'body', body.dataAt, 0);
  } else if (body.dataLength > 0 && !readBody(body.dataAt, body.dataLength)) {
    if (malformed.length > 0) tell(onMalformed, 2, 'body', body.dataAt, 0);
    else if (isBatchTooLong) tell(onBatch, 4, 'body', body.dataAt, 0);
  }
  return stopped != 0 ? stopped : verdict();
}

/** False when the reading is over. */
function tell(action: Action, event: u32, target: string, at: usize, length: i32): bool {
  if ((told & event) != 0) return true;
  told |= event;
  stopped = action.take(target, at, length);
  return stopped == 0;
}

function inspectText(at: usize, length: i32): bool {
  if ((told & 8) != 0 || onPhrase.kind == 'off' || !findPhrase(at, length)) return true;
  return tell(onPhrase, 8, 'body', phraseAt, phraseLength);
}

function inspectMessage(methodAt: usize, methodLength: i32, toolAt: usize, toolLength: i32): bool {
  const isAllowed =
    (methods.isEmpty || methods.has(methodAt, methodLength)) && !deniedMethods.has(methodAt, methodLength);
  if (!isAllowed && !tell(onMethod, 16, 'body:method', methodAt, methodLength)) return false;
  if (!equalsIgnoreCase(methodAt, methodLength, 'tools/call')) return true;
  if (toolLength < 0) return tell(onTool, 32, 'body:params.name', methodAt, 0);
  const mayCall = (tools.isEmpty || tools.has(toolAt, toolLength)) && !deniedTools.has(toolAt, toolLength);
  return mayCall || tell(onTool, 32, 'body:params.name', toolAt, toolLength);
}

function hasBody(request: Request): bool {
  const index = request.find('content-length');
  if (index < 0) return request.find('transfer-encoding') >= 0;
  const header = request.header(index);
  return header.valueLength != 1 || load<u8>(request.valueAt(header)) != 0x30;
}

/** One Content-Type, `application/json` or `…+json`, and no Content-Encoding. */
function isPlainJson(request: Request): bool {
  const index = request.find('content-type');
  if (index < 0 || request.find('content-type', index + 1) >= 0) return false;
  const header = request.header(index);
  const at = request.valueAt(header);
  let length = <i32>(findByte(at, at + header.valueLength, 0x3b) - at);
  while (length > 0 && load<u8>(at + length - 1) <= 0x20) length--;
  if (!equalsIgnoreCase(at, length, 'application/json') && !endsWithIgnoreCase(at, length, '+json')) return false;
  const encoding = request.find('content-encoding');
  if (encoding < 0) return true;
  const coding = request.header(encoding);
  return equalsIgnoreCase(request.valueAt(coding), coding.valueLength, 'identity');
}
