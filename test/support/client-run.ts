/** A client program run to its end beside servers of this process, so never in a blocking way. */
import { spawn } from 'node:child_process';

export type ClientRun = {
  readonly code: number | null;
  readonly stdout: Buffer;
  readonly stderr: string;
};

export function runClient(
  command: string,
  args: readonly string[],
  input: Uint8Array = new Uint8Array(),
): Promise<ClientRun> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    const stdout: Buffer[] = [];
    let stderr = '';
    child.stdout.on('data', (bytes: Buffer) => stdout.push(bytes));
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, stdout: Buffer.concat(stdout), stderr }));
  });
}
