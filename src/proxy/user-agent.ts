/** The first User-Agent of a head, empty when there is none. */
import { fieldNamed } from '#waf/field-named.ts';
import type { HeadView } from '#waf/head-view.ts';

export function userAgentOf(view: HeadView): string {
  const at = fieldNamed(view, 'user-agent');
  return at < 0 ? '' : view.headerValue(at);
}
