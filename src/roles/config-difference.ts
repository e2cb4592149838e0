/** What changed between two configurations, and what of it a running edge cannot take over. */

/** Read once at start: sockets are bound, processes counted, directories opened. */
const startOnly = [
  /^edge\.workers$/,
  /^edge\.listeners$/,
  /^edge\.listeners\[\d+\]$/,
  /^edge\.listeners\[\d+\]\.(address|redirect|redirectPort|plaintext)$/,
  /^edge\.listeners\[\d+\]\.tls$/,
  /^edge\.user$/,
  // What is loaded where, and how large; the terms of the packet program are entries of a map.
  /^kernel\.(?:xdp|nftables|interface|lists|inspect|detect)(?:[.[]|$)/,
  /^fleet(?:\.|$)/,
  /^admin\./,
  /^state$/,
  /^log\./,
];

export const needsRestart = (path: string): boolean =>
  startOnly.some((pattern) => pattern.test(path));

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
