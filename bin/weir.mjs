#!/usr/bin/env node
/** The `weir` command: runs `src/main.ts` with the Node it is made for, whatever Node started this. */
import { findNode, root } from '../scripts/find-node.mjs';
import { runChild } from '../scripts/run-child.mjs';

const node = findNode();
if ('missing' in node) {
  console.error(`${node.missing}.\nrun npm start or npm test once to set up`);
  process.exitCode = 1;
} else {
  process.exitCode = await runChild(node.path, [`${root}src/main.ts`, ...process.argv.slice(2)]);
}
