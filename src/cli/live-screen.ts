/**
 * A page that is drawn again and again in place, and the keys that are pressed meanwhile.
 *
 * It is on the terminal's other screen, so that what stood there before is there again afterwards, however it
 * ends. Without raw keys (input from elsewhere) Ctrl-C ends it as it ends any command.
 */
import type { CliIo } from '#cli/command.ts';

const enter = '\u001b[?1049h\u001b[?25l';
const leave = '\u001b[?25h\u001b[?1049l';
const home = '\u001b[H';
const clearLine = '\u001b[K';
const clearBelow = '\u001b[J';
const ctrlC = '\u0003';
const ctrlD = '\u0004';

export class LiveScreen implements Disposable {
  readonly #io: CliIo;
  readonly #onKey = (data: Buffer | string) => this.#key(data.toString());
  readonly #onSignal = () => this.#end();
  #wake: () => void = () => {};
  #pressed: string[] = [];
  isEnded = false;

  constructor(io: CliIo) {
    this.#io = io;
    io.stdout.write(enter);
    io.stdin?.setRawMode?.(true);
    io.stdin?.on('data', this.#onKey);
    io.stdin?.resume();
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
      process.on(signal, this.#onSignal);
  }

  /** A terminal that does not know its size says 0. */
  get columns(): number {
    return this.#io.stdout.columns || 80;
  }

  get rows(): number {
    return this.#io.stdout.rows || 24;
  }

  draw(page: string): void {
    const lines = page.split('\n').slice(0, this.rows);
    this.#io.stdout.write(
      `${home}${lines.map((line) => line + clearLine).join('\r\n')}${clearBelow}`,
    );
  }

  /** Keys since the last time; comes back early when one is pressed. */
  async keys(waitMs: number): Promise<readonly string[]> {
    if (this.#pressed.length === 0 && !this.isEnded)
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, waitMs);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    const pressed = this.#pressed;
    this.#pressed = [];
    return pressed;
  }

  [Symbol.dispose](): void {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
      process.off(signal, this.#onSignal);
    this.#io.stdin?.off('data', this.#onKey);
    this.#io.stdin?.setRawMode?.(false);
    this.#io.stdin?.pause();
    this.#io.stdout.write(leave);
  }

  #key(text: string): void {
    if (text.includes(ctrlC) || text.includes(ctrlD)) this.#end();
    // More than anybody presses in a second is something pasted.
    else this.#pressed = [...this.#pressed, ...text].slice(-16);
    this.#wake();
  }

  #end(): void {
    this.isEnded = true;
    this.#wake();
  }
}
