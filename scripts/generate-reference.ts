/** Writes the reference pages: configuration, cases and their JSON Schemas from the schemas, metrics from what counts. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { jsonSchema } from '#config/json-schema.ts';
import { orchestratorReferencePage, referencePage } from '#config/reference.ts';
import { metricsPage } from '#roles/metrics-page.ts';
import { operatorsPage } from '#waf/language/operators-page.ts';
import { casesJsonSchema } from '#wasm/cases/cases-json-schema.ts';
import { casesPage } from '#wasm/cases/cases-page.ts';
import { coreRulesPage } from './core-rules-page.ts';

/** File below the root → its content. */
export function referenceFiles(): ReadonlyMap<string, string> {
  return new Map([
    ['docs/reference/config.md', referencePage()],
    ['docs/reference/orchestrator.md', orchestratorReferencePage()],
    ['docs/reference/metrics.md', metricsPage()],
    ['docs/reference/operators.md', operatorsPage()],
    ['docs/reference/built-in-rules.md', coreRulesPage()],
    ['docs/reference/cases.md', casesPage()],
    ['docs/reference/cases.schema.json', `${JSON.stringify(casesJsonSchema(), null, 2)}\n`],
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
