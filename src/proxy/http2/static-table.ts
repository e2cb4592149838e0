/** The static table of HPACK (RFC 7541 appendix A), as bytes one after the other with their offsets. */
const entries: readonly (readonly [name: string, value: string])[] = [
  [':authority', ''],
  [':method', 'GET'],
  [':method', 'POST'],
  [':path', '/'],
  [':path', '/index.html'],
  [':scheme', 'http'],
  [':scheme', 'https'],
  [':status', '200'],
  [':status', '204'],
  [':status', '206'],
  [':status', '304'],
  [':status', '400'],
  [':status', '404'],
  [':status', '500'],
  ['accept-charset', ''],
  ['accept-encoding', 'gzip, deflate'],
  ['accept-language', ''],
  ['accept-ranges', ''],
  ['accept', ''],
  ['access-control-allow-origin', ''],
  ['age', ''],
  ['allow', ''],
  ['authorization', ''],
  ['cache-control', ''],
  ['content-disposition', ''],
  ['content-encoding', ''],
  ['content-language', ''],
  ['content-length', ''],
  ['content-location', ''],
  ['content-range', ''],
  ['content-type', ''],
  ['cookie', ''],
  ['date', ''],
  ['etag', ''],
  ['expect', ''],
  ['expires', ''],
  ['from', ''],
  ['host', ''],
  ['if-match', ''],
  ['if-modified-since', ''],
  ['if-none-match', ''],
  ['if-range', ''],
  ['if-unmodified-since', ''],
  ['last-modified', ''],
  ['link', ''],
  ['location', ''],
  ['max-forwards', ''],
  ['proxy-authenticate', ''],
  ['proxy-authorization', ''],
  ['range', ''],
  ['referer', ''],
  ['refresh', ''],
  ['retry-after', ''],
  ['server', ''],
  ['set-cookie', ''],
  ['strict-transport-security', ''],
  ['transfer-encoding', ''],
  ['user-agent', ''],
  ['vary', ''],
  ['via', ''],
  ['www-authenticate', ''],
];

/** Indices 1 to 61; dynamic entries follow. */
export const staticCount = 61;
export const staticBytes = Buffer.from(entries.map(([name, value]) => name + value).join(''));
/** Three numbers an index: start, name end, end. Index 0 is unused. */
export const staticSpans = new Uint32Array((staticCount + 1) * 3);
/** The index of `:status 200` and so on; 0 where a status has none. */
export const statusIndices = new Uint8Array(600);
export const statusNameIndex = 8;

/** Names by length, for finding the index of one without making a string. */
const byLength: { readonly index: number; readonly start: number; readonly end: number }[][] = [];
let offset = 0;
for (const [i, [name, value]] of entries.entries()) {
  const index = i + 1;
  const nameEnd = offset + name.length;
  staticSpans.set([offset, nameEnd, nameEnd + value.length], index * 3);
  if (name === ':status') statusIndices[Number(value)] = index;
  else if (entries[i - 1]?.[0] !== name) {
    const list = (byLength[name.length] ??= []);
    list.push({ index, start: offset, end: nameEnd });
  }
  offset = nameEnd + value.length;
}

/** The index of a name in lower case, 0 when it has none. */
export function staticNameIndex(bytes: Uint8Array, start: number, end: number): number {
  const candidates = byLength[end - start];
  if (candidates === undefined) return 0;
  for (let c = 0; c < candidates.length; c++) {
    const candidate = candidates[c] as (typeof candidates)[number];
    let i = start;
    let j = candidate.start;
    while (i < end && bytes[i] === staticBytes[j]) {
      i++;
      j++;
    }
    if (i === end) return candidate.index;
  }
  return 0;
}
