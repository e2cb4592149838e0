/**
 * The prototype the packet program was designed after (`prototypes/xdp` of the shared notes), with one address on its
 * list: what a figure of its own machine is worth on this one. Null, with the reason said, where it is not here.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createMap, KernelMapByFd } from '#synproxy/bpf-map.ts';
import { linkInstructions, parseBpfObject } from '#synproxy/bpf-object.ts';
import { loadProgram } from '#synproxy/bpf-program.ts';

const source = join(import.meta.dirname, '../../../shared/prototypes/xdp/edge.bpf.c');
const multiarch = ['x86_64-linux-gnu', 'aarch64-linux-gnu'];
const configBytes = 32;
const exactList = 4;

export function prototypeProgram(blocked: string): number | null {
  const path = process.env['PROTOTYPE'] ?? source;
  if (!existsSync(path)) return missing('../shared/prototypes/xdp is not here');
  const folder = mkdtempSync(join(tmpdir(), 'weir-prototype-'));
  try {
    const object = join(folder, 'edge.o');
    const includes = multiarch.map((name) => `-I/usr/include/${name}`);
    const options = ['-O2', '-g', '-target', 'bpf', '-mcpu=v3', '-Wno-unused-function'];
    execFileSync('clang', [...options, ...includes, '-c', path, '-o', object], { stdio: 'pipe' });
    return load(readFileSync(object), blocked);
  } catch (error) {
    return missing(String(error).split('\n').slice(0, 3).join(' '));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function load(bytes: Buffer, blocked: string): number {
  const object = parseBpfObject(bytes);
  const maps = new Map(object.maps.map((map) => [map.name, createMap(map)]));
  const map = (name: string): KernelMapByFd => {
    const definition = object.maps.find((one) => one.name === name);
    const fd = maps.get(name);
    if (definition === undefined || fd === undefined) throw new Error(`it has no map ${name}`);
    return new KernelMapByFd(definition, fd);
  };
  const config = Buffer.alloc(configBytes);
  config.writeUInt32LE(exactList);
  map('config').update(Buffer.alloc(4), config);
  map('bhash4').update(Buffer.from(blocked.split('.').map(Number)), Buffer.alloc(4));
  return loadProgram('prototype', linkInstructions(object, maps), object.license);
}

function missing(reason: string): null {
  process.stderr.write(`the prototype is not measured: ${reason}\n`);
  return null;
}
