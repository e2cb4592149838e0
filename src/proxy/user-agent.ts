/** The first User-Agent of a head, empty when there is none. Most fields fall out by their length. */
import type { HeadView } from '#waf/head-view.ts';

export function userAgentOf(view: HeadView): string {
  for (let i = 0; i < view.headerCount; i++) {
    const at = i * 4;
    const start = view.headers[at] as number;
    if (
      (view.headers[at + 1] as number) - start === 10 &&
      ((view.bytes[start] as number) | 32) === 117
    ) {
      if (view.headerName(i).toLowerCase() === 'user-agent') return view.headerValue(i);
    }
  }
  return '';
}
