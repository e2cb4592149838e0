/**
 * So many requests in so much time, for whomever the key names: an address, a block of addresses, a
 * session, a fingerprint, or several of them together.
 *
 * `limit` takes from a token bucket the host keeps (429 when it is empty, with Retry-After). The other
 * actions count requests in a window and act on those above the number.
 */
import { Action, isTag, readAction } from '../../sdk/action';
import { AddressSet, readAddress } from '../../sdk/address';
import { arenaReset } from '../../sdk/arena';
import { Config } from '../../sdk/config';
import { countBytes, scopeFleet, scopeNode, scopeWorker } from '../../sdk/host';
import { equals } from '../../sdk/matcher';
import { notAPath, Paths } from '../../sdk/paths';
import { Request } from '../../sdk/request';
import { limit, verdict } from '../../sdk/verdict';
import { Key, keyAt } from './key';

export { weir_abi, weir_reserve } from '../../sdk/module';

const limitsMax: i32 = 32;
const actions: string[] = ['limit', 'block', 'challenge', 'tag', 'score'];

class Limit {
  methods: string[] = [];
  paths: Paths = new Paths([]);
  except: AddressSet = new AddressSet();
  requests: i32 = 0;
  seconds: i32 = 0;
  burst: i32 = 0;
  /** In which a bucket of `burst` is full again. */
  periodSeconds: i32 = 0;
  scope: i32 = scopeNode;

  constructor(
    public key: Key,
    public action: Action,
  ) {}
}

const limits: Limit[] = [];

export function weir_configure(at: usize, length: i32): i32 {
  const config = new Config(at, length);
  const items = config.objects('limits');
  if (items.length > limitsMax) config.refuse('limits', 'has more than 32 items');
  for (let i = 0; i < items.length; i++) readLimit(items[i], items, i);
  return config.done();
}

function readLimit(from: Config, all: Config[], index: i32): void {
  const id = from.required('id');
  if (!isTag(id)) from.refuse('id', 'is not 1 to 64 of a-z, 0-9 and . _ : / -');
  for (let i = 0; i < index; i++)
    if (all[i].required('id') == id) from.refuse('id', '"' + id + '" is that of an earlier limit as well');
  const preset = new Action('limit', 'rate-limit/' + id, 'more requests than limit ' + id + ' allows');
  preset.status = 429;
  preset.tag = 'rate-limit/' + id;
  if (preset.tag.length > 64) preset.tag = id;
  const entry = new Limit(new Key(id, from), readAction(from, preset, actions));
  entry.methods = from.texts('methods', 16);
  const paths = from.texts('paths', 64);
  const wrong = notAPath(paths);
  if (wrong.length > 0) from.refuse('paths', '"' + wrong + '" is no path: it begins with / and has no ? and %');
  entry.paths = new Paths(paths);
  const except = from.texts('except', 256);
  for (let i = 0; i < except.length; i++)
    if (!entry.except.add(except[i])) from.refuse('except', '"' + except[i] + '" is no address or network');
  entry.requests = need(from, 'requests', 1_000_000);
  entry.seconds = need(from, 'seconds', 86_400);
  const scope = from.choice('scope', 'node', ['node', 'worker', 'fleet']);
  entry.scope = scope == 'node' ? scopeNode : scope == 'fleet' ? scopeFleet : scopeWorker;
  entry.burst = from.integer('burst', entry.requests, 1, 1_000_000);
  if (entry.action.kind != 'limit' && from.has('burst'))
    from.refuse('burst', 'is only for the action limit: the others count in a window');
  // Rounded up: a bucket is never filled faster than was asked for.
  const period = (<i64>entry.burst * entry.seconds + entry.requests - 1) / entry.requests;
  if (period > 86_400) from.refuse('burst', 'would take longer than a day to be there again');
  entry.periodSeconds = <i32>period;
  from.done();
  limits.push(entry);
}

function need(from: Config, name: string, most: i32): i32 {
  if (!from.has(name)) from.refuse(name, 'is missing');
  return from.integer(name, 1, 1, most);
}

export function weir_request_head(view: usize): usize {
  const request = changetype<Request>(view);
  arenaReset();
  for (let i = 0, count = limits.length; i < count; i++) {
    const entry = unchecked(limits[i]);
    if (!applies(entry, request)) continue;
    const stopped = take(entry, request);
    if (stopped != 0) return stopped;
  }
  return verdict();
}

function applies(entry: Limit, request: Request): bool {
  if (entry.methods.length > 0 && !hasMethod(entry.methods, request)) return false;
  if (!entry.paths.isEmpty && !entry.paths.has(request)) return false;
  if (entry.except.size == 0) return true;
  return !(readAddress(request.clientAt, request.clientLength) && entry.except.hasLast());
}

function hasMethod(methods: string[], request: Request): bool {
  for (let i = 0; i < methods.length; i++)
    if (equals(request.methodAt, request.methodLength, unchecked(methods[i]))) return true;
  return false;
}

function take(entry: Limit, request: Request): usize {
  const length = entry.key.write(request);
  if (entry.action.kind == 'limit') {
    limit(
      entry.action.rule,
      entry.action.reason,
      keyAt,
      length,
      1,
      entry.burst,
      entry.periodSeconds,
      entry.scope,
    );
    return 0;
  }
  const seen = countBytes(entry.scope, keyAt, length, 1, entry.seconds * 1000);
  return seen > entry.requests ? entry.action.take('client', keyAt, length) : 0;
}
