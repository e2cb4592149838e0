/**
 * Reads tokens as what may follow the value of a SQL statement, and notes what it meets: operands and operators in
 * turn, brackets that may close what the value does not see opened, clauses, further statements. It goes on as long
 * as that could be SQL. Prose stops it early (two operands side by side); an injection must go on, as a database has
 * to parse it too.
 */
import {
  isConstant,
  isIdentifier,
  isListStart,
  isProse,
  isSameText,
  isStar,
  isStatement,
  isWord,
  isWordBefore,
  startsWith,
  startsWithVariable,
} from './sql-shapes';
import { kindAt, lengthAt, marksAt, textAt } from './sql-lexer';
import { Mark, Sql } from './sql-token';

/** What was met; bits. */
export namespace Saw {
  export const union: i32 = 1;
  export const subselect: i32 = 2;
  export const stacked: i32 = 4;
  /** An operand behind `and`, `or`. */
  export const logic: i32 = 8;
  /** Two operands compared. */
  export const comparison: i32 = 16;
  /** Two constants compared, or a name with itself. */
  export const tautology: i32 = 32;
  export const probe: i32 = 64;
  export const call: i32 = 128;
  export const clause: i32 = 256;
  export const comment: i32 = 512;
  export const conditional: i32 = 1 << 10;
  export const arithmetic: i32 = 1 << 11;
  /** A bracket closed that the value did not open. */
  export const outerClose: i32 = 1 << 12;
  export const intoFile: i32 = 1 << 13;
  export const wait: i32 = 1 << 14;
  /** `select … from`, or one with a list. */
  export const query: i32 = 1 << 15;
  /** Read to the last token. */
  export const whole: i32 = 1 << 16;
  export const variable: i32 = 1 << 17;
  /** Ends in a string that nothing closes: the statement's own quote will. */
  export const unclosed: i32 = 1 << 18;
  /** Begins with a statement of its own. */
  export const statement: i32 = 1 << 19;
  /** Behind `and`, `or`: a constant, a call, a bracket. */
  export const constantLogic: i32 = 1 << 20;
  export const tightComment: i32 = 1 << 21;
  export const comma: i32 = 1 << 22;
  /** The first operand is a number or a variable. */
  export const number: i32 = 1 << 23;
  /** One known function right inside another. */
  export const nestedCall: i32 = 1 << 24;
  /** A select list that begins with a constant or a call. */
  export const constantList: i32 = 1 << 25;
  /** `union` that nothing follows, or a list without its `select`. */
  export const brokenUnion: i32 = 1 << 26;
  /** A bracket opened where an operand stands. */
  export const bracket: i32 = 1 << 27;
  /** The comment is `#`. */
  export const hash: i32 = 1 << 28;
  /** A name is among the operands. */
  export const name: i32 = 1 << 29;
}

let saw: i32 = 0;
let at: i32 = 0;
let depth: i32 = 0;
let isInSelect: bool = false;
/** The operator before the operand that comes next. */
let pending: i32 = 0;
/** Of the last operand: its kind and its token. */
let operand: i32 = 0;
let operandAt: i32 = 0;
/** Left of a comparison. */
let left: i32 = 0;
let leftAt: i32 = 0;
/** The comparison is a word, which prose may hold: `like`, `is`. */
let isWordComparison: bool = false;
/** A logic operator since the last complete operand. */
let isAfterLogic: bool = false;

/** `from` is the first token to read; a string in front of it is an operand already read. */
export function readSql(first: i32, hasOperand: bool): i32 {
  saw = 0;
  at = first;
  depth = 0;
  isInSelect = false;
  pending = 0;
  operand = hasOperand ? Sql.string : 0;
  operandAt = 0;
  isAfterLogic = false;
  let needsOperand = !hasOperand && !beginsWithOperator();
  while (true) {
    const kind = kindAt(at);
    if (kind == Sql.end) {
      saw |= Saw.whole;
      break;
    }
    if (marksAt(at) & Mark.conditional) saw |= Saw.conditional;
    const outcome = needsOperand ? readOperand(kind) : readOperator(kind);
    if (outcome == Outcome.stop) break;
    needsOperand = outcome == Outcome.needsOperand;
  }
  return saw;
}

namespace Outcome {
  export const stop: i32 = 0;
  export const needsOperand: i32 = 1;
  export const needsOperator: i32 = 2;
}

/** A bare value may be the rest of an expression: `) or 1=1`, `union select 1`. */
function beginsWithOperator(): bool {
  const kind = kindAt(at);
  return (
    kind == Sql.logic ||
    kind == Sql.union ||
    kind == Sql.close ||
    kind == Sql.clause ||
    kind == Sql.semicolon ||
    kind == Sql.compare ||
    (kind == Sql.name && isWordBefore(at, 'by'))
  );
}

function readOperand(kind: i32): i32 {
  switch (kind) {
    case Sql.number:
    case Sql.string:
    case Sql.variable:
    case Sql.literal:
    case Sql.name:
    case Sql.object:
    case Sql.wait:
      if (kind == Sql.string && marksAt(at) & Mark.unclosed) saw |= Saw.unclosed;
      if (kind == Sql.variable) saw |= Saw.variable;
      return completeOperand(kind);
    case Sql.probe:
      saw |= Saw.probe;
      return openCall(kind);
    case Sql.call:
      saw |= Saw.call;
      return openCall(kind);
    case Sql.compare:
      if (isWord(at, 'match') && (isWord(at + 2, 'against') || isWord(at + 4, 'against'))) {
        saw |= Saw.call;
        noteOperand(Sql.call);
        return Outcome.stop;
      }
      // `like(…)` and its kin as functions.
      if (kindAt(at + 1) != Sql.open) return Outcome.stop;
      return openCall(Sql.call);
    case Sql.open:
      depth++;
      at++;
      saw |= Saw.bracket;
      if (kindAt(at) == Sql.select) return readSelect(Saw.subselect);
      return Outcome.needsOperand;
    case Sql.close:
      if (at == 0 || kindAt(at - 1) != Sql.open) return Outcome.stop;
      depth--;
      return completeOperand(Sql.call);
    case Sql.arithmetic: {
      const byte = load<u8>(textAt(at));
      if (byte == 0x2a) return completeOperand(Sql.name);
      if (byte != 0x2b && byte != 0x2d) return Outcome.stop;
      at++;
      return Outcome.needsOperand;
    }
    case Sql.prefix:
    case Sql.glue:
      at++;
      return Outcome.needsOperand;
    case Sql.select:
      return readSelect(0);
    case Sql.statement:
      // Procedures that come with the server are called so.
      if (isStatement(at) && startsWithVariable(at)) saw |= Saw.stacked;
      if (at == 0 && isWord(0, 'exec') && (startsWith(1, 0x7f7073) || startsWith(1, 0x7f7078))) saw |= Saw.stacked;
      return Outcome.stop;
    case Sql.other:
      // Placeholders and braces: {fn x}, :x, ?.
      at++;
      return Outcome.needsOperand;
    default:
      return Outcome.stop;
  }
}

function openCall(kind: i32): i32 {
  if (at > 1 && kindAt(at - 1) == Sql.open && isFunction(kindAt(at - 2))) saw |= Saw.nestedCall;
  noteOperand(kind);
  at += 2;
  depth++;
  if (kindAt(at) == Sql.select) return readSelect(Saw.subselect);
  return Outcome.needsOperand;
}

function isFunction(kind: i32): bool {
  return kind == Sql.call || kind == Sql.probe;
}

function completeOperand(kind: i32): i32 {
  noteOperand(kind);
  at++;
  return Outcome.needsOperator;
}

function noteOperand(kind: i32): void {
  if (isAfterLogic) {
    saw |= Saw.logic;
    if (kind != Sql.name && kind != Sql.object) saw |= Saw.constantLogic;
    isAfterLogic = false;
  }
  if (operand == 0 && (kind == Sql.number || kind == Sql.variable)) saw |= Saw.number;
  if (kind == Sql.name || kind == Sql.object) saw |= Saw.name;
  if (pending == Sql.compare) {
    saw |= Saw.comparison;
    if (isWordComparison && !(saw & Saw.logic)) {
    } else if (isConstant(left) && isConstant(kind)) saw |= Saw.tautology;
    else if (left == Sql.name && kind == Sql.name && isSameText(leftAt, at)) saw |= Saw.tautology;
  }
  pending = 0;
  operand = kind;
  operandAt = at;
}

/** At `select`; `as` is noted where what follows can be a list. */
function readSelect(as: i32): i32 {
  const isFirst = at == 0;
  at++;
  while (kindAt(at) == Sql.glue || (kindAt(at) == Sql.prefix && !isWord(at, 'exists'))) at++;
  if (!isListStart(at)) {
    // Cut off behind `union select`.
    if (as == Saw.union && kindAt(at) == Sql.end) saw |= Saw.brokenUnion;
    return Outcome.stop;
  }
  saw |= as;
  const kind = kindAt(at);
  if (kind != Sql.name && kind != Sql.object) saw |= Saw.constantList;
  else if (as == Saw.union && kindAt(at + 1) == Sql.end && isProse()) saw &= ~Saw.union;
  isInSelect = true;
  if (isFirst) saw |= Saw.statement;
  return Outcome.needsOperand;
}

function readOperator(kind: i32): i32 {
  switch (kind) {
    case Sql.logic:
      isAfterLogic = true;
      pending = Sql.logic;
      at++;
      return Outcome.needsOperand;
    case Sql.compare:
      if (isWord(at, 'in') && isWord(at + 1, 'boolean') && isWord(at + 2, 'mode')) {
        at += 3;
        return Outcome.needsOperator;
      }
      return readComparison();
    case Sql.arithmetic:
      saw |= Saw.arithmetic;
      pending = Sql.arithmetic;
      at++;
      return Outcome.needsOperand;
    case Sql.prefix:
      // `not like`, `not in`.
      if (kindAt(at + 1) != Sql.compare) return Outcome.stop;
      at++;
      return Outcome.needsOperator;
    case Sql.comma:
      saw |= Saw.comma;
      if (isInSelect) saw |= Saw.query;
      at++;
      return Outcome.needsOperand;
    case Sql.close:
      if (--depth < 0) saw |= Saw.outerClose;
      at++;
      return Outcome.needsOperator;
    case Sql.open:
      if (kindAt(at + 1) == Sql.select) {
        at++;
        depth++;
        return readSelect(Saw.subselect);
      }
      if (operand != Sql.name && operand != Sql.object) return Outcome.stop;
      depth++;
      at++;
      operand = Sql.call;
      if (kindAt(at) == Sql.select) return readSelect(Saw.subselect);
      return Outcome.needsOperand;
    case Sql.union:
      return readUnion();
    case Sql.clause:
      return readClause();
    case Sql.from:
      if (isInSelect) saw |= Saw.query;
      at++;
      return Outcome.needsOperand;
    case Sql.where:
      at++;
      return Outcome.needsOperand;
    case Sql.join:
      while (kindAt(at) == Sql.join) at++;
      return Outcome.needsOperand;
    case Sql.glue:
      return readGlue();
    case Sql.semicolon:
      if (startsStatement(at, operand == Sql.string || (saw & Saw.number) != 0)) saw |= Saw.stacked;
      at++;
      return Outcome.stop;
    case Sql.comment:
      saw |= Saw.comment | Saw.whole;
      if (marksAt(at) & Mark.tight) saw |= Saw.tightComment;
      if (load<u8>(textAt(at)) == 0x23) saw |= Saw.hash;
      return Outcome.stop;
    case Sql.wait:
      if (kindAt(at + 1) == Sql.wait) saw |= Saw.wait;
      return Outcome.stop;
    case Sql.name:
      if (isWordBefore(at, 'by') && (isWord(at, 'order') || isWord(at, 'group'))) return readClause();
      if (operand == Sql.string && at == 1) {
        if (isStatement(at)) saw |= Saw.stacked;
        // A function of the database behind the string, an operator swallowed by a filter.
        if (!isIdentifier(at) || kindAt(at + 1) != Sql.open) return Outcome.stop;
        return completeOperand(Sql.name);
      }
      return readAlias();
    case Sql.object:
      if (isWord(at, 'into')) {
        const after = kindAt(at + 1);
        if (after == Sql.clause || after == Sql.variable) saw |= Saw.intoFile;
        return Outcome.stop;
      }
      return readAlias();
    case Sql.string:
      // Strings side by side are one.
      if (operand == Sql.string && isInSelect) {
        at++;
        return Outcome.needsOperator;
      }
      return readAlias();
    case Sql.other:
      // Has a key, of JSON in PostgreSQL.
      if (load<u8>(textAt(at)) == 0x3f && saw & Saw.logic && kindAt(at + 1) == Sql.string)
        return readComparison();
      if (load<u8>(textAt(at)) != 0x7d) return Outcome.stop;
      at++;
      return Outcome.needsOperator;
    case Sql.select:
    case Sql.statement:
      // SQL Server wants no semicolon between statements.
      if (operand == Sql.string && at == 1 && isStatement(at)) saw |= Saw.stacked;
      if (isStatement(at) && startsWithVariable(at)) saw |= Saw.stacked;
      if (operand == Sql.number && isWord(at, 'update') && isStatement(at)) saw |= Saw.stacked;
      if (operand == Sql.number && kind == Sql.select && isStar(at + 1) && kindAt(at + 2) == Sql.from) saw |= Saw.stacked;
      return Outcome.stop;
    default:
      return Outcome.stop;
  }
}

/** A name without `as` behind an item of a list or a table. */
function readAlias(): i32 {
  if (!isInSelect || kindAt(at - 1) == Sql.name) return Outcome.stop;
  at++;
  return Outcome.needsOperator;
}

/** A statement behind the semicolon at `index`, or behind a later one where the value cannot be prose. */
function startsStatement(index: i32, isLaterEnough: bool): bool {
  for (; kindAt(index) != Sql.end; index++) {
    if (kindAt(index) != Sql.semicolon || kindAt(index + 1) == Sql.semicolon) continue;
    if (isStatement(index + 1)) return true;
    if (!isLaterEnough) return false;
  }
  return false;
}

function readComparison(): i32 {
  left = operand;
  leftAt = operandAt;
  pending = Sql.compare;
  isWordComparison = !(marksAt(at) & Mark.equality) && lengthAt(at) > 1;
  at++;
  while (kindAt(at) == Sql.compare && !(marksAt(at) & Mark.equality)) at++;
  return Outcome.needsOperand;
}

function readUnion(): i32 {
  at++;
  while (
    kindAt(at) == Sql.glue ||
    kindAt(at) == Sql.prefix ||
    kindAt(at) == Sql.open ||
    kindAt(at) == Sql.arithmetic
  ) {
    if (kindAt(at) == Sql.open) depth++;
    at++;
  }
  const kind = kindAt(at);
  if (kind == Sql.select) return readSelect(Saw.union);
  if (kind == Sql.end || kind == Sql.comment || kind == Sql.number || kind == Sql.statement) saw |= Saw.brokenUnion;
  return Outcome.stop;
}

function readClause(): i32 {
  const isBy = kindAt(at) == Sql.name;
  at += isBy ? 2 : 1;
  switch (kindAt(at)) {
    case Sql.number:
    case Sql.string:
    case Sql.variable:
    case Sql.literal:
    case Sql.call:
    case Sql.probe:
    case Sql.open:
    case Sql.arithmetic:
      saw |= Saw.clause;
      return Outcome.needsOperand;
    case Sql.name:
    case Sql.object: {
      const after = kindAt(at + 1);
      const isExpression =
        after == Sql.compare || after == Sql.open || (isBy && (after == Sql.comma || after == Sql.comment || after == Sql.clause));
      if (!isExpression) return Outcome.stop;
      saw |= Saw.clause;
      return Outcome.needsOperand;
    }
    default:
      return Outcome.stop;
  }
}

function readGlue(): i32 {
  const isOpen = !(isWord(at, 'end') || isWord(at, 'asc') || isWord(at, 'desc'));
  at++;
  return isOpen ? Outcome.needsOperand : Outcome.needsOperator;
}

/** The whole value is `case … end`. */
export function isCase(): bool {
  if (!isWord(0, 'case') || kindAt(at) != Sql.end || !isWord(at - 1, 'end')) return false;
  return kindAt(1) != Sql.name;
}
