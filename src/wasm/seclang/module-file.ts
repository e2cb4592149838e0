/**
 * A rule set as one module: the generic engine, the rule image as one more of its data segments, and what the host
 * has to know of each rule in a custom section.
 *
 * ```
 * engine sections … memory (grown) … data (one segment more) │ custom "weir.seclang": facts, JSON
 * ```
 *
 * The engine runs without the meter, as it charges itself; so a module counts as one of these only where everything
 * but image and facts is, byte for byte, the engine that ships with this Weir.
 */
import { BinaryReader } from '../meter/binary-reader.ts';
import { ByteWriter } from '../meter/byte-writer.ts';
import { MeterFault } from '../meter/meter-fault.ts';
import { headerBytes, readSections, type Section, section } from '../meter/sections.ts';
import { parseFacts, type RuleSetFacts } from './rule-set-facts.ts';

export const factsSection = 'weir.seclang';
/** 96 MiB: image, views and arena of the largest rule set; `EngineInstance` takes what it needs of it. */
const memoryPagesMax = 1_536;
/** Bytes the facts may have: some 300 a rule. */
const factsBytesMax = 8 * 1024 * 1024;
const pageBytes = 65_536;
/** The engine's own data ends far below; `imageBase` of the engine says where the image may begin. */
export const imagePage = 8;

export type SeclangModule = {
  readonly image: Uint8Array;
  readonly facts: RuleSetFacts;
};

export function writeModule(
  engine: Uint8Array,
  image: Uint8Array,
  facts: RuleSetFacts,
): Uint8Array {
  const out = new ByteWriter(engine.length + image.length + 1_000_000);
  out.copy(engine, 0, headerBytes);
  const imageAt = imagePage * pageBytes;
  const pages = Math.ceil((imageAt + image.length) / pageBytes);
  for (const part of readSections(engine)) {
    if (part.id === section.memory) writeMemory(out, engine, part, pages);
    else if (part.id === section.data) writeData(out, engine, part, imageAt, image);
    else if (part.id === section.dataCount) writeDataCount(out, engine, part);
    else {
      out.byte(part.id);
      out.u32(part.end - part.start);
      out.copy(engine, part.start, part.end);
    }
  }
  out.byte(section.custom);
  const opened = out.openLength();
  writeName(out, factsSection);
  const text = Buffer.from(JSON.stringify(facts));
  out.copy(text, 0, text.length);
  out.closeLength(opened);
  return out.written.slice();
}

/** Null where it is none of these. Throws `MeterFault` where it says it is and is not. */
export function readModule(bytes: Uint8Array): SeclangModule | null {
  const sections = readSections(bytes);
  const own = sections.find(
    (part) => part.id === section.custom && nameOf(bytes, part) === factsSection,
  );
  if (own === undefined) return null;
  const reader = new BinaryReader(bytes, own.start, own.end);
  reader.name();
  if (own.end - reader.at > factsBytesMax)
    throw new MeterFault('has more to say of its rules than is read', own.start);
  const facts = parseFacts(Buffer.from(bytes.subarray(reader.at, own.end)).toString('utf8'));
  if (facts === null) throw new MeterFault('what it says of its rules cannot be read', own.start);
  const image = imageOf(bytes, sections);
  if (image === null) throw new MeterFault('holds no rule image');
  return { image, facts };
}

/** Whether it is this engine with image and facts, and nothing else. */
export function isBuiltWith(engine: Uint8Array, bytes: Uint8Array, module: SeclangModule): boolean {
  return Buffer.compare(writeModule(engine, module.image, module.facts), bytes) === 0;
}

function writeMemory(out: ByteWriter, engine: Uint8Array, part: Section, pages: number): void {
  const reader = new BinaryReader(engine, part.start, part.end);
  if (reader.u32() !== 1) throw new MeterFault('the engine has one memory', part.start);
  reader.byte();
  const initial = reader.u32();
  out.byte(section.memory);
  const opened = out.openLength();
  out.u32(1);
  // With a maximum.
  out.byte(1);
  out.u32(Math.max(initial, pages));
  out.u32(memoryPagesMax);
  out.closeLength(opened);
}

function writeData(
  out: ByteWriter,
  engine: Uint8Array,
  part: Section,
  imageAt: number,
  image: Uint8Array,
): void {
  const reader = new BinaryReader(engine, part.start, part.end);
  const segments = reader.u32();
  out.byte(section.data);
  const opened = out.openLength();
  out.u32(segments + 1);
  out.copy(engine, reader.at, part.end);
  // An active segment of memory 0 at a constant address: (i32.const imageAt) end.
  out.byte(0);
  out.byte(0x41);
  out.s32(imageAt);
  out.byte(0x0b);
  out.u32(image.length);
  out.copy(image, 0, image.length);
  out.closeLength(opened);
}

function writeDataCount(out: ByteWriter, engine: Uint8Array, part: Section): void {
  out.byte(section.dataCount);
  const opened = out.openLength();
  out.u32(new BinaryReader(engine, part.start, part.end).u32() + 1);
  out.closeLength(opened);
}

/** The bytes of the last segment, which has to lie where images do. */
function imageOf(bytes: Uint8Array, sections: readonly Section[]): Uint8Array | null {
  const part = sections.find(({ id }) => id === section.data);
  if (part === undefined) return null;
  const reader = new BinaryReader(bytes, part.start, part.end);
  const segments = reader.u32();
  let image: Uint8Array | null = null;
  for (let i = 0; i < segments; i++) {
    if (reader.byte() !== 0 || reader.byte() !== 0x41) return null;
    reader.skipSigned(5);
    if (reader.byte() !== 0x0b) return null;
    const length = reader.u32();
    const at = reader.at;
    reader.skip(length);
    image = bytes.subarray(at, at + length);
  }
  return image;
}

function nameOf(bytes: Uint8Array, part: Section): string {
  return new BinaryReader(bytes, part.start, part.end).name();
}

function writeName(out: ByteWriter, name: string): void {
  const text = Buffer.from(name);
  out.u32(text.length);
  out.copy(text, 0, text.length);
}
