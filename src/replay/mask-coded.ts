/**
 * The secrets of a body that has a Content-Encoding, made unreadable inside it: it is decoded within bounds, masked, and
 * encoded again in the same codings, so that rules find in a replay what they found in front of the origin. It may be longer or
 * shorter by that; what is decoded has the length it had.
 */
import { brotliCompressSync, constants, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { codingsOf, decodeBeginning, decodeBody } from '#wasm/seclang/coded-body.ts';
import type { SecretFiller } from './fill-secret.ts';
import { maskBody } from './mask-body.ts';

/** Of each coding; what expands beyond that is not kept. */
export const maskedBytesMax = 8_388_608;
/** Of what comes of it: a secret that was easy to compress is not when it is masked. */
const codedBytesMax = 2_097_152;

/** Null where nobody can say what it holds. `isWhole`: its end is here. */
export function maskCoded(
  codings: string,
  bytes: Buffer,
  isWhole: boolean,
  filler: SecretFiller,
): Buffer | null {
  const decode = isWhole ? decodeBody : decodeBeginning;
  const decoded = decode(codings, bytes, maskedBytesMax);
  if (typeof decoded === 'string') return null;
  const masked = Buffer.from(decoded);
  maskBody(masked, filler);
  const quick = encodeAll(codings, masked, isWhole, 'quick');
  // One that fits the body window should go on fitting it.
  const coded = quick.length <= bytes.length ? quick : encodeAll(codings, masked, isWhole, 'small');
  return coded.length <= codedBytesMax ? coded : null;
}

function encodeAll(codings: string, masked: Buffer, isWhole: boolean, effort: Effort): Buffer {
  let bytes = masked;
  // What was decoded has names that are known.
  for (const name of codingsOf(codings)) bytes = encoders[name]?.(bytes, isWhole, effort) ?? bytes;
  return bytes;
}

type Effort = 'quick' | 'small';
type Encoder = (bytes: Buffer, isWhole: boolean, effort: Effort) => Buffer;

/** With an end, or as a piece behind which others come. */
const encoders: Readonly<Record<string, Encoder>> = {
  gzip: (bytes, isWhole, effort) => gzipSync(bytes, deflateOptions(isWhole, effort)),
  'x-gzip': (bytes, isWhole, effort) => gzipSync(bytes, deflateOptions(isWhole, effort)),
  deflate: (bytes, isWhole, effort) => deflateSync(bytes, deflateOptions(isWhole, effort)),
  br: (bytes, isWhole, effort) =>
    brotliCompressSync(bytes, {
      finishFlush: isWhole ? constants.BROTLI_OPERATION_FINISH : constants.BROTLI_OPERATION_FLUSH,
      params: { [constants.BROTLI_PARAM_QUALITY]: effort === 'quick' ? 4 : 9 },
    }),
  zstd: (bytes, isWhole, effort) =>
    zstdCompressSync(bytes, {
      finishFlush: isWhole ? constants.ZSTD_e_end : constants.ZSTD_e_flush,
      params: { [constants.ZSTD_c_compressionLevel]: effort === 'quick' ? 3 : 12 },
    }),
};

const deflateOptions = (isWhole: boolean, effort: Effort) => ({
  finishFlush: isWhole ? constants.Z_FINISH : constants.Z_SYNC_FLUSH,
  level: effort === 'quick' ? 6 : 9,
});
