/**
 * Trailers of a request on their way to a server that is said to take them (`requestTrailers`).
 *
 * A server may put trailers among the fields of the head, behind everything that has looked at those. So what goes
 * on is what the client announced in Trailer and what a filter has put there itself, of the fields that may
 * travel at all (`#proxy/http1/trailers.ts`), and only behind a body without a length. All else stops here.
 */
import type { RequestView } from '#waf/request-view.ts';
import type { BodyPiece } from '../http1/body-piece.ts';
import { fieldKind } from '../http1/field-kind.ts';
import { decodeTrailers, encodeTrailers, mayTravel } from '../http1/trailers.ts';

/** Names in lower case; a client that announces more announces nothing. */
const announcedMax = 64;
const token = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
const noBytes = Buffer.alloc(0);

export class RequestTrailers {
  readonly #announced: ReadonlySet<string>;

  constructor(view: RequestView) {
    this.#announced = view.chunked ? announcedIn(view) : noNames;
  }

  /** For the field Trailer of the head that goes on: `section` where it is known already, else what was announced. */
  names(section: Buffer | null): string {
    if (section === null) return [...this.#announced].join(', ');
    const names = decodeTrailers(section).filter((_, index) => index % 2 === 0);
    return [...new Set(names.map((name) => name.toLowerCase()))].join(', ');
  }

  /** The lines that go on of those that came with a last piece. */
  of(piece: BodyPiece): Buffer {
    if (piece.trailers.length === 0 || piece.trailersAreVouchedFor) return piece.trailers;
    if (this.#announced.size === 0) return noBytes;
    const pairs = decodeTrailers(piece.trailers);
    const kept: string[] = [];
    for (let i = 0; i + 1 < pairs.length; i += 2) {
      const name = pairs[i] as string;
      if (this.#announced.has(name.toLowerCase())) kept.push(name, pairs[i + 1] as string);
    }
    return encodeTrailers(kept);
  }
}

const noNames: ReadonlySet<string> = new Set();

function announcedIn(view: RequestView): ReadonlySet<string> {
  const names = new Set<string>();
  for (let i = 0; i < view.headerCount; i++) {
    if (view.kinds[i] !== fieldKind.hopByHop || view.headerName(i).toLowerCase() !== 'trailer')
      continue;
    for (const part of view.headerValue(i).split(',')) {
      const name = part.trim().toLowerCase();
      if (token.test(name) && mayTravel(name)) names.add(name);
      if (names.size > announcedMax) return noNames;
    }
  }
  return names;
}
