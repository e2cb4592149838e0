/** `log`: a line in the node's log, with the module's name. Too long a text is cut, never refused. */
import { type LogLevel, logLevel } from '../host-services.ts';
import type { HostCall } from './call-site.ts';

export const logBytesMax = 1_024;

export const logCalls: readonly HostCall[] = [
  {
    name: 'log',
    signature: '(i32,i32,i32)->()',
    grants: ['log'],
    bind: (call) => (level: number, at: number, length: number) => {
      call.enter();
      if (!isLevel(level)) throw call.failure(`level ${level} is not 1 to 4`);
      const text = call.utf8(at, length, 'the text', logBytesMax);
      const { services, module } = call.context;
      services.log(level, module.name, text);
      return undefined;
    },
  },
];

const isLevel = (level: number): level is LogLevel =>
  level >= logLevel.error && level <= logLevel.debug;
