/** Operators and transformations of rules in SecLang that are Weir's own. */
import type { Stage } from './stage.ts';

const operators = 'wasm-rules/seclang/operators.ts';
const tests = 'test/wasm/seclang/own-operators.test.ts';

export const detectionStages: readonly Stage[] = [
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
