/** What files are by their first bytes, and which names suit them. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import {
  type FileType,
  fileTypeNames,
  fileTypeOf,
  isNamedType,
  suitsExtension,
} from '#core/file-types.ts';

const zip = (name: string, content = ''): string =>
  `PK\x03\x04${'\0'.repeat(22)}${String.fromCharCode(name.length)}\0\0\0${name}${content}`;

const cases: readonly (readonly [FileType, string])[] = [
  ['jpeg', '\xff\xd8\xff\xe0\0\x10JFIF'],
  ['png', '\x89PNG\r\n\x1a\n\0\0\0\rIHDR'],
  ['gif', 'GIF89a\x01\0\x01\0'],
  ['webp', 'RIFF\x24\0\0\0WEBPVP8 '],
  ['wav', 'RIFF\x24\0\0\0WAVEfmt '],
  ['avi', 'RIFF\x24\0\0\0AVI LIST'],
  ['bmp', 'BM\x36\0\0\0'],
  ['tiff', 'II*\0\x08\0\0\0'],
  ['ico', '\0\0\x01\0\x01\0'],
  ['avif', '\0\0\0\x20ftypavif'],
  ['heic', '\0\0\0\x20ftypheic'],
  ['mp4', '\0\0\0\x20ftypisom'],
  ['pdf', '%PDF-1.7\n'],
  ['rtf', '{\\rtf1\\ansi'],
  ['ole', '\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1'],
  ['ooxml', zip('[Content_Types].xml')],
  ['ooxml', zip('word/document.xml')],
  ['odf', zip('mimetype', 'application/vnd.oasis.opendocument.text')],
  ['jar', zip('META-INF/MANIFEST.MF')],
  ['zip', zip('photo.jpg')],
  ['gzip', '\x1f\x8b\x08\0'],
  ['bzip2', 'BZh91AY'],
  ['xz', '\xfd7zXZ\0\0'],
  ['7z', "7z\xbc\xaf'\x1c\0"],
  ['rar', 'Rar!\x1a\x07\0'],
  ['tar', `${'a'.padEnd(257, '\0')}ustar\x0000`],
  ['mp3', 'ID3\x04\0'],
  ['mp3', '\xff\xfb\x90\x64'],
  ['flac', 'fLaC\0'],
  ['ogg', 'OggS\0'],
  ['matroska', '\x1aE\xdf\xa3\x01'],
  ['elf', '\x7fELF\x02\x01'],
  ['pe', 'MZ\x90\0\x03'],
  ['mach-o', '\xcf\xfa\xed\xfe\x07'],
  ['java', '\xca\xfe\xba\xbe\0\0\0\x37'],
  ['wasm', '\0asm\x01\0\0\0'],
  ['php', '<?php system($_GET["c"]);'],
  ['php', 'hello <?= `id` ?>'],
  ['shell', '#!/bin/sh\nid'],
  ['asp', '<%@ Page Language="C#" %>'],
  ['html', '\xef\xbb\xbf  <!DOCTYPE html><html>'],
  ['html', '<script>alert(1)</script>'],
  ['svg', '<?xml version="1.0"?>\n<svg xmlns="x">'],
  ['svg', '<svg onload=x>'],
  ['xml', '<?xml version="1.0"?><a/>'],
  ['text', 'Dear Sir or Madam, the price is 5 < 6.\n'],
  ['text', ''],
  ['other', 'a\0b'],
];

for (const [type, bytes] of cases)
  it(`is ${type}: ${JSON.stringify(bytes.slice(0, 24))}`, () => {
    assert.equal(fileTypeOf(Buffer.from(bytes, 'latin1')), type);
    assert.ok(fileTypeNames.includes(type));
  });

it('a type is named by itself or by its kind', () => {
  assert.ok(isNamedType(new Set(['image']), 'png'));
  assert.ok(isNamedType(new Set(['png']), 'png'));
  assert.ok(!isNamedType(new Set(['jpeg', 'archive']), 'png'));
});

it('an extension suits its type, or names none that is known', () => {
  assert.ok(suitsExtension('jpeg', 'jpg'));
  assert.ok(suitsExtension('zip', 'docx'), 'whoever packs one may begin with any of its files');
  assert.ok(suitsExtension('php', 'txt'));
  assert.ok(!suitsExtension('php', 'jpg'));
  assert.ok(!suitsExtension('png', 'jpg'));
});
