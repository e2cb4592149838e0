/** Where a field stands in a head, without making a string of any name. */
import type { HeadView } from './head-view.ts';

const lowerBit = 0x20;

/** Index of the first field of that name from `from` on, or -1. `name` has letters in lower case, digits and hyphens. */
export function fieldNamed(view: HeadView, name: string, from = 0): number {
  const { bytes, headers, headerCount } = view;
  for (let index = from; index < headerCount; index++) {
    const start = headers[index * 4] as number;
    if ((headers[index * 4 + 1] as number) - start !== name.length) continue;
    let at = 0;
    // Digits and hyphens have that bit; nothing else that may stand in a name becomes one of them, or a letter.
    while (at < name.length && ((bytes[start + at] as number) | lowerBit) === name.charCodeAt(at))
      at++;
    if (at === name.length) return index;
  }
  return -1;
}
