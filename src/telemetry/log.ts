/** The daemon's own log: JSON lines on standard error, a child logger a part. */
import pino from 'pino';

export type Logger = pino.Logger;

export function createLog(level: string, part: string): Logger {
  return pino(
    {
      base: { part, pid: process.pid },
      level,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: ['token', 'authorization', 'headers.authorization'], censor: '***' },
    },
    pino.destination({ dest: 2, sync: true }),
  );
}
