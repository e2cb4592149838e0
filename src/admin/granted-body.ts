/**
 * The body of a call that was granted to somebody elsewhere: only the bytes the grant was given for reach a
 * route. They are hashed as they are read, and a body that was left out is none that was granted either.
 */
import { createHash, type Hash } from 'node:crypto';
import { Transform, type TransformCallback } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import { WeirError } from '#core/errors.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** SHA-256 in hex of the body this call was granted with; null where nobody says. */
    grantedBody: string | null;
  }
}

const emptySha256 = createHash('sha256').digest('hex');

export function checkGrantedBodies(app: FastifyInstance): void {
  app.decorateRequest('grantedBody', null);
  app.addHook('preParsing', async (request, _reply, payload) => {
    const { grantedBody } = request;
    if (grantedBody === null) return payload;
    const { 'content-length': length = '0', 'transfer-encoding': coding } = request.headers;
    // Nobody reads what is not there, so nobody would miss it.
    if (coding === undefined && Number(length) === 0) {
      if (grantedBody !== emptySha256) throw otherBody();
      return payload;
    }
    return payload.pipe(new HashedBody(grantedBody));
  });
}

class HashedBody extends Transform {
  readonly #wanted: string;
  readonly #hash: Hash = createHash('sha256');
  /** What came over the wire, as fastify compares it with Content-Length. */
  receivedEncodedLength = 0;

  constructor(wanted: string) {
    super();
    this.#wanted = wanted;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.receivedEncodedLength += chunk.length;
    this.#hash.update(chunk);
    done(null, chunk);
  }

  override _flush(done: TransformCallback): void {
    done(this.#hash.digest('hex') === this.#wanted ? null : otherBody());
  }
}

const otherBody = (): WeirError =>
  new WeirError('GRANT_REFUSED', 'the body is not the one that was granted');
