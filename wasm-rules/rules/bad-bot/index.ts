/**
 * Blocks requests whose User-Agent names an attack tool.
 *
 * Catches the tools as they come out of the box, which is most of the noise an edge sees; whoever
 * changes the field gets past, and that is what the other rules are for. A request without the field,
 * or with an empty one, is allowed: health checks come like that.
 */

import { equalsIgnoreCase, isAlphanumeric } from '../../sdk/bytes';
import { Request } from '../../sdk/request';
import { TokenSet } from '../../sdk/token-set';
import { block } from '../../sdk/verdict';
import { toolNames } from './tools';

export { weir_abi, weir_reserve } from '../../sdk/module';

const tools = new TokenSet(toolNames);

let valueStart: usize = 0;
let valueEnd: usize = 0;

export function weir_request_head(view: usize): usize {
  const request = changetype<Request>(view);
  for (let i = 0, count = request.headerCount; i < count; i++) {
    const header = request.header(i);
    // The length alone rules out nearly every other header.
    if (header.nameLength != 10) continue;
    if (!equalsIgnoreCase(request.nameAt(header), 10, 'user-agent')) continue;
    valueStart = request.valueAt(header);
    valueEnd = valueStart + header.valueLength;
    const found = tools.find(valueStart, header.valueLength, standsAlone);
    if (found == 0) continue;
    return block(
      403,
      'bad-bot/attack-tool',
      'the user agent names an attack tool',
      'header:user-agent',
      found,
      <i32>(tools.matchEnd - found),
    );
  }
  return 0;
}

/** `nikto` in `Nikto/2.5` and `(nikto)`, but not in `Niktomat` or `Hydration`. */
function standsAlone(start: usize, end: usize, _token: i32): bool {
  if (start > valueStart && isAlphanumeric(load<u8>(start - 1))) return false;
  return end == valueEnd || !isAlphanumeric(load<u8>(end));
}
