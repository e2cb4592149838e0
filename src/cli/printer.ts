/**
 * What commands print with: aligned text for people, JSON for programs, never both.
 *
 * Texts that come from outside (a reason somebody typed, a file name) lose their control and direction
 * characters first: a block's reason must not be able to repaint the operator's terminal.
 */
import type { CliIo } from '#cli/command.ts';

const styles = {
  bold: ['\u001b[1m', '\u001b[22m'],
  dim: ['\u001b[2m', '\u001b[22m'],
  red: ['\u001b[31m', '\u001b[39m'],
  green: ['\u001b[32m', '\u001b[39m'],
  yellow: ['\u001b[33m', '\u001b[39m'],
} as const;

export type Style = keyof typeof styles;
export type Cell = string | { readonly text: string; readonly style: Style };

export class Printer {
  readonly json: boolean;
  readonly #io: CliIo;
  readonly #colour: boolean;

  constructor(io: CliIo, json: boolean) {
    this.#io = io;
    this.json = json;
    this.#colour =
      io.stdout.isTTY === true && (io.env['NO_COLOR'] ?? '') === '' && io.env['TERM'] !== 'dumb';
  }

  line(text = ''): void {
    this.#io.stdout.write(`${text}\n`);
  }

  value(value: unknown): void {
    this.line(JSON.stringify(value, null, 2));
  }

  /** The answer of a command: one of the two, whichever was asked for. */
  answer(value: unknown, text: () => string): void {
    if (this.json) this.value(value);
    else this.line(text());
  }

  errorLine(text: string): void {
    this.#io.stderr.write(`${text}\n`);
  }

  paint(style: Style, text: string): string {
    return this.#colour ? `${styles[style][0]}${text}${styles[style][1]}` : text;
  }

  /** Columns as wide as their widest cell, two blanks between them; empty ones take no room. */
  columns(rows: readonly (readonly Cell[])[], indent = ''): string {
    const widths: number[] = [];
    const clean = rows.map((row) =>
      row.map((cell, column) => {
        const { text, style } = typeof cell === 'string' ? { text: cell, style: null } : cell;
        const safe = printable(text);
        widths[column] = Math.max(widths[column] ?? 0, safe.length);
        return { safe, style };
      }),
    );
    return clean
      .map((row) => {
        const cells = row.flatMap(({ safe, style }, column) => {
          if (widths[column] === 0) return [];
          const padding =
            column === row.length - 1 ? '' : ' '.repeat((widths[column] ?? 0) - safe.length);
          return [`${style === null ? safe : this.paint(style, safe)}${padding}`];
        });
        return `${indent}${cells.join('  ')}`.trimEnd();
      })
      .join('\n');
  }
}

/** Control characters, and those that turn the reading direction around, become a visible mark. */
export function printable(text: string): string {
  return text.replace(unprintable, '\ufffd');
}

const unprintable = /[\p{Cc}\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;
