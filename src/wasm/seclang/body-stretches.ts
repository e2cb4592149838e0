/**
 * What comes behind the first window of a body: the request again, with each stretch in the place of its body, so that
 * filler in front hides nothing.
 *
 * ```
 * form       a form, from the middle of a value on
 * multipart  parts; the one that was open where the stretch begins gets its delimiter and head again
 * image, …   not looked at, as the first window of it was not
 * else       text: half of a JSON or XML document is none
 * ```
 *
 * Its head is that of the request, as rules ask for what is missing, too. What they find in it they have found in the
 * first window, so it is noted there alone.
 */
import { fieldNamed } from '#waf/field-named.ts';
import type { Transaction } from '#waf/transaction.ts';
import { closeJson, closeMultipart, closeXml } from './close-body.ts';
import type { EngineAnswer } from './engine-instance.ts';

type Kind = 'form' | 'multipart' | 'opaque' | 'text';

/** Matches of a request that are known again; beyond, one may be noted twice. */
const notedMax = 1_024;
/** What the head of an open part may have, and still be found again. */
const partHeadBytesMax = 1_024;

export class BodyStretches {
  readonly #kind: Kind;
  readonly #type: string;
  readonly #noted = new Set<string>();
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
  next(bytes: Buffer): Buffer | null {
    if (this.#kind === 'opaque') return null;
    if (this.#kind !== 'multipart') return bytes;
    const name = this.#isFile ? 'name="stretch"; filename="stretch"' : 'name="stretch"';
    const opened = Buffer.from(
      `\r\nContent-Disposition: form-data; ${name}\r\n\r\n${lineBefore(bytes)}`,
      'latin1',
    );
    this.#follow(bytes);
    const part = Buffer.concat([this.#delimiter, opened, bytes.subarray(bytes[0] === lf ? 1 : 0)]);
    return closeMultipart(part, this.#delimiter);
  }

  /** The answer with what no window before has had. */
  withoutNoted(answer: EngineAnswer): EngineAnswer {
    const matches = answer.matches.filter(({ rule, name, value, message }) => {
      const key = JSON.stringify([rule, name, value, message]);
      if (this.#noted.has(key)) return false;
      if (this.#noted.size < notedMax) this.#noted.add(key);
      return true;
    });
    return matches.length === answer.matches.length ? answer : { ...answer, matches };
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
  if (/^multipart\/form-data/i.test(type)) return boundary === null ? 'text' : 'multipart';
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

function fieldOf({ request }: Transaction, name: string): string {
  const at = fieldNamed(request, name);
  return at < 0 ? '' : request.headerValue(at);
}
