/**
 * Hands every part of a request back to the host, so that a test can see each survive the way through
 * the packed view.
 *
 * The path says which part: `/method`, `/target`, `/path`, `/query`, `/host`, `/client`, `/head`,
 * `/flags`, `/count`, `/ja4`, `/subject`, `/sha256`, `/certificate`, `/name/N` and `/value/N`. The part comes back as `matched`, cut at 128 bytes;
 * its full length as the status, 400 plus the length modulo 200; what it was asked for as the
 * target; `absent` as the reason where the request has no such part.
 */
import { startsWithIgnoreCase } from '../sdk/bytes';
import { Request } from '../sdk/request';
import { block, blockHeader } from '../sdk/verdict';

export { weir_abi, weir_reserve } from '../sdk/module';

const scratch = memory.data(1);

export function weir_request_head(view: usize): usize {
  const request = changetype<Request>(view);
  const at = request.pathAt;
  const length = request.pathLength;
  if (startsWithIgnoreCase(at, length, '/method'))
    return echo('method', true, request.methodAt, request.methodLength);
  if (startsWithIgnoreCase(at, length, '/target'))
    return echo('target', true, request.targetAt, request.targetLength);
  if (startsWithIgnoreCase(at, length, '/path')) return echo('path', true, at, length);
  if (startsWithIgnoreCase(at, length, '/query'))
    return echo('query', request.hasQuery, request.queryAt, request.queryLength);
  if (startsWithIgnoreCase(at, length, '/host'))
    return echo('host', request.hasHost, request.hostAt, request.hostLength);
  if (startsWithIgnoreCase(at, length, '/client'))
    return echo('client', true, request.clientAt, request.clientLength);
  if (startsWithIgnoreCase(at, length, '/head'))
    return echo('head', true, request.headAt, request.headLength);
  if (startsWithIgnoreCase(at, length, '/count')) return number('count', request.headerCount);
  if (startsWithIgnoreCase(at, length, '/size')) return number('size', request.size);
  if (startsWithIgnoreCase(at, length, '/flags')) {
    return number('flags', (request.isTls ? 1 : 0) | (request.isHttp10 ? 2 : 0));
  }
  if (!request.hasConnection) {
    if (startsWithIgnoreCase(at, length, '/ja4')) return echo('ja4', false, at, 0);
  } else {
    const known = request.connection;
    if (startsWithIgnoreCase(at, length, '/ja4'))
      return echo('ja4', true, request.ja4At(known), known.ja4Length);
    if (startsWithIgnoreCase(at, length, '/subject'))
      return echo('subject', known.subjectOffset != 0, request.subjectAt(known), known.subjectLength);
    if (startsWithIgnoreCase(at, length, '/sha256'))
      return echo('sha256', known.sha256Offset != 0, request.sha256At(known), known.sha256Length);
    if (startsWithIgnoreCase(at, length, '/certificate'))
      return number('certificate', (known.showsCertificate ? 1 : 0) | (known.isVerified ? 2 : 0));
  }
  const isName = startsWithIgnoreCase(at, length, '/name/');
  if (!isName && !startsWithIgnoreCase(at, length, '/value/')) return 0;
  const header = request.header(trailingNumber(at, length));
  const nameAt = request.nameAt(header);
  const partAt = isName ? nameAt : request.valueAt(header);
  const partLength = isName ? header.nameLength : header.valueLength;
  return blockHeader(
    400 + (partLength % 200),
    'conformance/echo',
    'present',
    nameAt,
    header.nameLength,
    partAt,
    partLength,
  );
}

function echo(what: string, present: bool, at: usize, length: i32): usize {
  if (!present) return block(400, 'conformance/echo', 'absent', what, 0, 0);
  return block(400 + (length % 200), 'conformance/echo', 'present', what, at, length);
}

/** A number comes back as the length of nothing: in the status. */
function number(what: string, value: i32): usize {
  return block(400 + (value % 200), 'conformance/echo', 'present', what, scratch, 0);
}

function trailingNumber(at: usize, length: i32): i32 {
  let value = 0;
  for (let i = 0; i < length; i++) {
    const digit = <i32>load<u8>(at + i) - 0x30;
    if (digit >= 0 && digit < 10) value = value * 10 + digit;
  }
  return value;
}
