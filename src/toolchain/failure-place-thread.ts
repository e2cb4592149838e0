/** The inside of `failure-place.ts`. */
import { parentPort, workerData } from 'node:worker_threads';
import { assert } from '#core/assert.ts';
import { sourceMapBytesMax } from '#core/module-files.ts';
import { originalOffsets } from '#wasm/compile-filter.ts';
import type { PlaceJob, SourceMapJob } from './failure-place.ts';
import { SourceMap, type SourcePlace } from './source-map.ts';

const placeTextMax = 200;

assert(parentPort !== null, 'runs as a worker thread only');
const job = workerData as SourceMapJob;
parentPort.postMessage(job.kind === 'place' ? placeOf(job) : faultOf(job.sourceMap));

function faultOf(sourceMap: string): string | null {
  return SourceMap.parse(sourceMap) === null ? 'is no source map of version 3 in JSON' : null;
}

/** The innermost frame in a source of the module's author; in a library where there is none. */
function placeOf({ module, sourceMap, offsets }: PlaceJob): string | null {
  const text = sourceMap ?? embeddedMap(module.bytes);
  const map = text === null ? null : SourceMap.parse(text);
  if (map === null) return null;
  const originals = originalOffsets(module);
  const places = offsets
    .map((offset) => originals?.original(offset) ?? null)
    .map((offset) => (offset === null ? null : map.authorPlaceOf(offset)))
    .filter((place) => place !== null);
  const place = places.find(({ file }) => !file.startsWith('~lib/')) ?? places[0];
  return place === undefined ? null : placeText(place);
}

/** A map's names are its author's: they end up in logs and on screens. */
function placeText({ file, line, column }: SourcePlace): string {
  const name = file.replaceAll(/[^\x20-\x7e]/g, '?').slice(0, placeTextMax);
  return `${name}:${line}:${column}`;
}

/** A `sourceMappingURL` that holds the map itself; a name or an address of one is not followed. */
function embeddedMap(bytes: Uint8Array): string | null {
  const compiled = new WebAssembly.Module(new Uint8Array(bytes));
  const [section] = WebAssembly.Module.customSections(compiled, 'sourceMappingURL');
  if (section === undefined || section.byteLength > 2 * sourceMapBytesMax) return null;
  // A length stands before the text, in bytes that no URL begins with.
  const text = Buffer.from(section).toString('latin1');
  const match = /data:application\/json(?:;charset=[a-z0-9-]+)?;base64,([A-Za-z0-9+/=]+)$/i.exec(
    text,
  );
  return match?.[1] === undefined ? null : Buffer.from(match[1], 'base64').toString('utf8');
}
