/** `weir config schema` — the JSON Schema of the configuration, for editors. It is JSON either way. */
import { type Command, jsonOption } from '#cli/command.ts';
import { exitCodes } from '#cli/exit-codes.ts';

export const configSchemaCommand: Command = {
  words: ['config', 'schema'],
  summary: 'print the JSON Schema of the configuration',
  positionals: [],
  options: [jsonOption],
  examples: ['weir config schema > weir.schema.json'],
  async run({ print }) {
    const { jsonSchema } = await import('#config/json-schema.ts');
    print.value(jsonSchema());
    return exitCodes.ok;
  },
};
