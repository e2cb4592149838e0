/**
 * Patterns that exclusions look for in tags and messages, wherever they stand in them.
 *
 * Nearly all are plain words, which need no engine. The others run on RE2, as rule files may come from
 * outside and must not be able to hold up whoever loads them; look-around is refused with it.
 */
import { createRequire } from 'node:module';
import type RE2Type from 're2';
import { RuleError } from './problem.ts';
import type { Position } from './rule-set.ts';

export type SearchPattern = (text: string) => boolean;

let re2: typeof RE2Type | null = null;

export function searchPattern(source: string, position: Position): SearchPattern {
  if (/^[\w\s/:,;@#%&=<>"'~!-]*$/.test(source)) return (text) => text.includes(source);
  try {
    re2 ??= createRequire(import.meta.url)('re2') as typeof RE2Type;
  } catch (error) {
    throw new RuleError(
      position,
      `RE2 is not built on this machine (${error instanceof Error ? error.message : String(error)})`,
      'npm start builds it; or write the tag or message in plain words',
    );
  }
  try {
    const pattern = new re2(source, 's');
    return (text) => pattern.test(text);
  } catch (error) {
    throw new RuleError(
      position,
      `"${source}" is no pattern: ${error instanceof Error ? error.message : String(error)}`,
      'write one without look-around and back-references',
    );
  }
}
