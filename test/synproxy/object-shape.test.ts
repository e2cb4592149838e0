/** What of two builds of the packet program may share maps, on objects that clang makes of small sources. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { parseBpfObject } from '#synproxy/bpf-object.ts';
import { mapsInCommon } from '#synproxy/object-shape.ts';
import { needs } from '../support/needs.ts';

const first = `
enum color { COLOR_RED = 0, COLOR_GREEN = 1 };
struct entry { unsigned int hits; unsigned int action; struct { unsigned char a, b; } marks[2]; };
struct event { unsigned int a; };
MAP(list, 1, unsigned int, struct entry, 100, 1);
RING(events, 4096);
KEEP(enum color color; struct event event;)
`;

const frame = `
#define SECTION(name) __attribute__((section(name), used))
#define NUMBER(name, value) int (*name)[value]
#define MAP(name, kind, k, v, entries, bits) struct { NUMBER(type, kind); k *key; v *value; NUMBER(max_entries, entries); NUMBER(map_flags, bits); } name SECTION(".maps")
#define RING(name, bytes) struct { NUMBER(type, 27); NUMBER(max_entries, bytes); } name SECTION(".maps")
#define KEEP(fields) struct { fields } layout SECTION(".layout");
`;

describe('two builds of the packet program', { skip: needs('clang') }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'weir-shape-'));
  after(() => rmSync(folder, { recursive: true, force: true }));
  const object = (source: string) => {
    const [from, to] = [join(folder, 'a.c'), join(folder, 'a.o')];
    const program =
      'SECTION("xdp") int p(void *c) { return 2; } char l[] SECTION("license") = "GPL";';
    writeFileSync(from, `${frame}${source}${program}`);
    execFileSync('clang', ['-O2', '-g', '-target', 'bpf', '-c', from, '-o', to]);
    return parseBpfObject(readFileSync(to));
  };

  const cases: readonly {
    readonly name: string;
    readonly edit: readonly [string, string];
    readonly fresh?: readonly string[];
    readonly says?: RegExp;
  }[] = [
    { name: 'the same', edit: ['', ''] },
    { name: 'an enumerator more', edit: ['COLOR_GREEN = 1', 'COLOR_GREEN = 1, COLOR_BLUE = 2'] },
    {
      name: 'a map more',
      edit: ['RING(', 'MAP(more, 2, unsigned int, unsigned int, 1, 0);\nRING('],
      fresh: ['more'],
    },
    {
      name: 'a field that moved, in values as long as before',
      edit: ['unsigned int hits; unsigned int action;', 'unsigned int action; unsigned int hits;'],
      says: /^map list has value field action: 4 bytes at 0, in the kernel 4 bytes at 4; value field hits: /,
    },
    {
      name: 'a field of a struct in an array that moved',
      edit: ['unsigned char a, b;', 'unsigned char b, a;'],
      says: /^map list has value field marks\[\]\.b: 1 bytes at 8, in the kernel 1 bytes at 9/,
    },
    {
      name: 'a field with another name in its place',
      edit: ['unsigned int action;', 'unsigned int verdict;'],
      says: /^map list has value field verdict: 4 bytes at 4, in the kernel none; value field action no longer$/,
    },
    {
      name: 'another key',
      edit: ['MAP(list, 1, unsigned int,', 'MAP(list, 1, unsigned long,'],
      says: /^map list has bytes of a key: 8, in the kernel 4; key: 8 bytes at 0, in the kernel 4 bytes at 0$/,
    },
    {
      name: 'another number of entries',
      edit: ['100, 1', '200, 1'],
      says: /^map list has entries: 200, in the kernel 100$/,
    },
    {
      name: 'another record in a ring',
      edit: ['struct event { unsigned int a; }', 'struct event { unsigned long a; }'],
      says: /^map events has record field a: 8 bytes at 0, in the kernel 4 bytes at 0$/,
    },
    {
      name: 'an enumerator with another number',
      edit: ['COLOR_RED = 0, COLOR_GREEN = 1', 'COLOR_RED = 1, COLOR_GREEN = 0'],
      says: /^enum color: COLOR_RED is 1, in the kernel 0; COLOR_GREEN is 0, in the kernel 1$/,
    },
    {
      name: 'a number with another enumerator',
      edit: ['COLOR_GREEN = 1', 'COLOR_BLUE = 1'],
      says: /^enum color: 1 is COLOR_BLUE, in the kernel COLOR_GREEN$/,
    },
  ];
  for (const { name, edit, fresh = [], says } of cases)
    it(`${says === undefined ? 'share their maps' : 'do not'}: ${name}`, () => {
      const found = mapsInCommon(object(first), object(first.replace(...edit)));
      assert.deepEqual(found.kept, ['list', 'events']);
      assert.deepEqual(found.fresh, fresh);
      if (says === undefined) assert.deepEqual(found.differences, []);
      else {
        assert.equal(found.differences.length, 1);
        assert.match(String(found.differences[0]), says);
      }
    });
});
