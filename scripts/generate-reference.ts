/** Writes the reference pages: configuration and its JSON Schema from the schema, metrics from what counts. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { jsonSchema } from '#config/json-schema.ts';
import { referencePage } from '#config/reference.ts';
import { metricsPage } from '#roles/metrics-page.ts';

/** File below the root → its content. */
export function referenceFiles(): ReadonlyMap<string, string> {
  return new Map([
    ['docs/reference/config.md', referencePage()],
    ['docs/reference/metrics.md', metricsPage()],
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
