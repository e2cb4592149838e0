/** Operators and transformations of rules in SecLang that are Weir's own. */
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Stage } from './stage.ts';

const coreFolder = 'wasm-rules/core';

/** Each family of `builtin:core`, by its file: jumped over. */
const families: readonly Stage[] = readdirSync(
  fileURLToPath(new URL(`../../${coreFolder}`, import.meta.url)),
)
  .filter((file) => /^[1-8].*\.conf$|^92.*\.conf$/.test(file))
  .map((file) => {
    const name = file.replace('.conf', '');
    const marker = `SecMarker "END-${name.toUpperCase()}"`;
    const first = 1_000_000 + Number(file.slice(0, 2)) * 1_000;
    return {
      name: `core: ${name}`,
      file: `${coreFolder}/${file}`,
      from: marker,
      to: `${marker}\nSecRuleRemoveById ${first}-${first + 999}`,
      tests: 'test/wasm/seclang/core-rules.test.ts',
    };
  });

const operators = 'wasm-rules/seclang/operators.ts';
const tests = 'test/wasm/seclang/own-operators.test.ts';

export const detectionStages: readonly Stage[] = [
  ...families,
  {
    name: 'rules: commands of a shell',
    file: operators,
    from: 'return detectCommand(at, length, argumentLength != 0) &&',
    to: 'return false &&',
    tests,
  },
  {
    name: 'rules: addresses inside',
    file: operators,
    from: 'return detectSsrf(at, length) &&',
    to: 'return false &&',
    tests,
  },
  {
    name: 'rules: expressions of templates',
    file: operators,
    from: 'return detectTemplate(at, length) &&',
    to: 'return false &&',
    tests,
  },
  {
    name: 'rules: lookups',
    file: operators,
    from: 'return detectLookup(at, length) &&',
    to: 'return false &&',
    tests,
  },
  {
    name: 'rules: what a GraphQL query asks for',
    file: operators,
    from: 'return readGraphql(at, length);',
    to: 'return false;',
    tests,
  },
  {
    name: 'rules: decoding to a fixed point',
    file: 'wasm-rules/engine/transform/transform.ts',
    from: 'return decodeAll(from, length, into);',
    to: 'return -1;',
    tests,
  },
  {
    name: 'rules: look-alike letters',
    file: 'wasm-rules/engine/transform/transform.ts',
    from: 'return foldLookAlikes(from, length, into);',
    to: 'return -1;',
    tests,
  },
];
