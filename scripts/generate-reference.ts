/** Writes the pages made from the configuration schema: `docs/reference/config.md`, `config/schema.json`. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { jsonSchema } from '#config/json-schema.ts';
import { referencePage } from '#config/reference.ts';

/** File below the root → its content. */
export function referenceFiles(): ReadonlyMap<string, string> {
  return new Map([
    ['docs/reference/config.md', referencePage()],
    ['config/schema.json', `${JSON.stringify(jsonSchema(), null, 2)}\n`],
  ]);
}

if (import.meta.main) {
  for (const [file, content] of referenceFiles()) {
    const path = fileURLToPath(new URL(`../${file}`, import.meta.url));
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content);
    console.log(`wrote ${file}`);
  }
}
