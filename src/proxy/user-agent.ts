/** The first User-Agent of a head, empty when there is none. */
import type { HeadView } from '#waf/head-view.ts';
import { equalsFolded } from './http1/bytes.ts';

const name = Buffer.from('user-agent');

export function userAgentOf({ bytes, headers, headerCount }: HeadView): string {
  for (let at = 0; at < headerCount * 4; at += 4) {
    if (!equalsFolded(bytes, headers[at] as number, headers[at + 1] as number, name)) continue;
    return bytes.toString('latin1', headers[at + 2], headers[at + 3]);
  }
  return '';
}
