/**
 * `detectSQLi` — whether a value is an injection into a SQL statement: it is read bare and, for each kind of quote in
 * it, as the inside of a string that this quote opened. One reading that goes on as SQL and shows what an injection
 * needs is enough.
 */
import { holdsPair, quotesIn, Quotes } from './sql-bytes';
import { isNestedComment, lengthAt, lexSql, marksAt, textAt, tokenCount } from './sql-lexer';
import { holdsSelectAndComment, holdsUnionSelect, isIdentifier } from './sql-shapes';
import { isCase, readSql, Saw } from './sql-grammar';
import { Mark } from './sql-token';

/** Of each byte: whether it may be what turns words into SQL. */
const syntax: usize = memory.data(256, 16);
fillSyntax();

function fillSyntax(): void {
  const bytes = '0123456789\'"`();#*/=<>|&@{[\\_-';
  for (let i = 0; i < bytes.length; i++) store<u8>(syntax + bytes.charCodeAt(i), 1);
}

/** Words, spaces, commas and full stops alone are never an injection: most values end here. */
function hasSyntax(at: usize, length: i32): bool {
  const end = at + length;
  while (at < end) if (load<u8>(syntax + load<u8>(at++))) return true;
  return false;
}

/** A name with digits in it, or a number: one token, which nothing stands beside. */
function isOneToken(at: usize, length: i32): bool {
  const end = at + length;
  const isName = (load<u8>(at) | 0x20) - 0x61 < 26;
  while (at < end) {
    const byte = load<u8>(at++);
    if (byte - 0x30 < 10) continue;
    if (!isName || (byte | 0x20) - 0x61 >= 26) return false;
  }
  return true;
}

export function detectSqli(at: usize, length: i32): bool {
  if (length < 3 || !hasSyntax(at, length) || isOneToken(at, length)) return false;
  if (isBareInjection(at, length)) return true;
  const quotes = quotesIn(at, length);
  return (
    ((quotes & Quotes.single) != 0 && isQuotedInjection(at, length, 0x27)) ||
    ((quotes & Quotes.double) != 0 && isQuotedInjection(at, length, 0x22)) ||
    ((quotes & Quotes.back) != 0 && isQuotedInjection(at, length, 0x60))
  );
}

const always: i32 = Saw.union | Saw.subselect | Saw.stacked | Saw.intoFile | Saw.wait;

export function isBareInjection(at: usize, length: i32): bool {
  lexSql(at, length, 0);
  const saw = readSql(0, false);
  if (saw & always) return true;
  if (saw & Saw.conditional && saw & (Saw.logic | Saw.comparison)) return true;
  if (saw & Saw.logic) {
    if (saw & (Saw.tautology | Saw.probe | Saw.nestedCall)) return true;
    if (saw & Saw.number && saw & (Saw.comparison | Saw.call)) return true;
    if (saw & Saw.constantLogic && saw & Saw.comment) return true;
    if (saw & Saw.call && saw & Saw.whole && !(saw & Saw.name)) return true;
  }
  if (saw & Saw.number && saw & Saw.brokenUnion) return true;
  if (saw & Saw.statement && saw & Saw.query && (saw & (Saw.constantList | Saw.call) || isIdentifier(1))) return true;
  if (saw & (Saw.number | Saw.constantList) && mayHoldSelect(at, length) && holdsSelectAndComment()) return true;
  if (saw & Saw.call && saw & Saw.arithmetic && saw & Saw.number && saw & Saw.whole && !(saw & Saw.name)) return true;
  if (saw & Saw.nestedCall && saw & Saw.whole) return true;
  if (saw & Saw.probe && saw & (Saw.whole | Saw.comparison | Saw.call)) return true;
  if (saw & Saw.clause && saw & Saw.whole && saw & (Saw.comment | Saw.number | Saw.comparison | Saw.logic))
    return true;
  if (saw & Saw.comment && !(saw & Saw.tightComment)) {
    if (saw & (Saw.bracket | Saw.call | Saw.outerClose | Saw.variable)) return true;
    if (saw & Saw.number && !(saw & (Saw.hash | Saw.name))) return true;
  }
  if (saw & Saw.number && holdsPair(at, length, 0x2f, 0x2a, 1, 0) && isNestedComment()) return true;
  if (isCase()) return true;
  if (saw & Saw.call && saw & Saw.variable && saw & Saw.whole) return true;
  // A path is no statement, whatever its segments are called.
  return length > 0 && load<u8>(at) != 0x2f && mayHoldSelect(at, length) && holdsUnionSelect();
}

/** Reading all tokens for it would be most of the work. */
function mayHoldSelect(at: usize, length: i32): bool {
  return holdsPair(at, length, 0x73, 0x74, 5, 0x20);
}

export function isQuotedInjection(at: usize, length: i32, quote: u8): bool {
  lexSql(at, length, quote);
  if (marksAt(0) & Mark.unclosed) return false;
  const saw = readSql(1, true);
  if (saw & (always | Saw.probe | Saw.brokenUnion)) return true;
  if (saw & Saw.logic) {
    if (saw & (Saw.comparison | Saw.call)) return true;
    if (saw & Saw.constantLogic && saw & Saw.whole && !(saw & Saw.unclosed)) return true;
    if (saw & Saw.whole && (saw & Saw.constantLogic || isReopened(quote)) && isBareOfProse()) return true;
  }
  if (saw & Saw.comment) {
    if (saw & (Saw.logic | Saw.comparison | Saw.clause | Saw.outerClose)) return true;
    if (saw & Saw.tightComment && !(saw & Saw.hash) && quote != 0x60 && isDirectComment())
      return true;
    if (!(saw & Saw.tightComment) && (!(saw & Saw.hash) || endsWithHash(at, length))) return true;
  }
  if (saw & Saw.tautology && saw & Saw.whole) return true;
  if (saw & Saw.whole && saw & (Saw.arithmetic | Saw.comparison | Saw.logic)) {
    if (quote == 0x27 && isReopened(quote) && (isBareOfProse() || isOperatorAlone())) return true;
  }
  if (saw & Saw.clause && saw & Saw.whole) return true;
  return hasNoSpace(0) && mayHoldSelect(at, length) && holdsUnionSelect();
}

/** The string before the first quote holds no space, and the one that is left open is short: `x' or 'a`. */
function isBareOfProse(): bool {
  return hasNoSpace(0) && lengthAt(tokenCount() - 1) <= 8;
}

/** But for those it begins with. */
function hasNoSpace(index: i32): bool {
  const text = textAt(index);
  let i = 0;
  while (i < lengthAt(index) && load<u8>(text + i) == 0x20) i++;
  for (; i < lengthAt(index); i++) if (load<u8>(text + i) == 0x20) return false;
  return true;
}

/** `x'--y`: nothing between quote and comment, and no prose before it. */
function isDirectComment(): bool {
  return tokenCount() == 2 && textAt(0) + lengthAt(0) == textAt(1) && hasNoSpace(0);
}

/** The last token is a string in the same quotes, which the statement's own will close. */
function isReopened(quote: u8): bool {
  const last = tokenCount() - 1;
  return last > 0 && (marksAt(last) & Mark.unclosed) != 0 && load<u8>(textAt(last)) == quote;
}

/** `a '+' b`: an operator between what were quotes, and next to nothing beside them. */
function isOperatorAlone(): bool {
  return tokenCount() <= 4 && lengthAt(0) <= 4 && lengthAt(tokenCount() - 1) <= 4;
}

/** Nothing but white space stands behind the `#`. */
function endsWithHash(at: usize, length: i32): bool {
  let last = at + length - 1;
  while (last > at && load<u8>(last) <= 0x20) last--;
  return load<u8>(last) == 0x23;
}
