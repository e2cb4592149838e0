/**
 * `regex_compile` and `regex_match`: RE2, in time linear in the text whatever the pattern. Compiled while
 * the module is configured; a set is the instance's own.
 *
 * Patterns and text are bytes: both are read as latin1, so `.` is any byte, and one that is no UTF-8
 * cannot hide what stands behind it.
 */
import { logLevel, type RegexSet } from '../host-services.ts';
import { type HostCall, none } from './call-site.ts';

export const regexSetsMax = 16;
export const patternsBytesMax = 65_536;

export function regexCalls(): readonly HostCall[] {
  const sets: RegexSet[] = [];
  return [
    {
      name: 'regex_compile',
      signature: '(i32,i32)->i32',
      grants: ['regex'],
      bind: (call) => (at: number, length: number) => {
        call.enter();
        call.needsConfiguring();
        const { services, module } = call.context;
        const refuse = (reason: string): number => {
          services.log(logLevel.error, module.name, `regex_compile: ${reason}`);
          return none;
        };
        if (sets.length >= regexSetsMax) return refuse(`there are ${regexSetsMax} sets already`);
        if (length >>> 0 > patternsBytesMax)
          return refuse(
            `${length >>> 0} bytes of patterns, at most ${patternsBytesMax} are allowed`,
          );
        const patterns = call.text(at, length, 'the patterns').split('\n');
        // A line feed at the end is the end of a line, not the beginning of an empty pattern.
        if (patterns.at(-1) === '') patterns.pop();
        const set = services.compileRegexSet(patterns);
        return typeof set === 'string' ? refuse(set) : sets.push(set) - 1;
      },
    },
    {
      name: 'regex_match',
      signature: '(i32,i32,i32,i32,i32)->i32',
      grants: ['regex'],
      bind: (call) => (set: number, at: number, length: number, into: number, max: number) => {
        call.enter();
        const compiled = sets[set];
        if (compiled === undefined) throw call.failure(`${set} is no set that regex_compile gave`);
        const matched = compiled.match(call.text(at, length, 'the text'));
        call.giveWords(matched, into, max);
        return matched.length;
      },
    },
  ];
}
