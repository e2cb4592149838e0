/** The reference page of the configuration, `docs/reference/config.md`, made from the schema. */
import type { TSchema } from 'typebox';
import {
  type EnvironmentNames,
  environmentKeys,
  nodeNames,
  orchestratorNames,
} from './environment.ts';
import { orchestratorSchema } from './orchestrator-schema.ts';
import { configSchema } from './schema.ts';
import { type SchemaNode, schemaNode } from './schema-node.ts';
import { expectation } from './validate.ts';
import { childPath } from './yaml-source.ts';

const introduction = `# Configuration

<!-- Made from src/config/schema.ts by scripts/generate-reference.ts: change it there. -->

One YAML file, named with \`--config FILE\`. \`weir check --config FILE\` says everything that is wrong with it,
\`weir config show\` prints every value with where it came from, and \`config/schema.json\` is the JSON Schema for editors.

- The environment wins over the file, the file over the defaults. A key without an environment name can be set in the
  file alone.
- An unknown key, and an unknown \`WEIR_\` name, is refused.
- \`\${NAME}\` in a value is replaced from the environment; \`$\${NAME}\` is the text itself.
- A relative file name in the file belongs to the file's folder, one in the environment or a default to the working
  directory.
- \`NAME\` and \`[]\` in a key stand for the names of a mapping and the entries of a list.
`;

const orchestratorIntroduction = `# Configuration of the orchestrator

<!-- Made from src/config/orchestrator-schema.ts by scripts/generate-reference.ts: change it there. -->

One YAML file, named with \`weir orchestrator --config FILE\`, which says everything that is wrong with it and then
does not start. What holds for [the file of a node](config.md) holds for it: the environment wins, an unknown key is
refused, and so is an unknown name that begins with \`WEIR_ORCHESTRATOR_\`.
`;

export function referencePage(): string {
  return `${introduction}\n${pageTable(configSchema, nodeNames)}`;
}

export function orchestratorReferencePage(): string {
  return `${orchestratorIntroduction}\n${pageTable(orchestratorSchema, orchestratorNames)}`;
}

function pageTable(schema: TSchema, prefix: EnvironmentNames): string {
  const root = schemaNode(schema);
  const names = new Map([...environmentKeys(root, prefix)].map(([name, { path }]) => [path, name]));
  return keyTable(root, names);
}

/** Every key of a schema, a row each; `names` are those of the environment, null where it has no say. */
export function keyTable(root: SchemaNode, names: ReadonlyMap<string, string> | null): string {
  const rows: string[][] = [];
  const add = (path: string, value: string, fallback: string, description: string): void => {
    const environment = names === null ? [] : [code(names.get(path) ?? '')];
    rows.push([code(path), value, fallback, ...environment, text(description)]);
  };
  const walk = (node: SchemaNode, path: string, required: boolean): void => {
    if (node.kind === 'object') {
      // An object that may be left out and has no default is a choice of its own: say so.
      if (!required) add(path, 'mapping', 'none', node.description ?? 'optional');
      for (const [key, property] of node.properties)
        walk(property.node, childPath(path, key), property.required);
      return;
    }
    const value =
      node.kind === 'array' || node.kind === 'record' ? bounds(node) : expectation(node);
    const fallback =
      node.fallback === undefined
        ? required
          ? '**required**'
          : 'none'
        : code(JSON.stringify(node.fallback));
    add(path, text(value), fallback, node.description ?? '');
    if (node.kind === 'record') walk(node.entry, `${path}.NAME`, true);
    if (node.kind === 'array' && node.items.kind === 'object') walk(node.items, `${path}[]`, true);
  };
  walk(root, '', true);
  const environment = names === null ? [] : ['environment'];
  const titles = ['key', 'value', 'default', ...environment, 'what it is'];
  return [titles, titles.map(() => '---'), ...rows]
    .map((row) => `| ${row.join(' | ')} |\n`)
    .join('');
}

function bounds(node: Extract<SchemaNode, { readonly kind: 'array' | 'record' }>): string {
  if (node.kind === 'record') return `names to entries, at most ${node.entriesMax}`;
  const items = node.items.kind === 'object' ? 'entries' : 'texts';
  return `list of ${node.itemsMin === node.itemsMax ? node.itemsMin : `${node.itemsMin} to ${node.itemsMax}`} ${items}`;
}

function code(content: string): string {
  return content === '' ? '' : `\`${escapeBar(content)}\``;
}

function text(content: string): string {
  return escapeBar(content).replaceAll('*', '\\*');
}

function escapeBar(content: string): string {
  return content.replaceAll('|', '\\|');
}
