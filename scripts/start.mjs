/** `npm start`: sets up what is missing, then runs the demo. Flags go through: `npm start -- --help`. */
import { root } from './find-node.mjs';
import { runChild } from './run-child.mjs';
import { setUpOrExit } from './setup.mjs';

const { node } = await setUpOrExit();
process.exitCode = await runChild(node, [`${root}src/main.ts`, 'demo', ...process.argv.slice(2)]);
