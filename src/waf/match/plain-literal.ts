/** Is the pattern nothing but one string, perhaps without case, perhaps at the start or the end? */
import { bytesOf, withBothCases } from './byte-set.ts';
import type { PatternNode } from './syntax-tree.ts';

export type PlainLiteral = {
  /** Lower case where case is ignored. */
  readonly bytes: Uint8Array;
  readonly ignoreCase: boolean;
  readonly isAtStart: boolean;
  readonly isAtEnd: boolean;
};

export function plainLiteralOf(node: PatternNode): PlainLiteral | null {
  const parts = flattened(node);
  const isAtStart = isAssertion(parts[0], 'start');
  const isAtEnd = parts.length > 1 && isAssertion(parts.at(-1), 'end');
  const inner = parts.slice(isAtStart ? 1 : 0, isAtEnd ? -1 : undefined);
  const bytes: number[] = [];
  let folded = 0;
  let exactLetters = 0;
  for (const part of inner) {
    if (part.kind !== 'set') return null;
    const members = bytesOf(part.set);
    const [first, second] = members;
    if (first === undefined || members.length > 2) return null;
    if (second === undefined) {
      const other = bytesOf(withBothCases(part.set));
      if (other.length === 2) exactLetters++;
      bytes.push(first);
    } else {
      if (second !== first + 32 || bytesOf(withBothCases(part.set)).length !== 2) return null;
      folded++;
      bytes.push(second);
    }
  }
  if (bytes.length === 0 || (folded > 0 && exactLetters > 0)) return null;
  return { bytes: Uint8Array.from(bytes), ignoreCase: folded > 0, isAtStart, isAtEnd };
}

function flattened(node: PatternNode): readonly PatternNode[] {
  if (node.kind === 'sequence') return node.nodes.flatMap(flattened);
  if (node.kind === 'group') return flattened(node.node);
  return [node];
}

function isAssertion(node: PatternNode | undefined, assertion: 'start' | 'end'): boolean {
  return node?.kind === 'assertion' && node.assertion === assertion;
}
