/**
 * Whom a limit counts: the text that names its bucket, made of the parts the configuration lists.
 *
 * ```
 * login 203.0.113.7|t13d1516h2_8daaf6152771_e5627efa2ab1
 * ```
 *
 * A part that is long is cut and gets a hash of all of it: a key has at most 256 bytes. The hash is no
 * secret one. Who finds two texts of one hash shares a bucket with himself: the first bytes of a stranger's
 * token would have to be known to share his. A part that is absent is `-`, so whoever leaves it away shares
 * one bucket with all who do.
 */
import { addressBytes, addressIsV4, readAddress } from '../../sdk/address';
import { arenaTake } from '../../sdk/arena';
import { isFieldName } from '../../sdk/action';
import { Config } from '../../sdk/config';
import { Cookies } from '../../sdk/cookie';
import { limitKeyBytesMax } from '../../sdk/layout';
import { Request } from '../../sdk/request';

const enum Source {
  Address,
  AddressBlock,
  Ja4,
  Path,
  Method,
  Host,
  Header,
  Cookie,
}

const words: string[] = ['address', 'address-block', 'ja4', 'path', 'method', 'host'];
const partsMax: i32 = 4;
/** A longer part keeps the first of these bytes. */
const partBytesMax: i32 = 40;
const cutBytes: i32 = 24;
const blockBytesV4: i32 = 3;
const blockBytesV6: i32 = 7;

class Part {
  constructor(
    public source: Source,
    public name: string,
  ) {}
}

let out: usize = 0;

export class Key {
  private parts: Part[] = [];

  constructor(
    private id: string,
    from: Config,
  ) {
    const texts = from.texts('key', partsMax);
    if (texts.length == 0) texts.push('address');
    for (let i = 0; i < texts.length; i++) this.parts.push(partOf(texts[i], from));
  }

  /** Writes the key into the arena and answers its length; it lies at `keyAt`. */
  write(request: Request): i32 {
    keyAt = arenaTake(limitKeyBytesMax);
    out = keyAt;
    for (let i = 0; i < this.id.length; i++) store<u8>(out++, this.id.charCodeAt(i));
    for (let i = 0, count = this.parts.length; i < count; i++) {
      store<u8>(out++, i == 0 ? 0x20 : 0x7c);
      writePart(unchecked(this.parts[i]), request);
    }
    return <i32>(out - keyAt);
  }
}

export let keyAt: usize = 0;

function partOf(text: string, from: Config): Part {
  const word = words.indexOf(text);
  if (word >= 0) return new Part(<Source>word, '');
  const name = text.slice(text.indexOf(':') + 1);
  if (text.startsWith('header:') && isFieldName(name)) return new Part(Source.Header, name);
  if (text.startsWith('cookie:') && name.length > 0) return new Part(Source.Cookie, name);
  from.refuse('key', '"' + text + '" is none of ' + words.join(', ') + ', header:NAME in lower case, cookie:NAME');
  return new Part(Source.Address, '');
}

function writePart(part: Part, request: Request): void {
  switch (part.source) {
    case Source.Address:
      return writeText(request.clientAt, request.clientLength);
    case Source.AddressBlock:
      return writeBlock(request);
    case Source.Ja4:
      if (request.hasConnection)
        return writeText(request.ja4At(request.connection), request.connection.ja4Length);
      break;
    case Source.Path:
      return writeText(request.pathAt, request.pathLength);
    case Source.Method:
      return writeText(request.methodAt, request.methodLength);
    case Source.Host:
      if (request.hasHost) return writeText(request.hostAt, request.hostLength);
      break;
    case Source.Header: {
      const index = request.find(part.name);
      if (index < 0) break;
      const header = request.header(index);
      return writeText(request.valueAt(header), header.valueLength);
    }
    case Source.Cookie: {
      const cookies = new Cookies(request);
      if (!cookies.find(part.name)) break;
      return writeText(cookies.valueAt, cookies.valueLength);
    }
  }
  store<u8>(out++, 0x2d);
}

function writeText(at: usize, length: i32): void {
  const isLong = length > partBytesMax;
  const kept = isLong ? cutBytes : length;
  memory.copy(out, at, kept);
  out += kept;
  if (!isLong) return;
  // FNV-1a.
  let hash: u64 = 0xcbf29ce484222325;
  for (let i = 0; i < length; i++) hash = (hash ^ load<u8>(at + i)) * 0x100000001b3;
  for (let i = 0; i < 8; i++) writeHex(<u32>((hash >> (i << 3)) & 0xff));
}

/** /24 of IPv4, /56 of IPv6: what one customer usually has. */
function writeBlock(request: Request): void {
  if (!readAddress(request.clientAt, request.clientLength))
    return writeText(request.clientAt, request.clientLength);
  const from = addressIsV4 ? 12 : 0;
  const bytes = addressIsV4 ? blockBytesV4 : blockBytesV6;
  store<u8>(out++, addressIsV4 ? 0x34 : 0x36);
  store<u8>(out++, 0x3a);
  for (let i = 0; i < bytes; i++) writeHex(load<u8>(addressBytes + from + i));
}

function writeHex(byte: u32): void {
  store<u8>(out++, hexDigit(byte >> 4));
  store<u8>(out++, hexDigit(byte & 15));
}

function hexDigit(value: u32): u32 {
  return value < 10 ? 0x30 + value : 0x57 + value;
}
