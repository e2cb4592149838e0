/**
 * A database of places for the demo, which the module geo reads: no real one may ship, so this one makes a
 * country of a few loopback addresses that anyone can send from.
 */
import { writeMmdb } from './mmdb-writer.ts';

/** ISO 3166-1 keeps it for its users: no country will ever have it. */
export const demoCountry = 'XX';
/** An address in it. */
export const demoCountryAddress = '127.0.7.1';

export const demoPlaces = (): Buffer =>
  writeMmdb([['127.0.7.0/24', { country: { iso_code: demoCountry } }]]);
