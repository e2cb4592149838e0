/**
 * Set-Cookie with the flags its origin has left out: Secure, HttpOnly and SameSite (RFC 6265bis).
 *
 * A flag that is there stays as it is. Fields of one name can only be replaced together, so where one
 * cookie gets a flag all of them are written anew, in their order. Where one would be longer than a field
 * may be, all stay as they are and the response is tagged: half a cookie is worse than a bare one.
 */
import { arenaTake } from '../../sdk/arena';
import { equalsIgnoreCase } from '../../sdk/bytes';
import { Config } from '../../sdk/config';
import { fieldValueBytesMax } from '../../sdk/layout';
import { globBytes } from '../../sdk/matcher';
import { Response } from '../../sdk/response';
import { findByte } from '../../sdk/scan';
import { addHeaderBytes, removeHeader, tag } from '../../sdk/verdict';

const semicolon: u8 = 0x3b;
const equalsSign: u8 = 0x3d;

const secureTls: i32 = 0;
const secureAlways: i32 = 1;

/** Cookies of one response that are written anew; a call has 64 records for everything. */
const cookiesMax: i32 = 24;

const hasSecure: i32 = 1;
const hasHttpOnly: i32 = 2;
const hasSameSite: i32 = 4;

let isOn = true;
let secure: i32 = secureTls;
let httpOnly = true;
/** `; SameSite=Lax` and so on; empty leaves it to the browser. */
let sameSite: string = '';
const readByScripts: ArrayBuffer[] = [];

export function configureCookies(config: Config): void {
  const cookies = config.object('cookies');
  const kinds = ['tls', 'always', 'never'];
  secure = cookies === null ? secureTls : kinds.indexOf(cookies.choice('secure', 'tls', kinds));
  httpOnly = cookies === null ? true : cookies.flag('httpOnly', true);
  const choice =
    cookies === null
      ? 'Lax'
      : cookies.choice('sameSite', 'Lax', ['Lax', 'Strict', 'None', 'leave']);
  sameSite = choice == 'leave' ? '' : '; SameSite=' + choice;
  // The cookies frameworks give their scripts, to send back in a field.
  let names = ['XSRF-TOKEN', 'csrftoken', '_csrf*'];
  if (cookies !== null && cookies.has('readByScripts')) names = cookies.strings('readByScripts');
  if (names.length > 64) config.refuse('cookies.readByScripts', 'takes at most 64 names');
  for (let i = 0; i < names.length; i++) readByScripts.push(String.UTF8.encode(names[i]));
  if (choice == 'None' && secure != secureAlways)
    config.refuse(
      'cookies.sameSite',
      'is None, which browsers take from secure cookies only: set cookies.secure to always',
    );
  isOn = secure <= secureAlways || httpOnly || sameSite.length > 0;
  if (cookies !== null) cookies.done();
}

export function hardenCookies(response: Response, isTls: bool): void {
  if (!isOn) return;
  const addsSecure = secure == secureAlways || (secure == secureTls && isTls);
  let count = 0;
  let incomplete = 0;
  let tooLong = false;
  for (let i = response.find('set-cookie'); i >= 0; i = response.find('set-cookie', i + 1)) {
    const header = response.header(i);
    const missing = missingOf(response.valueAt(header), header.valueLength, addsSecure);
    count++;
    if (missing != 0) incomplete++;
    if (header.valueLength + suffixLength(missing) > fieldValueBytesMax) tooLong = true;
  }
  if (incomplete == 0) return;
  if (tooLong || count > cookiesMax) {
    tag('header-hardening/cookies-unchanged');
    return;
  }
  removeHeader('set-cookie');
  for (let i = response.find('set-cookie'); i >= 0; i = response.find('set-cookie', i + 1)) {
    const header = response.header(i);
    const at = response.valueAt(header);
    const missing = missingOf(at, header.valueLength, addsSecure);
    const into = arenaTake(header.valueLength + suffixLength(missing));
    memory.copy(into, at, header.valueLength);
    let end = into + header.valueLength;
    if ((missing & hasSecure) != 0) end = append(end, '; Secure');
    if ((missing & hasHttpOnly) != 0) end = append(end, '; HttpOnly');
    if ((missing & hasSameSite) != 0) end = append(end, sameSite);
    addHeaderBytes('set-cookie', into, <i32>(end - into));
  }
}

/** The flags to add to one cookie. */
function missingOf(at: usize, length: i32, addsSecure: bool): i32 {
  const end = at + length;
  let part = findByte(at, end, semicolon);
  const nameEnd = findByte(at, part, equalsSign);
  let missing =
    (addsSecure ? hasSecure : 0) |
    (httpOnly && !isReadByScripts(at, <i32>(nameEnd - at)) ? hasHttpOnly : 0) |
    (sameSite.length > 0 ? hasSameSite : 0);
  while (part < end) {
    const start = skipBlanks(part + 1, end);
    part = findByte(start, end, semicolon);
    let nameStop = findByte(start, part, equalsSign);
    while (nameStop > start && load<u8>(nameStop - 1) <= 0x20) nameStop--;
    const nameLength = <i32>(nameStop - start);
    if (equalsIgnoreCase(start, nameLength, 'secure')) missing &= ~hasSecure;
    else if (equalsIgnoreCase(start, nameLength, 'httponly')) missing &= ~hasHttpOnly;
    else if (equalsIgnoreCase(start, nameLength, 'samesite')) missing &= ~hasSameSite;
  }
  return missing;
}

function isReadByScripts(at: usize, length: i32): bool {
  while (length > 0 && load<u8>(at + length - 1) <= 0x20) length--;
  for (let i = 0; i < readByScripts.length; i++) {
    const name = readByScripts[i];
    if (globBytes(at, length, changetype<usize>(name), name.byteLength, true)) return true;
  }
  return false;
}

function suffixLength(missing: i32): i32 {
  return (
    ((missing & hasSecure) != 0 ? 8 : 0) +
    ((missing & hasHttpOnly) != 0 ? 10 : 0) +
    ((missing & hasSameSite) != 0 ? sameSite.length : 0)
  );
}

function append(at: usize, text: string): usize {
  for (let i = 0; i < text.length; i++) store<u8>(at + i, text.charCodeAt(i));
  return at + text.length;
}

function skipBlanks(at: usize, end: usize): usize {
  while (at < end && load<u8>(at) <= 0x20) at++;
  return at;
}
