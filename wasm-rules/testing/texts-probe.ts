/** Opens what the shipped modules share to the unit tests in `test/wasm/sdk-texts.test.ts`. */
import { addressBytes, addressIsV4, AddressSet, readAddress } from '../sdk/address';
import { decodeBase64Url } from '../sdk/base64url';
import { writePlainText } from '../sdk/plain-text';

export { addressBytes, decodeBase64Url, readAddress, writePlainText };

export function place(bytes: i32): usize {
  return heap.alloc(bytes);
}

export function isV4(): bool {
  return addressIsV4;
}

/** 1: the address is in the network, 0: it is not, -1: one of them is none. Both as ASCII. */
export function isIn(at: usize, length: i32, networkAt: usize, networkLength: i32): i32 {
  const set = new AddressSet();
  if (!set.add(String.UTF8.decodeUnsafe(networkAt, networkLength))) return -1;
  if (!readAddress(at, length)) return -1;
  return set.hasLast() ? 1 : 0;
}
