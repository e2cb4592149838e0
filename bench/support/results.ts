/** Figures of a bench, printed and kept with the machine they were made on. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, release } from 'node:os';

export const machine = `${cpus()[0]?.model ?? 'unknown CPU'}, ${cpus().length} cores, Linux ${release()}, Node ${process.version}`;

export function keepResult(name: string, command: string, figures: Record<string, unknown>): void {
  const text = JSON.stringify(
    { command, machine, date: new Date().toISOString().slice(0, 10), ...figures },
    null,
    1,
  );
  const folder = new URL('../results/', import.meta.url).pathname;
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${folder}${name}.json`, `${text}\n`);
  process.stdout.write(`${text}\n`);
}
