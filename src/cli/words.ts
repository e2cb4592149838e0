/** Small pieces of text that several commands print. */
import type { DrainAnswer } from '#admin/control.ts';
import { formatTime } from '#cli/duration.ts';

/** Enough of a hash to tell two apart by eye. */
export function shortHash(sha256: string): string {
  return sha256.slice(0, 12);
}

export function thousands(count: number): string {
  return count.toLocaleString('en-US');
}

export function counted(count: number, one: string): string {
  return `${thousands(count)} ${one}${count === 1 ? '' : 's'}`;
}

export function drainText(answer: DrainAnswer): string {
  const open =
    answer.openConnections === null
      ? ''
      : ` with ${counted(answer.openConnections, 'open connection')}`;
  return `the node is draining${open}, and ends by ${formatTime(answer.deadline)}`;
}

export function listText(list: {
  readonly version: number;
  readonly count: number;
  readonly workers: number;
  readonly kernel: boolean;
}): string {
  const kernel = list.kernel ? 'the kernel and ' : '';
  return `${counted(list.count, 'block')}, version ${list.version}, live in ${kernel}${counted(list.workers, 'worker')}`;
}

/** Folded at blanks; a word longer than the line stands alone and keeps its length. */
export function wrapped(text: string, width: number, indent: string): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line.trim() !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = `${indent}${word}`;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}
