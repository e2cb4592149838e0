/**
 * Acts on requests whose User-Agent names an attack tool, or a name of one's own list.
 *
 * Catches the tools as they come out of the box, which is most of the noise an edge sees; whoever
 * changes the field gets past, and that is what the other rules are for. A request without the field,
 * or with an empty one, is allowed: health checks come like that. So is a search engine that comes from
 * where it says, whatever names are listed.
 */

import { Action, readAction } from '../../sdk/action';
import { AddressSet, readAddress } from '../../sdk/address';
import { equalsIgnoreCase, isAlphanumeric } from '../../sdk/bytes';
import { Config } from '../../sdk/config';
import { findIgnoreCase } from '../../sdk/matcher';
import { Request } from '../../sdk/request';
import { TokenSet } from '../../sdk/token-set';
import { verdict } from '../../sdk/verdict';
import { engineNames, engineNetworks } from './engines';
import { toolNames } from './tools';

export { weir_abi, weir_reserve } from '../../sdk/module';

/** With the tools it makes at most 254, as many as a token set takes. */
const namesMax: i32 = 180;
const nameCharactersMax: i32 = 64;
const enginesMax: i32 = 32;

let names = new TokenSet(toolNames);
let action = new Action('block', 'bad-bot/attack-tool', 'the user agent names an attack tool');
/** For names of one's own, which are no attack tools by themselves. */
let listedAction = action;
/** A flag a name: of the configuration. */
let isListed: StaticArray<bool> = new StaticArray<bool>(toolNames.length);
const engines: string[] = [];
const networks: AddressSet[] = [];

let valueStart: usize = 0;
let valueEnd: usize = 0;

export function weir_configure(at: usize, length: i32): i32 {
  const config = new Config(at, length);
  const own = config.texts('names', namesMax);
  for (let i = 0; i < own.length; i++) {
    if (!isName(own[i]))
      config.refuse('names', `"${own[i]}" is not 4 to 64 lower-case characters of ASCII without /`);
  }
  const allowed = config.texts('allow', namesMax);
  for (let i = 0; i < allowed.length; i++)
    if (!toolNames.includes(allowed[i])) config.refuse('allow', `"${allowed[i]}" is none of the names that ship`);
  if (own.length > 0 || allowed.length > 0) mergeNames(own, allowed);
  const preset = new Action('block', action.rule, action.reason);
  preset.tag = 'bad-bot/attack-tool';
  action = readAction(config, preset, ['block', 'challenge', 'tag', 'score']);
  listedAction = new Action(action.kind, 'bad-bot/listed', 'the user agent has a name of the configuration');
  listedAction.status = action.status;
  listedAction.points = action.points;
  listedAction.tag = action.tag == preset.tag ? 'bad-bot/listed' : action.tag;
  readEngines(config);
  return config.done();
}

function isName(text: string): bool {
  if (text.length < 4 || text.length > nameCharactersMax) return false;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x20 || unit > 0x7e || unit == 0x2f || (unit >= 0x41 && unit <= 0x5a)) return false;
  }
  return true;
}

function mergeNames(own: string[], allowed: string[]): void {
  const merged: string[] = [];
  for (let i = 0; i < toolNames.length; i++)
    if (!allowed.includes(toolNames[i])) merged.push(toolNames[i]);
  const tools = merged.slice(0);
  for (let i = 0; i < own.length; i++) if (!merged.includes(own[i])) merged.push(own[i]);
  merged.sort();
  names = new TokenSet(StaticArray.fromArray(merged));
  isListed = new StaticArray<bool>(merged.length);
  for (let i = 0; i < merged.length; i++) isListed[i] = !tools.includes(merged[i]);
}

function readEngines(config: Config): void {
  for (let i = 0; i < engineNames.length; i++) {
    const set = new AddressSet();
    const texts = engineNetworks[i].split(' ');
    for (let n = 0; n < texts.length; n++) set.add(texts[n]);
    engines.push(engineNames[i]);
    networks.push(set);
  }
  const own = config.object('engines');
  if (own === null) return;
  const found = own.names();
  if (found.length > enginesMax) config.refuse('engines', 'has more than 32 members');
  for (let i = 0; i < found.length; i++) {
    if (!isName(found[i])) own.refuse(found[i], 'is not 4 to 64 lower-case characters of ASCII without /');
    const set = new AddressSet();
    const texts = own.texts(found[i], 256);
    for (let n = 0; n < texts.length; n++)
      if (!set.add(texts[n])) own.refuse(found[i], `"${texts[n]}" is no address or network`);
    engines.push(found[i]);
    networks.push(set);
  }
}

export function weir_request_head(view: usize): usize {
  const request = changetype<Request>(view);
  for (let i = 0, count = request.headerCount; i < count; i++) {
    const header = request.header(i);
    // The length alone rules out nearly every other header.
    if (header.nameLength != 10) continue;
    if (!equalsIgnoreCase(request.nameAt(header), 10, 'user-agent')) continue;
    valueStart = request.valueAt(header);
    valueEnd = valueStart + header.valueLength;
    const found = names.find(valueStart, header.valueLength, standsAlone);
    if (found == 0) continue;
    if (isEngine(request, header.valueLength)) continue;
    const taken = unchecked(isListed[names.token]) ? listedAction : action;
    const stopped = taken.take('header:user-agent', found, <i32>(names.matchEnd - found));
    // A field that only marks is enough: a second one says nothing more.
    return stopped != 0 ? stopped : verdict();
  }
  return 0;
}

/** `nikto` in `Nikto/2.5` and `(nikto)`, but not in `Niktomat` or `Hydration`. */
function standsAlone(start: usize, end: usize, _token: i32): bool {
  if (start > valueStart && isAlphanumeric(load<u8>(start - 1))) return false;
  return end == valueEnd || !isAlphanumeric(load<u8>(end));
}

/** Names a search engine, and comes from its networks. */
function isEngine(request: Request, length: i32): bool {
  let isRead = false;
  for (let i = 0, count = engines.length; i < count; i++) {
    if (findIgnoreCase(valueStart, length, unchecked(engines[i])) == 0) continue;
    if (!isRead && !readAddress(request.clientAt, request.clientLength)) return false;
    isRead = true;
    if (unchecked(networks[i]).hasLast()) return true;
  }
  return false;
}
