/**
 * Hands parts of a response head, a body and a log view back to the host, as `conformance.ts` does for a
 * request: which one, the request's path says. The part comes back as `matched`, a number as the score.
 */
import { Body } from '../sdk/body';
import { startsWithIgnoreCase } from '../sdk/bytes';
import { log, logInfo } from '../sdk/host';
import { LogRecord } from '../sdk/log-record';
import { Request } from '../sdk/request';
import { Response } from '../sdk/response';
import { clientOf, cookieOf, headerOf, hostOf, methodOf, parameterOf, pathOf, text } from '../sdk/strings';
import {
  addHeader,
  block,
  challenge,
  limit,
  removeHeader,
  score,
  setHeader,
  setHeaderBytes,
  tag,
  verdict,
} from '../sdk/verdict';

export { weir_abi, weir_reserve } from '../sdk/module';

export function weir_request_head(view: usize): usize {
  const request = changetype<Request>(view);
  const path = pathOf(request);
  if (path == '/marks') {
    tag('probe/one');
    score(7, 'probe');
    score(-2, 'probe');
    setHeader('x-one', '1');
    addHeader('x-two', '2');
    removeHeader('x-three');
    setHeader('x-four', '4', true);
    setHeaderBytes('x-path', request.pathAt, request.pathLength);
    return verdict();
  }
  if (path == '/nothing') return verdict();
  if (path == '/both') {
    tag('probe/first');
    return block(403, 'probe/both', 'after a tag', 'path', request.pathAt, request.pathLength);
  }
  if (path == '/challenge') return challenge('probe/challenge', 'asked for', 'path');
  if (path == '/limit')
    return limit('probe/limit', 'asked for', request.clientAt, request.clientLength, 2, 10, 60);
  if (path == '/strings') {
    const all = `${methodOf(request)} ${path} ${hostOf(request)} ${clientOf(request)}`;
    const header = headerOf(request, 'x-a');
    const parameter = parameterOf(request, 'q');
    const cookie = cookieOf(request, 'c');
    const said = `${all} ${header ? header : '-'} ${parameter ? parameter : '-'} ${cookie ? cookie : '-'}`;
    setHeader('x-said', said);
    return verdict();
  }
  if (path == '/65-marks') {
    for (let i = 0; i < 65; i++) tag('probe/many');
    return verdict();
  }
  return 0;
}

export function weir_request_body(view: usize): usize {
  return ofBody(changetype<Body>(view));
}

export function weir_response_head(view: usize): usize {
  const response = changetype<Response>(view);
  const request = response.request;
  if (!startsWithIgnoreCase(request.pathAt, request.pathLength, '/response')) return 0;
  const type = response.find('content-type');
  if (type >= 0) {
    const header = response.header(type);
    setHeaderBytes('x-type', response.valueAt(header), header.valueLength);
  }
  setHeaderBytes('x-reason', response.reasonAt, response.reasonLength);
  score(response.status, 'probe/status');
  score(response.headerCount, 'probe/count');
  return verdict();
}

export function weir_response_body(view: usize): usize {
  return ofBody(changetype<Body>(view));
}

export function weir_log(view: usize): usize {
  const record = changetype<LogRecord>(view);
  const request = record.request;
  const rule = text(record.ruleAt, record.ruleLength);
  log(
    logInfo,
    `${pathOf(request)} ${record.outcome} ${record.status} ${record.bytesIn} ${record.bytesOut} ` +
      `${record.durationMicros} ${record.wafMicros} ${record.score} ${rule}`,
  );
  return 0;
}

function ofBody(body: Body): usize {
  const request = body.request;
  if (!startsWithIgnoreCase(request.pathAt, request.pathLength, '/body')) return 0;
  const flags =
    (body.isFirst ? 1 : 0) |
    (body.isLast ? 2 : 0) |
    (body.isWhole ? 4 : 0) |
    (body.isOfResponse ? 8 : 0);
  const status = body.isOfResponse ? body.response.status : 0;
  const what = `body ${flags} ${body.position} ${body.overlap} ${body.dataLength} ${status}`;
  return block(400 + flags, 'probe/body', 'seen', what, body.dataAt, body.dataLength);
}
