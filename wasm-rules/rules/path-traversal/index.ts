/**
 * Blocks requests that try to leave the directory they are served from, or that name a file only an
 * attacker asks for: in the path, in query values and in the headers that carry paths.
 *
 * Field by field, because most bytes of a head are in fields that hold no paths. One pass proves, for
 * most fields, that there is no `..`, `%`, `\`, NUL or non-ASCII byte; then only names are left to be
 * found. Any other field is inspected as it came and after each layer of decoding.
 *
 * ```
 * field ─► prefilter ─no─► names
 *             └─maybe─► raw ─► decoded once ─► … ─► five times    (each: `inspect.ts`)
 * ```
 */
import { arenaMark, arenaRelease, arenaReset } from '../../sdk/arena';
import { decodeBegin, decodedAt, decodedLength, decodeNext } from '../../sdk/decode';
import { Request } from '../../sdk/request';
import { containsAny, containsByteOrHigh } from '../../sdk/scan';
import { block, blockHeader } from '../../sdk/verdict';
import { headerField } from './fields';
import { findingAt, findingLength, findingReason, findingRule, inspect, inspectNames } from './inspect';
import { fieldNone, fieldPath, fieldQuery } from './kinds';

export { weir_abi, weir_reserve } from '../../sdk/module';

const dot: u8 = 0x2e;
const percent: u8 = 0x25;
const backslash: u8 = 0x5c;

export function weir_request_head(view: usize): usize {
  const request = changetype<Request>(view);
  arenaReset();
  if (inspectField(request.pathAt, request.pathLength, fieldPath)) return verdict('path');
  if (request.hasQuery && inspectField(request.queryAt, request.queryLength, fieldQuery))
    return verdict('query');
  for (let i = 0, count = request.headerCount; i < count; i++) {
    const header = request.header(i);
    const field = headerField(request.nameAt(header), header.nameLength);
    if (field == fieldNone) continue;
    if (inspectField(request.valueAt(header), header.valueLength, field)) {
      return blockHeader(
        403,
        findingRule,
        findingReason,
        request.nameAt(header),
        header.nameLength,
        findingAt,
        findingLength,
      );
    }
  }
  return 0;
}

function inspectField(at: usize, length: i32, field: i32): bool {
  return containsAny(at, length, percent, backslash, dot)
    ? inspectLayers(at, length, field)
    : inspectNames(at, length, field);
}

/** True when the field, or any layer of its decoding, has a finding. */
function inspectLayers(at: usize, length: i32, field: i32): bool {
  if (inspect(at, length, field)) return true;
  // Only a percent sign or a non-ASCII byte can make the next layer differ from this one.
  if (!containsByteOrHigh(at, length, percent)) return false;
  const mark = arenaMark();
  decodeBegin(at, length);
  // A finding points into the arena, so the arena is only given back without one.
  while (decodeNext()) if (inspect(decodedAt, decodedLength, field)) return true;
  arenaRelease(mark);
  return false;
}

function verdict(target: string): usize {
  return block(403, findingRule, findingReason, target, findingAt, findingLength);
}
