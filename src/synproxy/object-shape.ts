/**
 * Whether two builds of the packet program can work with the same maps: one takes the place of the other under a
 * running node, and what is in the maps was written for the first.
 *
 * Sizes are not enough. A field that moves within its struct, or an enumerator that gets another number, would be
 * read as something else, so fields and enumerations are compared by name and place. Enumerators, maps and whole
 * enumerations may be new: nothing that stands in a map means them.
 */
import type { BpfObject } from './bpf-object.ts';

/** Records of the rings, which have no key and no value to be described by. */
const recordOf: Readonly<Record<string, string>> = { events: 'event', packets: 'packet' };
const differencesNamed = 3;

export type MapsInCommon = {
  /** Of the other build, in the place of those of the first. */
  readonly kept: readonly string[];
  /** To be made. */
  readonly fresh: readonly string[];
  /** What is in the way, a sentence each; none where all that is kept has one meaning. */
  readonly differences: readonly string[];
};

export function mapsInCommon(loaded: BpfObject, wanted: BpfObject): MapsInCommon {
  const before = new Map(loaded.maps.map((map) => [map.name, map]));
  const kept = wanted.maps.filter(({ name }) => before.has(name));
  const fresh = wanted.maps.filter(({ name }) => !before.has(name));
  const differences = [
    ...kept.flatMap((map) => mapDifferences(map.name, loaded, wanted)),
    ...enumerationDifferences(loaded, wanted),
  ];
  return {
    kept: kept.map(({ name }) => name),
    fresh: fresh.map(({ name }) => name),
    differences,
  };
}

function mapDifferences(name: string, loaded: BpfObject, wanted: BpfObject): string[] {
  const before = loaded.maps.find((map) => map.name === name);
  const after = wanted.maps.find((map) => map.name === name);
  if (before === undefined || after === undefined) return [];
  const sizes = (['type', 'keyBytes', 'valueBytes', 'entriesMax', 'flags'] as const)
    .filter((what) => before[what] !== after[what])
    .map((what) => `${words[what]} ${after[what]}, in the kernel ${before[what]}`);
  const fields = [
    ...fieldDifferences(
      'key',
      loaded.layout.fieldsOf(name, 'key'),
      wanted.layout.fieldsOf(name, 'key'),
    ),
    ...fieldDifferences(
      'value',
      loaded.layout.fieldsOf(name, 'value'),
      wanted.layout.fieldsOf(name, 'value'),
    ),
  ];
  const record = recordOf[name];
  if (record !== undefined)
    fields.push(
      ...fieldDifferences(
        'record',
        loaded.layout.fieldsOf(record, 'struct'),
        wanted.layout.fieldsOf(record, 'struct'),
      ),
    );
  const all = [...sizes, ...fields];
  if (all.length === 0) return [];
  const more = all.length > differencesNamed ? `, and ${all.length - differencesNamed} more` : '';
  return [`map ${name} has ${all.slice(0, differencesNamed).join('; ')}${more}`];
}

const words = {
  type: 'type',
  keyBytes: 'bytes of a key:',
  valueBytes: 'bytes of a value:',
  entriesMax: 'entries:',
  flags: 'flags',
} as const;

function fieldDifferences(
  part: string,
  before: ReadonlyMap<string, string>,
  after: ReadonlyMap<string, string>,
): string[] {
  const named = (field: string) => (field === '' ? part : `${part} field ${field}`);
  const changed = [...after]
    .filter(([field, place]) => before.get(field) !== place)
    .map(
      ([field, place]) => `${named(field)}: ${place}, in the kernel ${before.get(field) ?? 'none'}`,
    );
  const gone = [...before.keys()]
    .filter((field) => !after.has(field))
    .map((field) => `${named(field)} no longer`);
  return [...changed, ...gone];
}

/** A number keeps its name, for as long as anything that holds it may stand in a map. */
function enumerationDifferences(loaded: BpfObject, wanted: BpfObject): string[] {
  const after = wanted.layout.enumerations();
  return [...loaded.layout.enumerations()].flatMap(([name, before]) => {
    const now = after.get(name);
    if (now === undefined) return [];
    const names = new Map([...now].map(([enumerator, value]) => [value, enumerator]));
    const changed = [...before].flatMap(([enumerator, value]) => {
      const other = names.get(value);
      if (other === enumerator) return [];
      const moved = now.get(enumerator);
      if (moved !== undefined) return [`${enumerator} is ${moved}, in the kernel ${value}`];
      return other === undefined ? [] : [`${value} is ${other}, in the kernel ${enumerator}`];
    });
    const more =
      changed.length > differencesNamed ? `, and ${changed.length - differencesNamed} more` : '';
    return changed.length === 0
      ? []
      : [`enum ${name}: ${changed.slice(0, differencesNamed).join('; ')}${more}`];
  });
}
