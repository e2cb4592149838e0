/** How much a guest has to make room for, from the configuration. */
import type { Config } from '#config/schema.ts';
import { responseHeadBytesMax, responseHeadersMax } from '#waf/response-bounds.ts';
import type { GuestLimits } from './abi.ts';

export function guestLimits(config: Config): GuestLimits {
  const { headBytesMax, headersMax } = config.edge.limits;
  const { bodyWindowBytes } = config.waf;
  return { headBytesMax, headersMax, responseHeadBytesMax, responseHeadersMax, bodyWindowBytes };
}
