/**
 * A configuration as YAML in which each value carries its origin as a comment, aligned.
 *
 * A list that came as one value (a default) has one origin; its items then carry the list's.
 */
import { Document, isCollection, isMap, isScalar, isSeq, type Node } from 'yaml';

export function annotate(config: unknown, origins: ReadonlyMap<string, string>): string {
  const document = new Document(config, { aliasDuplicateObjects: false });
  if (document.contents !== null) comment(document.contents, '', null, origins);
  return align(document.toString({ lineWidth: 0 }).trimEnd());
}

/** Marks where a comment begins, so that a `#` inside a value is not taken for one. */
const mark = '\u0001';

/** `yaml` puts the comment of an empty list or map on a line of its own. */
const emptyCollection = /:\n +(\[\]|\{\})\n *#(?=\p{Cc})(.*)/gu;

/** A longer value pushes its own comment out, not everybody's. */
const commentColumnMax = 48;

function comment(
  node: Node,
  path: string,
  inherited: string | null,
  origins: ReadonlyMap<string, string>,
): void {
  const origin = origins.get(path) ?? inherited;
  if (isMap<unknown, Node | null>(node)) {
    for (const { key, value } of node.items) {
      if (value === null) continue;
      const name = String(isScalar(key) ? key.value : key);
      comment(value, path === '' ? name : `${path}.${name}`, origin, origins);
    }
  }
  if (isSeq<Node>(node)) {
    for (const [index, item] of node.items.entries())
      comment(item, `${path}[${index}]`, origin, origins);
  }
  if (isCollection(node) && node.items.length > 0) return;
  node.comment = `${mark}${origin ?? 'default'}`;
}

function align(text: string): string {
  const lines = text
    .replace(emptyCollection, ': $1 #$2')
    .split('\n')
    .map((line) => line.split(` #${mark}`));
  const widths = lines.map(([value = '', origin]) => (origin === undefined ? 0 : value.length));
  const width = Math.min(commentColumnMax, Math.max(...widths));
  return lines
    .map(([value = '', origin]) =>
      origin === undefined ? value : `${value.padEnd(width)}  # ${origin}`,
    )
    .join('\n');
}
