/**
 * Paths nobody asks for but who looks for holes: the request is blocked, and its client's address goes on
 * the block list of the node for a time.
 *
 * Any page of the web can make its visitors' browsers ask for a path here (`<img src=…>`, a link in a
 * mail), so an address is blocked only where the request does not come from a browser: those say so with
 * Sec-Fetch-Site (Fetch Metadata), and scanners do not. The request itself is blocked either way.
 */
import { toLower } from '../../sdk/bytes';
import { arenaTake } from '../../sdk/arena';
import { Config } from '../../sdk/config';
import { blockClient } from '../../sdk/host';
import { decodeInto } from '../../sdk/percent';
import { Request } from '../../sdk/request';
import { block, tag } from '../../sdk/verdict';
import { builtInPaths } from './paths';
import { Traps } from './traps';

export { weir_abi, weir_reserve } from '../../sdk/module';

const pathsMax: i32 = 200;
const pathBytesMax: i32 = 256;
const week: i32 = 604_800;
const slash: u32 = 0x2f;

let traps = new Traps();
let exceptions = new Traps();
let status: i32 = 404;
let blockSeconds: i32 = 3_600;

export function weir_configure(at: usize, length: i32): i32 {
  const config = new Config(at, length);
  status = config.integer('status', 404, 400, 599);
  blockSeconds = config.integer('blockSeconds', 3_600, 0, week);
  if (config.flag('builtIn', true))
    for (let i = 0; i < builtInPaths.length; i++) traps.add(builtInPaths[i]);
  addAll(traps, config, 'paths');
  addAll(exceptions, config, 'except');
  if (traps.count == 0) config.refuse('paths', 'must name a path where builtIn is false');
  return config.done();
}

function addAll(to: Traps, config: Config, key: string): void {
  const paths = config.strings(key);
  if (paths.length > pathsMax)
    config.refuse(key, 'has ' + paths.length.toString() + ' paths; at most 200 are taken');
  for (let i = 0; i < paths.length; i++) {
    const path = paths[i];
    const place = key + '[' + i.toString() + ']';
    if (path.length > pathBytesMax) config.refuse(place, 'is longer than 256 characters');
    if (!path.startsWith('/') && !path.startsWith('*'))
      config.refuse(place, 'must begin with / or *, not "' + path + '"');
    if (path == '/' || path == '*' || path == '/*' || path == '*/')
      config.refuse(place, 'would trap every visitor');
    for (let c = 0; c < path.length; c++) {
      const unit = path.charCodeAt(c);
      if (unit <= 0x20 || unit >= 0x7f)
        config.refuse(place, 'must be of visible ASCII characters, as a decoded path without blanks');
    }
    to.add(path);
  }
}

export function weir_request_head(view: usize): usize {
  const request = changetype<Request>(view);
  const path = arenaTake(request.pathLength);
  const length = normalize(request.pathAt, request.pathLength, path);
  if (!traps.has(path, length) || exceptions.has(path, length)) return 0;
  tag('honeypot');
  if (blockSeconds > 0 && request.find('sec-fetch-site') < 0)
    blockClient(blockSeconds, 'honeypot: asked for a path only scanners ask for');
  return block(
    status,
    'honeypot/path',
    'nothing but a scanner asks for this path',
    'path',
    request.pathAt,
    request.pathLength,
  );
}

/** Escapes undone once, letters small, runs of slashes as one: `//.%65NV` is `/.env`. */
function normalize(at: usize, length: i32, into: usize): i32 {
  const decoded = decodeInto(at, length, into, false);
  const end = into + decoded;
  let out = into;
  let before: u32 = 0;
  for (let from = into; from < end; from++) {
    const byte = toLower(load<u8>(from));
    if (byte == slash && before == slash) continue;
    store<u8>(out++, byte);
    before = byte;
  }
  return <i32>(out - into);
}
