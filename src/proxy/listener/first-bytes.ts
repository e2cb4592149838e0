/**
 * Reads what a socket says first until somebody has seen enough, and then puts what is left back as if it
 * had never been read.
 *
 * Afterwards the socket is paused, with the bytes in its buffer: node:tls takes them from there, and whoever
 * else comes next resumes it. There is no deadline here; whoever starts a reading has one for the whole.
 */
import type { Socket } from 'node:net';

/** `more` bytes, `refuse` them, or how many of them are used up. */
export type Judgement = 'more' | 'refuse' | number;
export type FirstBytes = 'accepted' | 'refused' | 'ended';

/**
 * `judge` sees all bytes so far each time some come, and must decide by `bytesMax`. `done` is called once,
 * with what became of them; too many are refused.
 */
export function readFirstBytes(
  socket: Socket,
  bytesMax: number,
  judge: (bytes: Buffer) => Judgement,
  done: (result: FirstBytes) => void,
): void {
  let seen: Buffer | null = null;
  const finish = (result: FirstBytes): void => {
    socket.off('data', onData);
    socket.off('end', onEnd);
    socket.pause();
    done(result);
  };
  const onEnd = (): void => finish('ended');
  const onData = (bytes: Buffer): void => {
    seen = seen === null ? bytes : Buffer.concat([seen, bytes]);
    const judgement = judge(seen);
    if (judgement === 'more') {
      if (seen.length >= bytesMax) finish('refused');
      return;
    }
    if (judgement !== 'refuse' && judgement < seen.length) {
      // Before anyone else listens, so that they come first.
      socket.pause();
      socket.unshift(seen.subarray(judgement));
    }
    finish(judgement === 'refuse' ? 'refused' : 'accepted');
  };
  socket.on('data', onData);
  socket.on('end', onEnd);
  socket.resume();
}
