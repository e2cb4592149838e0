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

export type ExampleInTurn = Example & { readonly printed: () => Promise<string> };

/** An example builds upon those above it: they are run first where it is picked by its name. */
export function inTurn(
  examples: readonly Example[],
  run: (command: string) => Promise<string>,
): ExampleInTurn[] {
  let ran = 0;
  let last = '';
  return examples.map((example, at) => ({
    ...example,
    printed: async () => {
      for (; ran <= at; ran++) last = await run(examples[ran]?.command ?? '');
      return last;
    },
  }));
}

function pattern(text: string): RegExp {
  const escaped = text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`^${escaped.replace(/^…$/gm, '[\\s\\S]*').replaceAll('…', '.*')}$`);
}
