/** The bounds that figures of rule sets are made with: those of the edge as it ships. */
import { responseHeadBytesMax, responseHeadersMax } from '#waf/response-bounds.ts';
import type { GuestLimits } from '#wasm/abi.ts';

export const seclangLimits: GuestLimits = {
  headBytesMax: 32_768,
  headersMax: 100,
  responseHeadBytesMax,
  responseHeadersMax,
  bodyWindowBytes: 131_072,
};
