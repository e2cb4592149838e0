/**
 * The packet program as one thing: loaded from `build/bpf/shield.o` by who has the rights, or taken up
 * from descriptors by who has none. Both get the same maps and the same layout, read from the object.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { assert } from '#core/assert.ts';
import { WeirError } from '#core/errors.ts';
import { addressMapSizes, addressTables, describeAddressMaps } from './address-maps.ts';
import { closeDescriptor } from './bpf-call.ts';
import { createMap, KernelMapByFd, mapInfo } from './bpf-map.ts';
import { type BpfObject, linkInstructions, parseBpfObject } from './bpf-object.ts';
import { loadProgram } from './bpf-program.ts';
import type { MapDefinition } from './btf.ts';
import { ShieldConfigMap } from './config-map.ts';
import {
  type KernelMap,
  type MapName,
  mapNames,
  type ShieldLayout,
  type ShieldMaps,
} from './kernel-map.ts';

export type ShieldSizes = Partial<Record<MapName, number>>;

/** By name: each map, and `program`. */
export type ShieldDescriptors = Readonly<Record<string, number>>;

export type LoadedShield = {
  readonly maps: ShieldMaps;
  readonly layout: ShieldLayout;
  readonly config: ShieldConfigMap;
  readonly program: number;
  readonly descriptors: ShieldDescriptors;
};

export const shieldObjectFile = fileURLToPath(new URL('../../build/bpf/shield.o', import.meta.url));

/** Throws KERNEL_OBJECT_INVALID with what to do where it was never built. */
export function readShieldObject(path = shieldObjectFile): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new WeirError(
      'KERNEL_OBJECT_INVALID',
      'build/bpf/shield.o is missing: install clang and run npm run setup',
      { cause },
    );
  }
}

/** Makes the maps and loads the program; on a failure nothing that was made stays. */
export function loadShield(options: {
  readonly object: Uint8Array;
  readonly sizes?: ShieldSizes;
}): LoadedShield {
  const object = parseBpfObject(options.object);
  const sizes = options.sizes ?? {};
  const definitions = sized(object, addressMapSizes(sizes));
  const descriptors = new Map<string, number>();
  try {
    for (const definition of definitions) descriptors.set(definition.name, createMap(definition));
    const program = loadProgram(
      'weir_shield',
      linkInstructions(object, descriptors),
      object.license,
    );
    descriptors.set('program', program);
    const config = definitions.find(({ name }) => name === 'config');
    assert(config !== undefined, 'build/bpf/shield.o has no map config: run npm run setup');
    const map = new KernelMapByFd(config, descriptorOf(Object.fromEntries(descriptors), 'config'));
    describeAddressMaps(new ShieldConfigMap(map, object.layout), sizes, definitions);
  } catch (error) {
    for (const fd of descriptors.values()) closeDescriptor(fd);
    throw error;
  }
  return assemble(object, definitions, Object.fromEntries(descriptors));
}

/**
 * The same from descriptors, without any rights. Throws KERNEL_OBJECT_INVALID where the maps behind them
 * were made from another object than this one.
 */
export function openShield(descriptors: ShieldDescriptors, object: Uint8Array): LoadedShield {
  const parsed = parseBpfObject(object);
  const definitions = parsed.maps.map((wanted) => {
    const made = mapInfo(descriptorOf(descriptors, wanted.name), wanted.name);
    const differs = (['type', 'keyBytes', 'valueBytes'] as const).find(
      (what) => made[what] !== wanted[what],
    );
    if (differs === undefined) return made;
    throw new WeirError(
      'KERNEL_OBJECT_INVALID',
      `map ${wanted.name} was made by another version: ${differs} ${made[differs]}, not ${wanted[differs]}`,
    );
  });
  return assemble(parsed, definitions, descriptors);
}

export function closeShield(shield: LoadedShield): void {
  for (const fd of Object.values(shield.descriptors)) closeDescriptor(fd);
}

function sized(object: BpfObject, sizes: ShieldSizes): readonly MapDefinition[] {
  const wanted: Readonly<Record<string, number | undefined>> = sizes;
  return object.maps.map((map) => ({ ...map, entriesMax: wanted[map.name] ?? map.entriesMax }));
}

function assemble(
  object: BpfObject,
  definitions: readonly MapDefinition[],
  descriptors: ShieldDescriptors,
): LoadedShield {
  const maps = {} as Record<MapName, KernelMap>;
  for (const name of mapNames) {
    const definition = definitions.find((one) => one.name === name);
    assert(definition !== undefined, `build/bpf/shield.o has no map ${name}: run npm run setup`);
    maps[name] = new KernelMapByFd(definition, descriptorOf(descriptors, name));
  }
  const config = new ShieldConfigMap(maps.config, object.layout);
  return {
    maps: { ...maps, ...addressTables(maps, object.layout, config) },
    layout: object.layout,
    config,
    program: descriptorOf(descriptors, 'program'),
    descriptors,
  };
}

function descriptorOf(descriptors: ShieldDescriptors, name: string): number {
  const fd = descriptors[name];
  assert(fd !== undefined, `no descriptor of ${name} was handed on`);
  return fd;
}
