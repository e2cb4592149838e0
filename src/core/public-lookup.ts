/**
 * Name resolution that leads to public addresses alone, for connections whose target somebody else names. The
 * address is looked at where the connection is made, after the name was resolved, so a name that answers
 * differently the second time leads nowhere else. An address that stands in the URL is not resolved, so whoever
 * takes URLs looks at those himself.
 */
import type { lookup } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { isPublicAddress } from './public-address.ts';

/** Node asks this for names only; an address in the URL is one that the configuration names. */
export function publicLookup(resolve: typeof lookup): LookupFunction {
  return (hostname, options, callback) => {
    resolve(hostname, { ...options, all: true }, (error, addresses) => {
      if (error !== null) {
        callback(error, '', 0);
        return;
      }
      const hidden = addresses.find(({ address }) => !isPublicAddress(address));
      const first = addresses[0];
      if (hidden !== undefined || first === undefined) {
        const what = hidden === undefined ? 'no address' : `${hidden.address}, which is not public`;
        callback(
          new Error(`${hostname} resolves to ${what}: name an address itself to allow it`),
          '',
          0,
        );
        return;
      }
      if (options.all === true) callback(null, addresses);
      else callback(null, first.address, first.family);
    });
  };
}
