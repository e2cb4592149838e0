/** Does what the path says, for the tests of the runner of cases (`test/wasm/cases/`). */
import { Config } from '../sdk/config';
import {
  answerAt,
  answerLength,
  blockClient,
  count,
  getValue,
  log,
  logInfo,
  lookup,
  nowWall,
  scopeWorker,
  setValue,
} from '../sdk/host';
import { Request } from '../sdk/request';
import { pathOf, text } from '../sdk/strings';
import { block } from '../sdk/verdict';

export { weir_abi, weir_reserve } from '../sdk/module';

const set = memory.data<u8>([0x73, 0x65, 0x74]);
let status = 403;

export function weir_configure(at: usize, length: i32): i32 {
  const config = new Config(at, length);
  status = config.integer('status', 403, 400, 599);
  return config.done();
}

export function weir_request_head(view: usize): usize {
  const request = changetype<Request>(view);
  const path = pathOf(request);
  if (path == '/block')
    return block(status, 'probe/block', 'asked for', 'path', request.pathAt, request.pathLength);
  if (path == '/trap') return unreachable();
  if (path == '/loop') return forever(request);
  if (path == '/count') log(logInfo, count(scopeWorker, 'requests', 1, 60_000).toString());
  if (path == '/value')
    log(logInfo, getValue(scopeWorker, 'key') ? text(answerAt, answerLength) : '-');
  if (path == '/set') setValue(scopeWorker, 'key', set, 3, 1_000);
  if (path == '/now') log(logInfo, nowWall().toString());
  if (path == '/geo')
    log(logInfo, lookup('geo', 0, 0, 'country.iso_code') ? text(answerAt, answerLength) : '-');
  if (path == '/ban') blockClient(60, 'asked for');
  return 0;
}

function forever(request: Request): usize {
  let sum: usize = 0;
  while (true) sum += load<u8>(request.pathAt) + sum;
  return sum;
}
