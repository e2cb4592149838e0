/** The reference page of `cases.json`, `docs/reference/cases.md`, made from its schema. */
import { keyTable } from '#config/reference.ts';
import { schemaNode } from '#config/schema-node.ts';
import { caseFileSchema } from './case-schema.ts';

const introduction = `# Cases of a rule module

<!-- Made from src/wasm/cases/case-schema.ts by scripts/generate-reference.ts: change it there. -->

A file of cases says what a module has to make of which requests. \`weir module test\` runs it through the runtime of
the edge, and a module that is loaded with cases beside it (\`NAME.cases.json\`) goes live only when they hold.

- The file is a list of cases, or an object with \`cases\` and what holds for all of them. A case's own \`config\`,
  \`now\`, \`values\` or \`databases\` wins.
- \`"verdict": "allow"\` is short for \`{"kind": "allow"}\`, and \`"pass"\` and \`"undecided"\` of a packet likewise. Only what a case names is compared; a failure of the module
  is an error in every case that does not expect it.
- Each case begins with empty stores, full buckets and the clock at \`now\`, which stands still but for \`afterMs\`.
- Nothing is fetched, and nobody is blocked: \`fetch\` finds what \`values.worker\` has under its key.
- \`cases.schema.json\`, beside this page, is the JSON Schema for editors.
`;

export function casesPage(): string {
  return `${introduction}\n${keyTable(schemaNode(caseFileSchema), null)}`;
}
