/**
 * The examples of a document: ```console blocks, whose lines after `$ ` are commands and whose other lines
 * are what they print. `…` alone on a line stands for any lines, within a line for any text.
 */
export type Example = { readonly command: string; readonly expected: RegExp };

export function consoleExamples(markdown: string): Example[] {
  const examples: Example[] = [];
  for (const [, block] of markdown.matchAll(/```console\n([\s\S]*?)```/g)) {
    for (const part of (block as string).split(/^\$ /m).slice(1)) {
      const [command, ...lines] = part.split('\n');
      examples.push({ command: command as string, expected: pattern(lines.join('\n').trim()) });
    }
  }
  return examples;
}

function pattern(text: string): RegExp {
  const escaped = text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`^${escaped.replace(/^…$/gm, '[\\s\\S]*').replaceAll('…', '.*')}$`);
}
