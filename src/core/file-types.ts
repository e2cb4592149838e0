/**
 * What a file is by its first bytes, and what a file extension says it should be.
 *
 * A table of our own of what people upload and what attackers do. It looks at the beginning alone: a file that is two
 * things at once (a GIF image with a PHP program behind its head) is what it begins as. What has no mark of its own is
 * `text` where it could be one, and `other`.
 */

/** As many bytes as any decision looks at. */
export const fileHeadBytes = 512;

/** Types by their kind. */
const kinds = {
  image: ['jpeg', 'png', 'gif', 'webp', 'bmp', 'tiff', 'ico', 'avif', 'heic'],
  document: ['pdf', 'rtf', 'ole', 'ooxml', 'odf'],
  archive: ['zip', 'gzip', 'bzip2', 'xz', '7z', 'rar', 'tar'],
  audio: ['mp3', 'wav', 'flac', 'ogg'],
  video: ['mp4', 'matroska', 'avi'],
  program: ['elf', 'pe', 'mach-o', 'java', 'wasm', 'jar'],
  script: ['php', 'shell', 'asp'],
  markup: ['html', 'svg', 'xml'],
  plain: ['text', 'other'],
} as const;

type FileKind = keyof typeof kinds;
export type FileType = (typeof kinds)[FileKind][number];

const kindOf = new Map<FileType, FileKind>(
  Object.entries(kinds).flatMap(([kind, types]) =>
    types.map((type) => [type, kind as FileKind] as const),
  ),
);

/** Types and kinds, as a configuration may name them. */
export const fileTypeNames: readonly string[] = [...Object.keys(kinds), ...kindOf.keys()];

/** Whether one of the names is this type or its kind. */
export const isNamedType = (names: ReadonlySet<string>, type: FileType): boolean =>
  names.has(type) || names.has(kindOf.get(type) ?? '');

const extensions: Readonly<Record<string, FileType>> = {
  ...{ jpg: 'jpeg', jpeg: 'jpeg', jpe: 'jpeg', png: 'png', gif: 'gif', webp: 'webp', bmp: 'bmp' },
  ...{ tif: 'tiff', tiff: 'tiff', ico: 'ico', avif: 'avif', heic: 'heic', heif: 'heic' },
  ...{ pdf: 'pdf', rtf: 'rtf', doc: 'ole', xls: 'ole', ppt: 'ole', msi: 'ole' },
  ...{ docx: 'ooxml', xlsx: 'ooxml', pptx: 'ooxml', odt: 'odf', ods: 'odf', odp: 'odf' },
  ...{ zip: 'zip', gz: 'gzip', tgz: 'gzip', bz2: 'bzip2', xz: 'xz', '7z': '7z', rar: 'rar' },
  ...{ tar: 'tar', mp3: 'mp3', wav: 'wav', flac: 'flac', ogg: 'ogg', oga: 'ogg', ogv: 'ogg' },
  ...{ mp4: 'mp4', m4v: 'mp4', m4a: 'mp4', mov: 'mp4', webm: 'matroska', mkv: 'matroska' },
  ...{ avi: 'avi', exe: 'pe', dll: 'pe', class: 'java', wasm: 'wasm', jar: 'jar', svg: 'svg' },
};

/** Whether a file of this type may have this extension; true where the extension names no type we know. */
export function suitsExtension(type: FileType, extension: string): boolean {
  const expected = Object.hasOwn(extensions, extension) ? extensions[extension] : undefined;
  if (expected === undefined || expected === type) return true;
  // Whoever packs one may begin with any of its files.
  return type === 'zip' && (expected === 'ooxml' || expected === 'odf' || expected === 'jar');
}

type Mark = readonly [type: FileType, at: number, bytes: string];

/** latin1. The first that suits decides. */
const marks: readonly Mark[] = [
  ['jpeg', 0, '\xff\xd8\xff'],
  ['png', 0, '\x89PNG\r\n\x1a\n'],
  ['gif', 0, 'GIF87a'],
  ['gif', 0, 'GIF89a'],
  ['bmp', 0, 'BM'],
  ['tiff', 0, 'II*\0'],
  ['tiff', 0, 'MM\0*'],
  ['ico', 0, '\0\0\x01\0'],
  ['pdf', 0, '%PDF-'],
  ['rtf', 0, '{\\rtf'],
  ['ole', 0, '\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1'],
  ['gzip', 0, '\x1f\x8b'],
  ['bzip2', 0, 'BZh'],
  ['xz', 0, '\xfd7zXZ\0'],
  ['7z', 0, "7z\xbc\xaf'\x1c"],
  ['rar', 0, 'Rar!\x1a\x07'],
  ['tar', 257, 'ustar'],
  ['mp3', 0, 'ID3'],
  ['flac', 0, 'fLaC'],
  ['ogg', 0, 'OggS'],
  ['matroska', 0, '\x1aE\xdf\xa3'],
  ['elf', 0, '\x7fELF'],
  ['java', 0, '\xca\xfe\xba\xbe'],
  ['mach-o', 0, '\xfe\xed\xfa\xce'],
  ['mach-o', 0, '\xfe\xed\xfa\xcf'],
  ['mach-o', 0, '\xce\xfa\xed\xfe'],
  ['mach-o', 0, '\xcf\xfa\xed\xfe'],
  ['wasm', 0, '\0asm'],
];

/** `head` is the beginning of the file, as much as there is of `fileHeadBytes`. */
export function fileTypeOf(head: Buffer): FileType {
  const text = head.toString('latin1', 0, fileHeadBytes);
  if (text.startsWith('PK\x03\x04') || text.startsWith('PK\x05\x06')) return zipType(text);
  if (text.startsWith('RIFF')) {
    const form = text.slice(8, 12);
    if (form === 'WEBP') return 'webp';
    return form === 'WAVE' ? 'wav' : form === 'AVI ' ? 'avi' : 'other';
  }
  if (text.slice(4, 8) === 'ftyp') {
    const brand = text.slice(8, 12);
    if (/^avi[fs]$/.test(brand)) return 'avif';
    return /^(?:hei[cxms]|mif1|msf1|hev[cx])$/.test(brand) ? 'heic' : 'mp4';
  }
  for (const [type, at, bytes] of marks) if (text.startsWith(bytes, at)) return type;
  if (text.startsWith('MZ')) return 'pe';
  // An MPEG audio frame without tags: sync, a version and a layer that exist.
  if (/^\xff[\xe2-\xe7\xea-\xef\xf2-\xf7\xfa-\xff]/.test(text)) return 'mp3';
  return textType(text);
}

/** By the name of the first file in it. */
function zipType(text: string): FileType {
  const name = text.slice(30, 30 + text.charCodeAt(26) + text.charCodeAt(27) * 256);
  if (/^(?:\[Content_Types\]\.xml|(?:_rels|docProps|word|xl|ppt|customXml)\/)/.test(name))
    return 'ooxml';
  if (name.startsWith('META-INF/')) return 'jar';
  if (name === 'mimetype' && text.includes('application/vnd.oasis.opendocument')) return 'odf';
  return 'zip';
}

/** A server runs a script wherever in the file it opens, so its openings count anywhere in the head. */
function textType(text: string): FileType {
  const start = text.replace(/^(?:\xef\xbb\xbf)?\s*/, '').toLowerCase();
  if (start.startsWith('#!')) return 'shell';
  if (/<\?(?:php\b|=)/.test(start)) return 'php';
  if (/^<%[@=!\s]/.test(start)) return 'asp';
  if (/^<(?:!doctype html|html|head|body|script|iframe)\b/.test(start)) return 'html';
  if (/<svg[\s>]/.test(start) && /^<(?:\?xml|svg|!doctype svg|!--)/.test(start)) return 'svg';
  if (start.startsWith('<?xml')) return 'xml';
  return /[\0-\x08\x0e-\x1a\x1c-\x1f]/.test(text) ? 'other' : 'text';
}
