/**
 * Runs a command in the place of this process: its terminal, its signals, its exit code.
 *
 * Ctrl-C on a terminal reaches every process of the foreground group, the child too: passing it on
 * would make it two, and two mean "stop at once" to a daemon that drains. Without a terminal a signal
 * reaches this process alone and is passed on.
 */
import { spawn } from 'node:child_process';
import { constants } from 'node:os';

/**
 * @param {string} command
 * @param {readonly string[]} parameters
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv }} [options]
 * @returns {Promise<number>} exit code; 128 and the signal's number where a signal ended it
 */
export function runChild(command, parameters, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, parameters, { ...options, stdio: 'inherit' });
    const fromTerminal = process.stdin.isTTY === true || process.stderr.isTTY === true;
    const handlers = new Map();
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
      const reachesGroup = signal !== 'SIGTERM' && fromTerminal;
      handlers.set(signal, () => {
        if (!reachesGroup) child.kill(signal);
      });
    }
    for (const [signal, handler] of handlers) process.on(signal, handler);
    const settle = (act) => {
      for (const [signal, handler] of handlers) process.off(signal, handler);
      act();
    };
    child.once('error', (error) => settle(() => reject(error)));
    child.once('exit', (code, signal) =>
      settle(() => resolve(code ?? 128 + constants.signals[signal])),
    );
  });
}
