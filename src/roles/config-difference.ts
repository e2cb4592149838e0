/** What changed between two configurations, and what of it a running edge cannot take over. */

/** Read once at start: sockets are bound, processes counted, directories opened. A new process takes them over. */
const byUpgrade = [
  /^edge\.workers$/,
  /^edge\.listeners$/,
  /^edge\.listeners\[\d+\]$/,
  /^edge\.listeners\[\d+\]\.(address|redirect|redirectPort|plaintext)$/,
  /^edge\.listeners\[\d+\]\.tls$/,
  /^fleet(?:\.|$)/,
  /^admin\./,
  /^log\./,
];

/** Done by who still has the rights of root, or handed from process to process as it is. */
const byStart = [
  /^edge\.user$/,
  // What is loaded where, and how large; the terms of the packet program are entries of a map.
  /^kernel\.(?:xdp|nftables|interface|lists)(?:[.[]|$)/,
  /^state$/,
];

const isOneOf = (patterns: readonly RegExp[], path: string): boolean =>
  patterns.some((pattern) => pattern.test(path));

export const needsRestart = (path: string): boolean => isOneOf([...byUpgrade, ...byStart], path);

/** What the values that cannot be taken over need, each of them. */
export function restartsNeeded(paths: readonly string[]): string {
  const start = paths.filter((path) => isOneOf(byStart, path));
  const upgrade = paths.filter((path) => !start.includes(path));
  const said = (those: readonly string[], what: string) =>
    those.length === 0
      ? []
      : [`${those.join(', ')} ${those.length === 1 ? 'needs' : 'need'} ${what}`];
  return [...said(start, 'a stop and a start'), ...said(upgrade, 'weir upgrade')].join('; ');
}

/** Paths of the values that differ, as people write them: `edge.limits.urlBytesMax`, `routes[2].upstream`. */
export function changedPaths(before: unknown, after: unknown, path = ''): string[] {
  if (Object.is(before, after)) return [];
  if (Array.isArray(before) && Array.isArray(after)) {
    const length = Math.max(before.length, after.length);
    return Array.from({ length }, (_, index) =>
      changedPaths(before[index], after[index], `${path}[${index}]`),
    ).flat();
  }
  if (isObject(before) && isObject(after)) {
    const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])];
    return keys.flatMap((key) =>
      changedPaths(before[key], after[key], path === '' ? key : `${path}.${key}`),
    );
  }
  return [path];
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
