/** How many lines of the corpora each detection calls an injection: the engine's own, and libinjection's as yardstick. */
import koffi from 'koffi';
import { type EngineParts, partOf } from './engine-parts.ts';
import { sharedFile } from './shared-file.ts';

export type Row = {
  readonly id: string;
  readonly class: string;
  readonly label: 'attack' | 'benign';
  readonly ambiguous?: boolean;
  readonly payload?: string;
  readonly payload_b64?: string;
};

export type Group = {
  readonly name: string;
  readonly isAttack: boolean;
  readonly rows: readonly Buffer[];
};

export type Detect = (value: Buffer) => boolean;
export type Detections = { readonly sqli: Detect; readonly xss: Detect };

export const corpora = [
  'corpora/libinjection/samples.jsonl',
  'corpora/benign/generated.jsonl',
  'corpora/benign/doc-prose.jsonl',
  'corpora/benign/naughty-strings.jsonl',
  'corpora/attacks/sqli.jsonl',
  'corpora/attacks/xss.jsonl',
] as const;

export const missingCorpora: string | false =
  corpora.map((path) => sharedFile(path).skip).find((skip) => skip !== false) ?? false;

function rowsOf(path: (typeof corpora)[number], keep: (row: Row) => boolean): readonly Buffer[] {
  return sharedFile(path)
    .lines.map((line) => JSON.parse(line) as Row)
    .filter((row) => row.ambiguous !== true && keep(row))
    .map(({ payload, payload_b64 }) =>
      payload === undefined ? Buffer.from(payload_b64 ?? '', 'base64') : Buffer.from(payload),
    );
}

/** What is an attack of the class, and what is benign; the rest counts for neither. */
export function groupsOf(kind: 'sqli' | 'xss'): readonly Group[] {
  const benign = (row: Row): boolean => row.label === 'benign';
  const attack = (row: Row): boolean => row.label === 'attack' && row.class === kind;
  return [
    { name: 'libinjection, attacks', isAttack: true, rows: rowsOf(corpora[0], attack) },
    {
      name: `attacks, ${kind}`,
      isAttack: true,
      rows: rowsOf(kind === 'sqli' ? corpora[4] : corpora[5], attack),
    },
    { name: 'naughty strings, attacks', isAttack: true, rows: rowsOf(corpora[3], attack) },
    { name: 'libinjection, benign', isAttack: false, rows: rowsOf(corpora[0], benign) },
    { name: 'generated', isAttack: false, rows: rowsOf(corpora[1], benign) },
    { name: 'prose', isAttack: false, rows: rowsOf(corpora[2], benign) },
    { name: 'naughty strings, benign', isAttack: false, rows: rowsOf(corpora[3], benign) },
  ];
}

export function ownDetections(parts: EngineParts): Detections {
  const memory = Buffer.from(parts.memory.buffer);
  const detect = (name: string): Detect => {
    const part = partOf(parts, name);
    return (value) => {
      value.copy(memory, parts.room);
      return part(parts.room, value.length) !== 0;
    };
  };
  return { sqli: detect('isSqli'), xss: detect('isXss') };
}

/** That of Debian's libmodsecurity3, which exports it; null where the package is not installed. */
export function libinjection(): (Detections & { readonly version: string }) | null {
  let library: ReturnType<typeof koffi.load>;
  try {
    library = koffi.load('libmodsecurity.so.3');
  } catch {
    return null;
  }
  const version = library.func('const char *libinjection_version()');
  const sqli = library.func(
    'int libinjection_sqli(const uint8_t *text, size_t length, _Out_ uint8_t *print)',
  );
  const xss = library.func('int libinjection_xss(const uint8_t *text, size_t length)');
  const print = Buffer.alloc(16);
  return {
    version: String(version()),
    sqli: (value) => sqli(value, value.length, print) === 1,
    xss: (value) => xss(value, value.length) === 1,
  };
}

export function countOf(rows: readonly Buffer[], detect: Detect): number {
  return rows.filter((row) => detect(row)).length;
}
