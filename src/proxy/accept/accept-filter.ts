/**
 * What a route takes at all (`waf.accept`), as the first of its modules: so its refusals have a rule and a reason like
 * all others, only watch where the route does, and see a body in the same windows.
 *
 * ```
 * head ─► method 405 ─► extension 403 ─► content type, charset 415
 * multipart body ─► each file: extension 403 ─► type by its first bytes 415 ─► type its name says 415
 * ```
 */
import type { Accept } from '#config/accept-schema.ts';
import { type FileType, fileTypeOf, isNamedType, suitsExtension } from '#core/file-types.ts';
import type { Series } from '#telemetry/metrics.ts';
import type { RequestView } from '#waf/request-view.ts';
import type { Transaction } from '#waf/transaction.ts';
import { matchedBytesMax, type Stop } from '#waf/verdict.ts';
import { type BodyWindow, type Filter, type FilterRun, phase } from '#wasm/filter.ts';
import type { AcceptFault, AcceptWord } from './accept-fault.ts';
import { AcceptedHead, contentTypeOf } from './accepted-head.ts';
import { type MultipartFile, MultipartFiles } from './multipart-files.ts';

/** Rules are called `weir/accept-WORD`. */
export const acceptEntry = 'weir';

export type AcceptCounts = Readonly<Record<AcceptWord, Series>>;

/** Null where it takes everything. */
export function compileAccept(accept: Accept, counts: AcceptCounts): Filter | null {
  const isSaid = Object.values(accept).some((value) =>
    Array.isArray(value) ? value.length > 0 : value,
  );
  return isSaid ? new AcceptFilter(accept, counts) : null;
}

class AcceptFilter implements Filter {
  readonly name = acceptEntry;
  readonly sha256 = '';
  readonly abi = 'weir-1';
  readonly phases: number;
  readonly fuelUsed = 0;
  readonly memoryBytes = null;
  readonly head: AcceptedHead;
  /** Null where files are not looked at. */
  readonly files: AcceptedFiles | null;
  readonly #counts: AcceptCounts;

  constructor(accept: Accept, counts: AcceptCounts) {
    const { uploadExtensions, uploadTypes, uploadsAsNamed } = accept;
    this.head = new AcceptedHead(accept);
    this.files =
      uploadExtensions.length + uploadTypes.length > 0 || uploadsAsNamed
        ? new AcceptedFiles(accept)
        : null;
    this.phases = phase.requestHead | (this.files === null ? 0 : phase.requestBody);
    this.#counts = counts;
  }

  begin(transaction: Transaction): FilterRun {
    return new AcceptRun(this, transaction.request);
  }

  fail(): Stop | null {
    return null;
  }

  close(): void {}

  refuse({ what, status, reason, target, matched }: AcceptFault): Stop {
    this.#counts[what].value++;
    return {
      kind: 'block',
      status,
      rule: `${acceptEntry}/accept-${what}`,
      reason,
      target,
      matched: matched.slice(0, matchedBytesMax),
      ...(what === 'method' ? { allow: this.head.allow } : null),
    };
  }
}

class AcceptRun implements FilterRun {
  readonly #filter: AcceptFilter;
  readonly #view: RequestView;
  /** Null where the body is not looked at, or not any more. */
  #multipart: MultipartFiles | null = null;

  constructor(filter: AcceptFilter, view: RequestView) {
    this.#filter = filter;
    this.#view = view;
  }

  requestHead(endOfStream: boolean): Stop | null {
    const { head, files } = this.#filter;
    const fault =
      head.fault(this.#view, !endOfStream) ??
      (files === null || endOfStream ? null : this.#openBody());
    return fault === null ? null : this.#filter.refuse(fault);
  }

  requestBody({ bytes, overlap, isLast }: BodyWindow): Stop | null {
    if (this.#multipart === null) return null;
    const fault = this.#readBody(this.#multipart, bytes.subarray(overlap), isLast);
    if (fault === null) return null;
    // On a route that only watches it is said once.
    this.#multipart = null;
    return this.#filter.refuse(fault);
  }

  responseHead(): null {
    return null;
  }

  responseBody(): null {
    return null;
  }

  wants(bit: number): boolean {
    return bit !== phase.requestBody || this.#multipart !== null;
  }

  log(): void {}

  end(): void {
    this.#multipart = null;
  }

  #openBody(): AcceptFault | null {
    const content = contentTypeOf(this.#view);
    if (content === null) return unreadable('the content type is said twice');
    if (!content.type.startsWith('multipart/')) return null;
    const boundaries = content.parameters.filter(([name]) => name === 'boundary');
    const boundary = boundaries[0]?.[1] ?? '';
    // RFC 2046 section 5.1.1.
    if (boundaries.length !== 1 || !/^[\w'()+,./:=? -]{0,69}[\w'()+,./:=?-]$/.test(boundary))
      return unreadable('the boundary of the multipart body cannot be read');
    this.#multipart = new MultipartFiles(boundary);
    return null;
  }

  #readBody(multipart: MultipartFiles, bytes: Buffer, isLast: boolean): AcceptFault | null {
    const { files } = this.#filter;
    for (const reading = multipart.read(bytes, isLast); ; ) {
      const { done, value } = reading.next();
      if (done) return value === null ? null : unreadable(`the multipart body: ${value}`);
      const fault = files?.fault(value) ?? null;
      if (fault !== null) return fault;
    }
  }
}

class AcceptedFiles {
  readonly #extensions: ReadonlySet<string>;
  readonly #types: ReadonlySet<string>;
  readonly #asNamed: boolean;

  constructor({ uploadExtensions, uploadTypes, uploadsAsNamed }: Accept) {
    this.#extensions = new Set(uploadExtensions);
    this.#types = new Set(uploadTypes);
    this.#asNamed = uploadsAsNamed;
  }

  fault({ names, head }: MultipartFile): AcceptFault | null {
    // A form in which no file was chosen.
    if (head.length === 0 && names.every((name) => name === '')) return null;
    const target = 'body';
    if (this.#extensions.size > 0)
      for (const name of names) {
        if (!unprintable.test(name) && this.#extensions.has(extensionOf(name))) continue;
        const reason = 'the route does not take uploads with this file extension';
        return { what: 'upload-extension', status: 403, reason, target, matched: name };
      }
    const type: FileType = fileTypeOf(head);
    const matched = names[0] ?? '';
    if (this.#types.size > 0 && !isNamedType(this.#types, type)) {
      const reason = `the route does not take uploads that are ${type} by their first bytes`;
      return { what: 'upload-type', status: 415, reason, target, matched };
    }
    if (!this.#asNamed || names.every((name) => suitsExtension(type, extensionOf(name))))
      return null;
    const reason = `the upload is ${type} by its first bytes, and its name says otherwise`;
    return { what: 'upload-name', status: 415, reason, target, matched };
  }
}

const unprintable = /[\0-\x1f\x7f]/;

/** In lower case; a dot or a blank at the end is a part of it, so that it is in no list. */
function extensionOf(name: string): string {
  const dot = name.lastIndexOf('.');
  return dot < 0 || /[/\\]/.test(name.slice(dot)) ? '' : name.slice(dot + 1).toLowerCase();
}

const unreadable = (reason: string): AcceptFault => ({
  what: 'multipart',
  status: 400,
  reason,
  target: 'body',
  matched: '',
});
