/** Every function of `sdk/host.ts` once: what the path names is called, and what came of it is logged. */
import * as host from '../sdk/host';
import { Request } from '../sdk/request';
import { pathOf, text } from '../sdk/strings';

export { weir_abi, weir_reserve } from '../sdk/module';

let counter: i32 = -1;
let gauge: i32 = -1;
let patterns: i32 = -1;

export function weir_configure(_at: usize, _length: i32): i32 {
  counter = host.defineCounter('probes');
  gauge = host.defineGauge('level');
  patterns = host.compileRegexes('^/re\nx[0-9]+y\n/regex');
  return 0;
}

export function weir_request_head(view: usize): usize {
  const request = changetype<Request>(view);
  const path = pathOf(request);
  const at = request.pathAt;
  const length = request.pathLength;
  if (path == '/metrics') {
    host.addToCounter(counter);
    host.setGauge(gauge, 1.5);
    say(`${counter >= 0} ${gauge >= 0}`);
  } else if (path == '/property') say(host.property('route') ? answer() : '-');
  else if (path == '/property-too-long') say(host.property('route', 1) ? answer() : '-');
  else if (path == '/clock') say(`${host.nowWall()} ${host.nowMonotonic()}`);
  else if (path == '/regex-x12y') {
    const count = host.matchRegexes(patterns, at, length);
    say(`${count} ${host.regexIndex(0)} ${host.regexIndex(1)}`);
  } else if (path == '/sha256') {
    host.sha256(at, length);
    say(`${host.answerLength} ${load<u8>(host.answerAt)} ${load<u8>(host.answerAt, 31)}`);
  } else if (path == '/signature') {
    say(`${host.verifySignature('none', at, length, at, length, at, length)}`);
  } else if (path == '/values') {
    host.setValue(host.scopeRequest, 'a', at, 3, 0);
    host.setValueBytes(host.scopeNode, at, 2, at, 4, 0);
    say(
      `${host.getValue(host.scopeRequest, 'a') ? answer() : '-'} ` +
        `${host.getValueBytes(host.scopeNode, at, 2) ? answer() : '-'} ` +
        `${host.deleteValue(host.scopeRequest, 'a')} ${host.getValue(host.scopeRequest, 'a')} ` +
        `${host.deleteValueBytes(host.scopeNode, at, 2)} ` +
        `${host.countBytes(host.scopeWorker, at, 2, 5, 1000)} ${host.count(host.scopeWorker, 'b', 2, 1000)}`,
    );
  } else if (path == '/fetch') say(`${host.fetch('https://a.example/keys', 'keys', 1000)}`);
  else if (path == '/block')
    say(`${host.blockAddress(request.clientAt, request.clientLength, 60, 'asked')}`);
  else if (path == '/log') host.logBytes(host.logWarn, at, length);
  return 0;
}

function say(what: string): void {
  host.log(host.logInfo, what);
}

function answer(): string {
  return text(host.answerAt, host.answerLength);
}
