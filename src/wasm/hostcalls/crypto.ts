/**
 * `verify_signature` and `digest`. What is dear about them is bounded: the bytes, the size of a key, and
 * how many signatures one phase call may have verified, some 50 µs each.
 */
import { hash } from 'node:crypto';
import { GuestFailure } from '../guest-failure.ts';
import { type HostCall, none } from './call-site.ts';

export const cryptoBytesMax = 65_536;
export const verificationsMax = 8;
export const jwkBytesMax = 8_192;
const algorithmBytesMax = 16;
const signatureBytesMax = 1_024;
const sha256 = 1;

export const cryptoCalls: readonly HostCall[] = [
  {
    name: 'verify_signature',
    signature: '(i32,i32,i32,i32,i32,i32,i32,i32)->i32',
    grants: ['crypto'],
    bind:
      (call) =>
      (
        algorithm: number,
        algorithmLength: number,
        key: number,
        keyLength: number,
        data: number,
        dataLength: number,
        signature: number,
        signatureLength: number,
      ) => {
        call.enter();
        const { budget, services } = call.context;
        if (++budget.verifications > verificationsMax)
          throw new GuestFailure('limit', `more than ${verificationsMax} signatures in one call`);
        if (
          algorithmLength >>> 0 > algorithmBytesMax ||
          keyLength >>> 0 > jwkBytesMax ||
          dataLength >>> 0 > cryptoBytesMax ||
          signatureLength >>> 0 > signatureBytesMax
        )
          return none;
        const isValid = services.verifySignature(
          call.text(algorithm, algorithmLength, 'the algorithm'),
          call.utf8(key, keyLength, 'the key'),
          call.view(data, dataLength, 'the data'),
          call.view(signature, signatureLength, 'the signature'),
        );
        return isValid === null ? none : Number(isValid);
      },
  },
  {
    name: 'digest',
    signature: '(i32,i32,i32,i32)->i32',
    grants: ['crypto'],
    bind: (call) => (algorithm: number, data: number, length: number, into: number) => {
      call.enter();
      if (algorithm !== sha256) throw call.failure(`algorithm ${algorithm} is not 1 (SHA-256)`);
      if (length >>> 0 > cryptoBytesMax)
        throw new GuestFailure(
          'limit',
          `weir.digest of ${length >>> 0} bytes, at most ${cryptoBytesMax} are allowed`,
        );
      const digest = hash('sha256', call.view(data, length, 'the data'), 'buffer');
      return call.give(digest, into, digest.length);
    },
  },
];
