/**
 * Countries and networks (autonomous systems) that may come in, or may not, by the MMDB files the operator
 * names. A database is right for most addresses and not for all; who must be kept out needs more than this.
 *
 * ```
 * allowed network ─► go on │ denied network ─► act │ denied country ─► act │ allow list without it ─► act
 * ```
 */
import { Config } from '../../sdk/config';
import { answerAt, answerLength, lookup } from '../../sdk/host';
import { Request } from '../../sdk/request';
import { block, challenge, score, tag, tagBytes, verdict } from '../../sdk/verdict';
import { arenaTake } from '../../sdk/arena';
import { toLower } from '../../sdk/bytes';

export { weir_abi, weir_reserve } from '../../sdk/module';

const actBlock: i32 = 0;
const actChallenge: i32 = 1;
const actTag: i32 = 2;
const actScore: i32 = 3;

let countryDatabase = 'geo';
let networkDatabase = 'asn';
/** Two letters in one number; sorted is not needed, there are at most 250. */
let countriesAllowed: u16[] = [];
let countriesDenied: u16[] = [];
let networksAllowed: u32[] = [];
let networksDenied: u32[] = [];
let asksCountry = false;
let asksNetwork = false;
let tagsCountry = true;
let deniesUnknown = false;
let action: i32 = actBlock;
let status: i32 = 403;
let points: i32 = 5;

export function weir_configure(at: usize, length: i32): i32 {
  const config = new Config(at, length);
  const actions = ['block', 'challenge', 'tag', 'score'];
  action = actions.indexOf(config.choice('action', 'block', actions));
  status = config.integer('status', 403, 400, 599);
  points = config.integer('points', 5, 1, 1_000);
  tagsCountry = config.flag('tagCountry', true);
  deniesUnknown = config.choice('unknown', 'allow', ['allow', 'deny']) == 'deny';
  const countries = config.object('countries');
  if (countries !== null) {
    countryDatabase = databaseOf(countries, 'geo');
    countriesAllowed = codes(countries, 'allow');
    countriesDenied = codes(countries, 'deny');
    countries.done();
  }
  const networks = config.object('networks');
  if (networks !== null) {
    networkDatabase = databaseOf(networks, 'asn');
    networksAllowed = numbers(networks, 'allow');
    networksDenied = numbers(networks, 'deny');
    networks.done();
  }
  asksNetwork = networksAllowed.length > 0 || networksDenied.length > 0;
  asksCountry = countriesAllowed.length > 0 || countriesDenied.length > 0 || tagsCountry;
  if (!asksCountry && !asksNetwork)
    config.refuse('tagCountry', 'is false, and neither countries nor networks name any: nothing is left to do');
  if (deniesUnknown && !asksCountry)
    config.refuse('unknown', 'is about addresses without a country, and no country is asked for');
  return config.done();
}

export function weir_request_head(view: usize): usize {
  const request = changetype<Request>(view);
  if (asksNetwork) {
    const network = networkOf(request);
    if (network != 0) {
      if (networksAllowed.includes(network)) return 0;
      if (networksDenied.includes(network))
        return act('geo/network-denied', 'the network of the client is on the deny list', answerAt, answerLength);
    }
  }
  if (!asksCountry) return 0;
  if (!lookup(countryDatabase, request.clientAt, request.clientLength, 'country.iso_code', 8) || answerLength != 2) {
    if (!deniesUnknown) return 0;
    return act('geo/unknown', 'the database has no country for the client', request.clientAt, request.clientLength);
  }
  const code = load<u16>(answerAt) & 0xdfdf;
  if (tagsCountry) tagCountry();
  if (countriesDenied.includes(code))
    return act('geo/country-denied', 'the country of the client is on the deny list', answerAt, 2);
  if (countriesAllowed.length > 0 && !countriesAllowed.includes(code))
    return act('geo/country-not-allowed', 'the country of the client is not on the allow list', answerAt, 2);
  return verdict();
}

function act(rule: string, reason: string, matchedAt: usize, matchedLength: i32): usize {
  switch (action) {
    case actBlock:
      return block(status, rule, reason, 'client-address', matchedAt, matchedLength);
    case actChallenge:
      return challenge(rule, reason, 'client-address', matchedAt, matchedLength);
    case actScore:
      score(points, rule);
      break;
    default:
      tag(rule);
  }
  return verdict();
}

/** `country:de` */
function tagCountry(): void {
  const at = arenaTake(10);
  store<u64>(at, 0x3a7972746e756f63); // country:
  store<u8>(at, toLower(load<u8>(answerAt)), 8);
  store<u8>(at, toLower(load<u8>(answerAt, 1)), 9);
  tagBytes(at, 10);
}

/** 0 where the database has none. */
function networkOf(request: Request): u32 {
  const found = lookup(
    networkDatabase,
    request.clientAt,
    request.clientLength,
    'autonomous_system_number',
    16,
  );
  if (!found) return 0;
  let number: u32 = 0;
  for (let i = 0; i < answerLength; i++) number = number * 10 + (load<u8>(answerAt + i) - 0x30);
  return number;
}

function databaseOf(config: Config, otherwise: string): string {
  const name = config.string('database', otherwise);
  if (name.length == 0) config.refuse('database', 'must be a name under databases');
  return name;
}

function codes(config: Config, key: string): u16[] {
  const found: u16[] = [];
  const texts = config.strings(key);
  for (let i = 0; i < texts.length; i++) {
    const code = texts[i];
    if (code.length != 2 || !isCapital(code.charCodeAt(0)) || !isCapital(code.charCodeAt(1)))
      config.refuse(
        key + '[' + i.toString() + ']',
        'must be a country code of two capital letters (ISO 3166-1), not "' + code + '"',
      );
    found.push(<u16>(code.charCodeAt(0) | (code.charCodeAt(1) << 8)));
  }
  return found;
}

function isCapital(unit: i32): bool {
  return unit >= 0x41 && unit <= 0x5a;
}

function numbers(config: Config, key: string): u32[] {
  const found: u32[] = [];
  const texts = config.strings(key);
  for (let i = 0; i < texts.length; i++) {
    const number = networkNumber(texts[i]);
    if (number == 0)
      config.refuse(
        key + '[' + i.toString() + ']',
        'must be a network like "AS64496", not "' + texts[i] + '"',
      );
    found.push(number);
  }
  return found;
}

function networkNumber(text: string): u32 {
  if (!text.startsWith('AS') || text.length < 3 || text.length > 12) return 0;
  let number: u64 = 0;
  for (let i = 2; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 0x30;
    if (digit < 0 || digit > 9) return 0;
    number = number * 10 + digit;
  }
  return number > 0xffff_ffff ? 0 : <u32>number;
}
