/**
 * What comes behind the first window of a body, as bodies of their own: rules see each stretch as they saw the first, so
 * that filler in front hides nothing.
 *
 * ```
 * form       a form, from the middle of a value on
 * multipart  parts; the one that was open where the stretch begins gets its delimiter and head again
 * image, …   not looked at, as the first window of it was not
 * else       text: half of a JSON or XML document is none
 * ```
 *
 * The head of such a request is the least that rules need to know where they are: method, path without query, who asks.
 */
import { fieldNamed } from '#waf/field-named.ts';
import { Transaction } from '#waf/transaction.ts';
import type { BodyWindow } from '../filter.ts';
import { type Field, requestView } from './built-request.ts';
import { closeJson, closeMultipart, closeXml } from './close-body.ts';

export type Stretch = { readonly transaction: Transaction; readonly bytes: Buffer };

type Kind = 'form' | 'multipart' | 'opaque' | 'text';

/** What the head of an open part may have, and still be found again. */
const partHeadBytesMax = 1_024;
/** Fields that rules look for whatever the body is. */
const keptFields: ReadonlySet<string> = new Set(['host', 'user-agent', 'accept']);

export class BodyStretches {
  readonly #kind: Kind;
  readonly #type: string;
  readonly #transaction: Transaction;
  /** `--` and the boundary. */
  readonly #delimiter: Buffer;
  /** Of the part that is open at the end of what was seen. */
  #isFile = false;

  /** `first` is what rules have seen already. */
  constructor(whole: Transaction, first: Buffer) {
    const type = fieldOf(whole, 'content-type');
    const boundary = boundaryOf(type);
    this.#type = type;
    this.#kind = kindOf(type, boundary);
    this.#delimiter = Buffer.from(`--${boundary ?? ''}`, 'latin1');
    this.#transaction = headFor(whole, this.#kind, boundary);
    if (this.#kind === 'multipart') this.#follow(first);
  }

  /** The first window as its parser takes it, although it was cut. */
  closed(first: Buffer): Buffer {
    if (this.#kind === 'multipart') return closeMultipart(first, this.#delimiter);
    if (this.#kind !== 'text') return first;
    if (jsonTypes.test(this.#type)) return closeJson(first);
    return xmlTypes.test(this.#type) ? closeXml(first) : first;
  }

  /** Null where there is nothing to look at. */
  next({ bytes }: Pick<BodyWindow, 'bytes'>): Stretch | null {
    if (this.#kind === 'opaque') return null;
    if (this.#kind !== 'multipart') return { transaction: this.#transaction, bytes };
    const name = this.#isFile ? 'name="stretch"; filename="stretch"' : 'name="stretch"';
    const opened = Buffer.from(
      `\r\nContent-Disposition: form-data; ${name}\r\n\r\n${lineBefore(bytes)}`,
      'latin1',
    );
    this.#follow(bytes);
    const part = Buffer.concat([this.#delimiter, opened, bytes.subarray(bytes[0] === lf ? 1 : 0)]);
    return { transaction: this.#transaction, bytes: closeMultipart(part, this.#delimiter) };
  }

  #follow(bytes: Buffer): void {
    const at = bytes.lastIndexOf(this.#delimiter);
    if (at < 0) return;
    const head = bytes.toString('latin1', at, at + partHeadBytesMax).split('\r\n\r\n')[0] ?? '';
    this.#isFile = /filename\*?\s*=/i.test(head);
  }
}

/** Data before what may be a delimiter: it begins a line, and ends no part that has none. */
const lineBefore = (bytes: Buffer): string =>
  bytes[0] === lf || bytes[0] === hyphen ? 'x\r\n' : 'x';

const lf = 0x0a;
const hyphen = 0x2d;

function kindOf(type: string, boundary: string | null): Kind {
  if (/^application\/x-www-form-urlencoded/i.test(type)) return 'form';
  if (/^multipart\//i.test(type)) return boundary === null ? 'text' : 'multipart';
  return opaqueTypes.test(type) ? 'opaque' : 'text';
}

/** As the rules of `src/toolchain/rule-set-request.ts` choose the parser. */
const jsonTypes = /^application\/(?:[a-z0-9.-]+\+)?json/i;
const xmlTypes = /^(?:application(?:\/soap\+|\/)|text\/)xml/i;
/** As rule 1000010 of builtin:core has them. */
const opaqueTypes =
  /^(?:image|video|audio|font)\/(?!svg)|^application\/(?:zip|gzip|x-gzip|x-tar|x-7z-compressed|pdf|wasm|zstd)\b/i;

function boundaryOf(type: string): string | null {
  const found = /;\s*boundary=(?:"([^"]{1,70})"|([^\s;,"]{1,70}))/i.exec(type);
  return found === null ? null : (found[1] ?? found[2] ?? null);
}

function headFor(whole: Transaction, kind: Kind, boundary: string | null): Transaction {
  const { request, facts, requestId, route, upstream, isMonitored } = whole;
  const fields: Field[] = [];
  for (let i = 0; i < request.headerCount; i++)
    if (keptFields.has(request.headerName(i).toLowerCase()))
      fields.push([request.headerName(i), request.headerValue(i)]);
  fields.push(['Content-Type', typeFor(kind, boundary)]);
  const text = request.bytes.toString('latin1', 0, request.targetEnd);
  const view = requestView({
    method: text.slice(0, request.methodEnd),
    target: text.slice(request.pathStart, request.pathEnd),
    version: request.minor === 0 ? 'HTTP/1.0' : 'HTTP/1.1',
    fields,
  });
  return new Transaction(view, facts, requestId, route, upstream, isMonitored);
}

function typeFor(kind: Kind, boundary: string | null): string {
  if (kind === 'form') return 'application/x-www-form-urlencoded';
  return kind === 'multipart' ? `multipart/form-data; boundary=${boundary ?? ''}` : 'text/plain';
}

function fieldOf({ request }: Transaction, name: string): string {
  const at = fieldNamed(request, name);
  return at < 0 ? '' : request.headerValue(at);
}
