/**
 * Subjects that almost match a pattern, or do: its syntax tree is walked with dice, then the string is mangled.
 * Bytes are as hostile as requests are: NUL, newlines, 0x80 and up.
 */
import { bytesOf } from '#waf/match/byte-set.ts';
import type { PatternNode } from '#waf/match/syntax-tree.ts';

type Random = () => number;

const hostile = [0, 10, 13, 9, 11, 32, 0x80, 0xa0, 0xff, 0x5f, 0x2d, 0x41, 0x7a, 0x30, 0x22, 0x27];
const bytesMax = 400;

/** One subject. */
export function nearMatch(node: PatternNode, random: Random): Uint8Array {
  const bytes: number[] = [];
  if (random() < 0.5) addNoise(bytes, random);
  render(node, random, bytes);
  if (random() < 0.5) addNoise(bytes, random);
  for (let edits = Math.floor(random() * 4) - 1; edits > 0; edits--) mangle(bytes, random);
  return Uint8Array.from(bytes.slice(0, bytesMax));
}

function render(node: PatternNode, random: Random, bytes: number[]): void {
  if (bytes.length > bytesMax) return;
  switch (node.kind) {
    case 'empty':
    case 'assertion':
      return;
    case 'set': {
      const members = bytesOf(node.set);
      if (members.length > 0) bytes.push(pick(members, random));
      return;
    }
    case 'group':
      render(node.node, random, bytes);
      return;
    case 'sequence':
      for (const part of node.nodes) render(part, random, bytes);
      return;
    case 'choice':
      render(pick(node.nodes, random), random, bytes);
      return;
    case 'repeat': {
      const spread = node.max === null ? 4 : Math.min(node.max - node.min, 6);
      // Sometimes one too few or too many.
      const slip = random() < 0.05 ? Math.sign(random() - 0.5) : 0;
      const times = node.min + Math.floor(random() * (spread + 1)) + slip;
      for (let i = 0; i < times; i++) render(node.node, random, bytes);
    }
  }
}

function addNoise(bytes: number[], random: Random): void {
  for (let length = Math.floor(random() * 6); length > 0; length--)
    bytes.push(random() < 0.5 ? pick(hostile, random) : Math.floor(random() * 256));
}

function mangle(bytes: number[], random: Random): void {
  const at = Math.floor(random() * (bytes.length + 1));
  const byte = random() < 0.5 ? pick(hostile, random) : Math.floor(random() * 256);
  const way = random();
  if (way < 0.3) bytes.splice(at, 1);
  else if (way < 0.6) bytes.splice(at, 0, byte);
  else if (way < 0.9) bytes.splice(at, 1, byte);
  else bytes.splice(at, 0, ...bytes.slice(at, at + Math.floor(random() * 8)));
}

export function pick<T>(items: readonly T[], random: Random): T {
  const item = items[Math.floor(random() * items.length)];
  if (item === undefined) throw new Error('nothing to pick from');
  return item;
}
