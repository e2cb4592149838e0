/**
 * Parts of a request as AssemblyScript strings: easy to work with, half a microsecond each.
 *
 * A string is allocated; that is no leak, because everything a call leaves in memory is undone when it
 * ends. Bytes become characters one by one (latin1), except where UTF-8 is asked for.
 */
import { Cookies } from './cookie';
import * as percent from './percent';
import { Parameters } from './query';
import { Request } from './request';
import { Response } from './response';

/** The bytes as a string, one character each. */
export function text(at: usize, length: i32): string {
  if (length <= 0) return '';
  const units = changetype<usize>(__new((<usize>length) << 1, idof<string>()));
  for (let i = 0; i < length; i++) store<u16>(units + ((<usize>i) << 1), load<u8>(at + i));
  return changetype<string>(units);
}

/** The bytes as a string, read as UTF-8. */
export function utf8(at: usize, length: i32): string {
  return String.UTF8.decodeUnsafe(at, length);
}

export function methodOf(request: Request): string {
  return text(request.methodAt, request.methodLength);
}

/** As it came, not decoded. */
export function pathOf(request: Request): string {
  return text(request.pathAt, request.pathLength);
}

export function hostOf(request: Request): string {
  return request.hasHost ? text(request.hostAt, request.hostLength) : '';
}

export function clientOf(request: Request): string {
  return text(request.clientAt, request.clientLength);
}

/** The first field of this name, or null. `name` is lower case. */
export function headerOf(request: Request, name: string): string | null {
  const index = request.find(name);
  if (index < 0) return null;
  const header = request.header(index);
  return text(request.valueAt(header), header.valueLength);
}

export function responseHeaderOf(response: Response, name: string): string | null {
  const index = response.find(name);
  if (index < 0) return null;
  const header = response.header(index);
  return text(response.valueAt(header), header.valueLength);
}

/** The first query parameter of this name, decoded, or null. */
export function parameterOf(request: Request, name: string): string | null {
  const parameters = new Parameters(request.queryAt, request.queryLength);
  if (!parameters.find(name)) return null;
  percent.decode(parameters.valueAt, parameters.valueLength, true);
  return text(percent.decodedAt, percent.decodedLength);
}

/** The first cookie of this name, or null. */
export function cookieOf(request: Request, name: string): string | null {
  const cookies = new Cookies(request);
  return cookies.find(name) ? text(cookies.valueAt, cookies.valueLength) : null;
}
