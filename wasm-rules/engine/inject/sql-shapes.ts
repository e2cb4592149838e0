/**
 * What tokens look like together, wherever they stand: the start of a statement or of a select list, `union select`.
 * Each asks for what SQL has and prose has not.
 */
import { kindAt, lengthAt, textAt } from './sql-lexer';
import { Sql } from './sql-token';

@inline
export function isConstant(kind: i32): bool {
  return kind == Sql.number || kind == Sql.string || kind == Sql.literal || kind == Sql.call || kind == Sql.probe || kind == Sql.variable;
}

export function isSameText(one: i32, other: i32): bool {
  return lengthAt(one) == lengthAt(other) && memory.compare(textAt(one), textAt(other), lengthAt(one)) == 0;
}

/** What a select list begins with in SQL and hardly in prose. */
export function isListStart(index: i32): bool {
  const kind = kindAt(index);
  switch (kind) {
    case Sql.number:
    case Sql.string:
    case Sql.variable:
    case Sql.literal:
    case Sql.call:
    case Sql.probe:
      return true;
    case Sql.open:
      return isListStart(index + 1) || kindAt(index + 1) == Sql.select;
    case Sql.compare:
      return kindAt(index + 1) == Sql.open;
    case Sql.prefix:
    case Sql.glue:
      return isListStart(index + 1);
    case Sql.arithmetic:
      return load<u8>(textAt(index)) == 0x2a || isListStart(index + 1);
    case Sql.name:
    case Sql.object: {
      const after = kindAt(index + 1);
      return (
        after == Sql.comma ||
        after == Sql.number ||
        after == Sql.string ||
        after == Sql.from ||
        after == Sql.comment ||
        after == Sql.end ||
        after == Sql.open ||
        after == Sql.close ||
        after == Sql.arithmetic ||
        after == Sql.logic ||
        after == Sql.compare
      );
    }
    default:
      return false;
  }
}

export function isStar(index: i32): bool {
  return kindAt(index) == Sql.arithmetic && load<u8>(textAt(index)) == 0x2a;
}

/** Whether a statement of its own begins there, with what belongs behind its first word. */
export function isStatement(index: i32): bool {
  const kind = kindAt(index);
  const after = kindAt(index + 1);
  const last = kindAt(index + 2);
  if (kind == Sql.select) return isListStart(index + 1);
  if (kind == Sql.wait) return after == Sql.wait || isWord(index + 1, 'time');
  if (kind == Sql.prefix || kind == Sql.open) return isStatement(index + 1);
  if (kind == Sql.name) {
    if (!isWord(index, 'if')) return false;
    if (after == Sql.prefix) return last == Sql.open || last == Sql.prefix;
    return after == Sql.number && last == Sql.compare;
  }
  if (kind == Sql.call || kind == Sql.probe) return isWord(index, 'if');
  if (kind != Sql.statement) return false;
  const isEnd = last == Sql.end || last == Sql.comment || last == Sql.semicolon;
  if (after == Sql.object) return true;
  if (isWord(index, 'declare')) return after == Sql.variable;
  if (isWord(index, 'exec') || isWord(index, 'execute') || isWord(index, 'call'))
    return (
      after == Sql.variable ||
      after == Sql.open ||
      after == Sql.probe ||
      after == Sql.name ||
      (after == Sql.glue && last == Sql.object)
    );
  if (isWord(index, 'load')) return isWord(index + 1, 'data') || isWord(index + 1, 'xml');
  if (isWord(index, 'shutdown')) return after == Sql.end || after == Sql.comment || after == Sql.semicolon || after == Sql.prefix;
  if (isWord(index, 'delete')) return after == Sql.from || (after == Sql.name && last == Sql.from);
  if (isWord(index, 'update')) return after == Sql.name && isWord(index + 2, 'set');
  if (isWord(index, 'handler')) return after == Sql.name && (isWord(index + 2, 'open') || isWord(index + 2, 'read'));
  if (isWord(index, 'drop') || isWord(index, 'truncate') || isWord(index, 'rename')) return after == Sql.name && isEnd;
  if (isWord(index, 'begin'))
    return after == Sql.statement || after == Sql.wait || after == Sql.select || isWord(index + 1, 'try');
  if (isWord(index, 'goto')) return after == Sql.name && (last == Sql.semicolon || last == Sql.statement || kindAt(index + 3) == Sql.other);
  return false;
}

/** Three letters, the first in the lowest byte; without case. */
export function startsWith(index: i32, letters: u32): bool {
  return lengthAt(index) > 3 && ((load<u32>(textAt(index)) & 0xff_ffff) | 0x20_2020) == letters;
}

/** `declare @s`, `exec(@s)`: no prose goes so. */
export function startsWithVariable(index: i32): bool {
  return kindAt(index + 1) == Sql.variable || (kindAt(index + 1) == Sql.open && kindAt(index + 2) == Sql.variable);
}

export function isWordBefore(index: i32, word: string): bool {
  return isWord(index + 1, word);
}

export function isWord(index: i32, word: string): bool {
  if (lengthAt(index) != word.length || kindAt(index) == Sql.end) return false;
  const text = textAt(index);
  for (let i = 0; i < word.length; i++) {
    const byte: u32 = load<u8>(text + i);
    if ((byte - 0x41 < 26 ? byte | 0x20 : byte) != word.charCodeAt(i)) return false;
  }
  return true;
}

/** `union select 1,…` anywhere, whatever stands before it. */
export function holdsUnionSelect(): bool {
  for (let i = 0; kindAt(i) != Sql.end; i++) {
    if (kindAt(i) != Sql.union) continue;
    let item = skipBeforeItem(i + 1);
    if (kindAt(item) != Sql.select) continue;
    item = skipBeforeItem(item + 1);
    const kind = kindAt(item);
    const after = kindAt(item + 1);
    if (kind == Sql.call || kind == Sql.probe) return true;
    const goesOn = after == Sql.comma || after == Sql.from || after == Sql.comment;
    if ((isConstant(kind) || isStar(item)) && (goesOn || after == Sql.end)) return true;
    if (kind == Sql.name && (isIdentifier(item) || (goesOn && !isProse()))) return true;
  }
  return false;
}

/** The value begins with a word that needs not be a name of SQL. */
export function isProse(): bool {
  return kindAt(0) == Sql.name && !isIdentifier(0);
}

export function skipBeforeItem(index: i32): i32 {
  while (true) {
    const kind = kindAt(index);
    const isSign = kind == Sql.arithmetic && load<u8>(textAt(index)) != 0x2a;
    if (kind != Sql.glue && kind != Sql.prefix && kind != Sql.open && !isSign) return index;
    index++;
  }
}

/** A name that no prose holds: with an underscore, a dot, or in backticks. */
export function isIdentifier(index: i32): bool {
  const text = textAt(index);
  for (let i = 0; i < lengthAt(index); i++) {
    const byte = load<u8>(text + i);
    if (byte == 0x5f || byte == 0x60 || byte == 0x2e || byte == 0x24) return true;
  }
  return false;
}

/** A comment closes a value that holds `select 1`: something before it was meant to be `union`. */
export function holdsSelectAndComment(): bool {
  let isSelect = false;
  let last = 0;
  for (let i = 0; kindAt(i) != Sql.end; i++) {
    if (kindAt(i) == Sql.select && kindAt(i + 1) == Sql.number) isSelect = true;
    last = i;
  }
  return isSelect && kindAt(last) == Sql.comment;
}
