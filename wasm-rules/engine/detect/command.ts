/**
 * `detectCommand` — whether a value makes a shell (sh, bash, cmd, PowerShell) run a command of its own.
 *
 * Where a command may begin is told from what separates commands: `;`, `|`, `&`, `&&`, `||`, a line feed, a backtick,
 * `$(`, `<(`. The word there is read as the shell does, without quotes, backslashes, carets and expansions that are
 * empty; wildcards are compared with the names. Whether it is a command is a question of what follows: `; cat /etc/x` is,
 * `Tom & Jerry; cat and dog` is not (`command-words.ts`).
 *
 * At the very start of a value nothing separates, and people search for `ping` and write about `cat`: there, and at the
 * start of later lines, only what is a command beyond doubt counts; with `isStrict` a bare name does too.
 *
 * One pass; words have 32 bytes at most, what follows one is looked at for 64.
 */
import { addToHash, emptyHash } from '../inject/word-table';
import { CommandWord, kindOfCommand, kindOfPattern } from './command-words';

/** How sure it is that a command begins here. */
namespace Context {
  /** The start of a value or of a line. */
  export const start: i32 = 0;
  /** After a separator that prose has too, with a blank behind it. */
  export const loose: i32 = 1;
  /** Close to a separator. */
  export const close: i32 = 2;
}

const wordBytesMax: i32 = 32;
const lookAheadBytes: usize = 64;
const word: usize = memory.data(48, 16);
let wordLength: i32 = 0;
let hasWildcard: bool = false;
let isDisguised: bool = false;
/** The word had a path to programs in front: `/bin/`. */
let hasPath: bool = false;
let wordEnd: usize = 0;
let from: usize = 0;
let until: usize = 0;
/** A single bar with a blank behind it is what separates. */
let isPiped: bool = false;
/** Of a name that the value assigned: `X=id;$X`. */
let assigned: u32 = 0;

export function detectCommand(at: usize, length: i32, isStrict: bool): bool {
  from = at;
  until = at + length;
  assigned = 0;
  isPiped = false;
  if (isCommand(skipBlanks(at), Context.start, isStrict)) return true;
  for (let i = at; i < until; i++) {
    const byte: u32 = load<u8>(i);
    if (byte > 0x7c || !separates(byte)) continue;
    const context = contextOf(i, byte);
    if (context < 0) continue;
    let start = i + 1;
    while (start < until && separates(load<u8>(start)) && load<u8>(start) != 0x60) start++;
    const first = skipBlanks(start);
    isPiped = byte == 0x7c && start == i + 1 && first > start;
    // Two of them, and the word close to them: no list.
    const isDouble = start - i > 1 && first == start;
    if (isCommand(first, isDouble ? Context.close : context, isStrict)) return true;
    i = start - 1;
  }
  return false;
}

@inline
function separates(byte: u32): bool {
  return byte == 0x3b || byte == 0x7c || byte == 0x26 || byte == 0x0a || byte == 0x0d || byte == 0x60 || byte == 0x28;
}

/** -1 where no command begins behind the byte. */
function contextOf(at: usize, byte: u32): i32 {
  const before: u32 = at > from ? load<u8>(at - 1) : 0;
  const after: u32 = at + 1 < until ? load<u8>(at, 1) : 0;
  // `$(`, `<(`, `>(`
  if (byte == 0x28) return before == 0x24 || before == 0x3c || before == 0x3e ? Context.close : -1;
  if (byte == 0x0a || byte == 0x0d) return isFirst(at) ? Context.close : Context.start;
  if (byte == 0x60) return isQuoting(at, before) ? -1 : Context.close;
  if (isFirst(at)) return Context.close;
  const isGlued = after > 0x20;
  // `a|b|c`, `R&D`, `x;y`: between letters it is a list.
  if (isGlued && isWordByte(before)) return Context.loose;
  if (isGlued || before == 0x27 || before == 0x22) return Context.close;
  return Context.loose;
}

/** Nothing but blanks, quotes and brackets before it. */
function isFirst(at: usize): bool {
  const least = at > from + 6 ? at - 6 : from;
  while (at > least) {
    const byte = load<u8>(at - 1);
    if (byte > 0x20 && byte != 0x27 && byte != 0x22 && byte != 0x29 && byte != 0x2b && byte != 0x24) return false;
    at--;
  }
  return at == from;
}

/** A backtick of Markdown: between words, or with text behind the one that closes it. */
function isQuoting(at: usize, before: u32): bool {
  // `$(`…`)`
  if (before == 0x28 && at > from + 1 && load<u8>(at - 2) == 0x24) return false;
  if (at > from && (before <= 0x20 || before == 0x2b || before == 0x28 || before == 0x5b || before == 0x2a)) return true;
  if (at + 1 < until && load<u8>(at, 1) == 0x60) return true;
  let close = at + 1;
  const most = min<usize>(until, at + 4096);
  while (close < most && load<u8>(close) != 0x60) close++;
  if (close >= most) return true;
  const behind: u32 = close + 1 < until ? load<u8>(close, 1) : 0;
  return behind == 0x20 || behind == 0x2c || behind == 0x2e || behind == 0x3a || behind == 0x2d || behind == 0x60 || isWordByte(behind);
}

@inline
function isWordByte(byte: u32): bool {
  return byte - 0x30 < 10 || (byte | 0x20) - 0x61 < 26 || byte == 0x5f || byte >= 0x80;
}

/** Blanks as a shell has them: `${IFS}`, `$IFS`, a plus that nobody decoded, openers of blocks. */
function skipBlanks(at: usize): usize {
  while (at < until) {
    const byte = load<u8>(at);
    if (byte == 0x20 || byte == 0x09 || byte == 0x2b || byte == 0x0b || byte == 0x0c) at++;
    else if (byte == 0x7b && at + 1 < until && load<u8>(at, 1) <= 0x20) at++;
    else {
      const behind = fieldSeparator(at);
      if (behind == 0) break;
      at = behind;
    }
  }
  return at;
}

/** Behind `$IFS`, `${IFS}`, `${IFS%??}`, `$IFS$9`; 0 where there is none. */
function fieldSeparator(at: usize): usize {
  if (at + 4 > until || load<u8>(at) != 0x24) return 0;
  const isBraced = load<u8>(at, 1) == 0x7b;
  const name = at + (isBraced ? 2 : 1);
  if (name + 3 > until || (load<u16>(name) | 0x2020) != 0x6669 || (load<u8>(name, 2) | 0x20) != 0x73) return 0;
  if (!isBraced) return name + 3;
  const most = min<usize>(until, name + 16);
  for (let i = name + 3; i < most; i++) if (load<u8>(i) == 0x7d) return i + 1;
  return 0;
}

/** Whether a command begins at `at`, as far as the context lets it count. */
function isCommand(at: usize, context: i32, isStrict: bool): bool {
  let wrapped = false;
  for (let words = 0; words < 6; words++) {
    if (at < until && load<u8>(at) == 0x24 && isAssigned(at)) return context != Context.start;
    readWord(at);
    if (wordLength == 0) return false;
    if (isAssignment()) {
      at = wordEnd;
      while (at < until && load<u8>(at) > 0x20 && !separates(load<u8>(at))) at++;
      if (at >= until || load<u8>(at) > 0x20) return false;
      at = skipBlanks(at);
      continue;
    }
    // Options and numbers of what stands in front: `nice -n 5`, `timeout 5`.
    if (wrapped && (load<u8>(word) == 0x2d || load<u8>(word) - 0x30 < 10)) {
      at = skipBlanks(wordEnd);
      continue;
    }
    const kind = hasWildcard ? kindOfPattern(word, wordLength) : kindOfCommand(hashOfWord());
    if (kind == 0) return false;
    if (hasWildcard && !hasPath) return false;
    if (kind == CommandWord.prefix) {
      const behind = skipBlanks(wordEnd);
      if (endsCommand(behind)) return context == Context.close && wordIs('env');
      if (behind == wordEnd) return false;
      at = behind;
      wrapped = true;
      continue;
    }
    return judge(kind, wrapped ? max(context, Context.loose) : context, isStrict);
  }
  return false;
}

/** `NAME=…` in front of a command, or by itself. Its name is kept. */
function isAssignment(): bool {
  let hash = emptyHash;
  for (let i = 0; i < wordLength; i++) {
    const byte: u32 = load<u8>(word + i);
    if (byte == 0x3d) {
      if (i > 0) assigned = hash;
      return i > 0;
    }
    if (!isWordByte(byte)) return false;
    hash = addToHash(hash, byte);
  }
  return false;
}

/** `$NAME` where the value assigned NAME. */
function isAssigned(at: usize): bool {
  if (assigned == 0) return false;
  let hash = emptyHash;
  const most = min<usize>(until, at + 24);
  let i = at + 1;
  for (; i < most && isWordByte(load<u8>(i)); i++) hash = addToHash(hash, folded(load<u8>(i)));
  return i > at + 1 && hash == assigned;
}

/** The word at `at` as a shell would look it up, in lower case, without its path. */
function readWord(at: usize): void {
  wordLength = 0;
  hasWildcard = false;
  isDisguised = false;
  hasPath = false;
  let slashes = 0;
  let isLong = false;
  let quote: u32 = 0;
  while (at < until) {
    const byte: u32 = load<u8>(at);
    if (byte == 0x22 || byte == 0x27) {
      // A quote in the middle hides the word; one at the end ends what was broken out of.
      if (quote == 0 && wordLength > 0 && !isClosed(at, byte)) break;
      quote = quote == byte ? 0 : byte;
      isDisguised = true;
      at++;
    } else if (byte == 0x5e || (byte == 0x5c && at + 1 < until && load<u8>(at, 1) > 0x20)) {
      if (byte == 0x5c && slashes == 0 && wordLength > 1 && load<u8>(word + 1) == 0x3a) put(0x2f);
      isDisguised = true;
      at++;
    } else if (byte == 0x24) {
      const behind = emptyExpansion(at);
      if (behind == 0) break;
      isDisguised = true;
      at = behind;
    } else if (byte == 0x2f) {
      slashes++;
      hasPath = true;
      wordLength = 0;
      isLong = false;
      at++;
    } else if (isWordByte(byte) || byte == 0x3f || byte == 0x2a || byte == 0x2e || byte == 0x2d || byte == 0x3d || byte == 0x3a) {
      if (byte == 0x3f || byte == 0x2a) hasWildcard = true;
      if (wordLength == wordBytesMax) isLong = true;
      else put(byte - 0x41 < 26 ? byte | 0x20 : byte);
      at++;
      if (byte == 0x3d && !isLong) break;
    } else if (byte == 0x5b && at + 2 < until && at > from && (hasPath || wordLength > 0)) {
      // A class of characters is any one of them.
      const close = bracketEnd(at);
      if (close == 0) break;
      hasWildcard = true;
      if (wordLength < wordBytesMax) put(0x3f);
      at = close;
    } else break;
  }
  if (isLong) wordLength = 0;
  wordEnd = at;
}

@inline
function put(byte: u32): void {
  store<u8>(word + wordLength++, byte);
}

/** Whether the quote is closed again within a few bytes and no blank. */
function isClosed(at: usize, quote: u32): bool {
  const most = min<usize>(until, at + 12);
  for (let i = at + 1; i < most; i++) {
    if (load<u8>(i) == quote) return i + 1 < until || i > at + 1;
    if (load<u8>(i) <= 0x20) return false;
  }
  return false;
}

function bracketEnd(at: usize): usize {
  const most = min<usize>(until, at + 12);
  for (let i = at + 1; i < most; i++) if (load<u8>(i) == 0x5d) return i + 1;
  return 0;
}

/** Behind `$@`, `$*`, `$1`, `${x}` and `$u` that stand for nothing; 0 where a blank or a command begins. */
function emptyExpansion(at: usize): usize {
  if (at + 1 >= until || fieldSeparator(at) != 0) return 0;
  const next: u32 = load<u8>(at, 1);
  if (next == 0x40 || next == 0x2a || next - 0x30 < 10) return at + 2;
  if (next == 0x27 || next == 0x22) return at + 1;
  if (next != 0x7b) return 0;
  const most = min<usize>(until, at + 16);
  for (let i = at + 2; i < most && isWordByte(load<u8>(i)); i++)
    if (i + 1 < until && load<u8>(i, 1) == 0x7d) return i + 2;
  return 0;
}

function hashOfWord(): u32 {
  // Full stops end sentences.
  while (wordLength > 0 && load<u8>(word + wordLength - 1) == 0x2e) wordLength--;
  let hash = emptyHash;
  for (let i = 0; i < wordLength; i++) hash = addToHash(hash, load<u8>(word + i));
  return hash;
}

function judge(kind: i32, context: i32, isStrict: bool): bool {
  const at = skipBlanks(wordEnd);
  const hasGap = at > wordEnd;
  const ends = endsCommand(wordEnd) || endsCommand(at);
  const isSure = context == Context.close;
  if (context == Context.start && !hasPath && !isDisguised) {
    if (isStrict && ends) return kind == CommandWord.bare || kind == CommandWord.soft;
    return hasGap && isBeyondDoubt(kind, at);
  }
  if (context == Context.start) return kind <= CommandWord.shell && hasGap && isBeyondDoubt(kind, at);
  switch (kind) {
    case CommandWord.bare:
      return ends || (hasGap && isArgument(at));
    case CommandWord.soft:
      // A table of Markdown.
      if (isPiped && hasGap && at < until && load<u8>(at) == 0x7c) return false;
      if (hasPath || isDisguised) return ends || (hasGap && isArgument(at));
      return (isSure && ends) || (hasGap && isArgument(at));
    case CommandWord.argument:
      return (hasGap && isArgument(at)) || (wordEnd < until && load<u8>(wordEnd) == 0x3c) || (hasPath && ends);
    case CommandWord.shell:
      return (hasGap && isArgument(at)) || (hasPath && ends) || (isSure && isDisguised && ends);
    case CommandWord.number:
      return hasGap && isPause(at);
    case CommandWord.sub:
      return hasGap && isSubCommand(at);
    case CommandWord.echo:
      return hasGap && (isQuotedOrVariable(at) || isRedirected(at));
    default:
      return false;
  }
}

/** The end of the value, another separator, a quote that is closed, a redirection. */
function endsCommand(at: usize): bool {
  if (at >= until) return true;
  const byte: u32 = load<u8>(at);
  if (byte == 0x3b || byte == 0x7c || byte == 0x26 || byte == 0x0a || byte == 0x0d || byte == 0x60) return true;
  if (byte == 0x29 || byte == 0x23 || byte == 0x3e || byte == 0x3c || byte == 0x7d) return true;
  if (byte == 0x5c) return at + 1 < until && load<u8>(at, 1) == 0x6e;
  return (byte == 0x22 || byte == 0x27) && (at + 1 >= until || !isWordByte(load<u8>(at, 1)));
}

/** What no sentence goes on with. */
function isArgument(at: usize): bool {
  if (at >= until) return false;
  const byte: u32 = load<u8>(at);
  const next: u32 = at + 1 < until ? load<u8>(at, 1) : 0;
  if (byte == 0x2d) return isWordByte(next) || next == 0x2d;
  if (byte == 0x2f || byte == 0x7e) return next > 0x20;
  if (byte == 0x24) return isWordByte(next) || next == 0x7b || next == 0x28;
  if (byte == 0x25) return (next | 0x20) - 0x61 < 26;
  if (byte == 0x2e) return next == 0x2f || next == 0x2e;
  if (byte == 0x3c || byte == 0x3e || byte == 0x2a) return true;
  if (byte == 0x22 || byte == 0x27) return isQuotedPath(at + 1);
  if ((byte | 0x20) - 0x61 < 26 && next == 0x3a) return at + 2 < until && (load<u8>(at, 2) == 0x5c || load<u8>(at, 2) == 0x2f);
  return isAddressOrFile(at);
}

function isQuotedPath(at: usize): bool {
  const most = min<usize>(until, at + lookAheadBytes);
  for (; at < most; at++) {
    const byte: u32 = load<u8>(at);
    if (byte == 0x2f || byte == 0x5c || byte == 0x3a || byte == 0x3c) return true;
    if (byte == 0x22 || byte == 0x27) return false;
  }
  return false;
}

/** A word with `://`, a slash or a suffix in it, or an IPv4 address. */
function isAddressOrFile(at: usize): bool {
  const most = min<usize>(until, at + lookAheadBytes);
  let dots = 0;
  let digits = 0;
  let letters = 0;
  let i = at;
  for (; i < most; i++) {
    const byte: u32 = load<u8>(i);
    if (byte == 0x2f) return true;
    if (byte == 0x2e) {
      // A full stop has a blank behind it.
      if (i + 1 < until && isWordByte(load<u8>(i, 1))) dots++;
    } else if (byte == 0x2a || byte == 0x3f) return i + 1 < until && (isWordByte(load<u8>(i, 1)) || load<u8>(i, 1) == 0x2e);
    else if (byte - 0x30 < 10) digits++;
    else if (isWordByte(byte) || byte == 0x2d || byte == 0x3a) letters++;
    else break;
  }
  if (dots == 3 && letters == 0 && digits >= 4) return true;
  return dots > 0 && letters > 1 && endsCommand(i < until && load<u8>(i) <= 0x20 ? i + 1 : i);
}

/** A number, and then the end. */
function isPause(at: usize): bool {
  const first = at;
  while (at < until && (load<u8>(at) - 0x30 < 10 || load<u8>(at) == 0x2e) && at - first < 12) at++;
  if (at == first) return at < until && load<u8>(at) == 0x24;
  if (at < until && ((load<u8>(at) | 0x20) == 0x73 || (load<u8>(at) | 0x20) == 0x6d)) at++;
  return endsCommand(skipBlanks(at));
}

/** `net user`, `reg add`, `which gcc`… */
function isSubCommand(at: usize): bool {
  const parent = hashOfWord();
  readWord(at);
  const hash = hashOfWord();
  if (kindOfCommand(hash) != 0 && kindOfCommand(hash) != CommandWord.soft && parent != hash) return endsCommand(skipBlanks(wordEnd)) || wordIs('gcc');
  const isKnown =
    wordIs('user') || wordIs('localgroup') || wordIs('group') || wordIs('view') || wordIs('share') || wordIs('firewall') ||
    wordIs('advfirewall') || wordIs('wlan') || wordIs('add') || wordIs('query') || wordIs('save') || wordIs('start') || wordIs('config');
  if (!isKnown) return wordLength > 1 && load<u8>(word) == 0x2d;
  const behind = skipBlanks(wordEnd);
  return endsCommand(behind) || behind > wordEnd;
}

function wordIs(name: string): bool {
  if (wordLength != name.length) return false;
  for (let i = 0; i < wordLength; i++) if (load<u8>(word + i) != name.charCodeAt(i)) return false;
  return true;
}

function isQuotedOrVariable(at: usize): bool {
  if (at >= until) return false;
  const byte: u32 = load<u8>(at);
  const next: u32 = at + 1 < until ? load<u8>(at, 1) : 0;
  if (byte == 0x24) return isWordByte(next) || next == 0x28 || next == 0x7b;
  if (byte == 0x2d) return (next | 0x20) == 0x65 || (next | 0x20) == 0x6e;
  return byte == 0x60 || ((byte == 0x22 || byte == 0x27) && isQuotedPath(at + 1));
}

/** `echo x > file`, `echo x | sh` */
function isRedirected(at: usize): bool {
  const most = min<usize>(until, at + lookAheadBytes);
  for (; at < most; at++) if (load<u8>(at) == 0x3e || load<u8>(at) == 0x7c) return true;
  return false;
}

/** Without anything in front that separates: programs with options or targets that nobody writes by chance. */
function isBeyondDoubt(kind: i32, at: usize): bool {
  const byte: u32 = at < until ? load<u8>(at) : 0;
  const next: u32 = at + 1 < until ? load<u8>(at, 1) : 0;
  if (kind == CommandWord.shell) return byte == 0x2d && (next == 0x63 || next == 0x65 || next == 0x72 || next == 0x69);
  if (kind == CommandWord.sub) return isSubCommand(at);
  if (kind == CommandWord.number || kind == CommandWord.prefix) return false;
  if (kind == CommandWord.echo) return isQuotedOrVariable(at) && holdsCode(at);
  if (byte == 0x2d && isNetwork()) return next - 0x61 < 26;
  if (isSystemPath(at)) return true;
  if (wordIs('curl') || wordIs('wget')) return isWebAddress(at);
  if ((wordIs('ls') || wordIs('dir')) && byte == 0x2d) {
    while (at < until && load<u8>(at) > 0x20) at++;
    at = skipBlanks(at);
    return at < until && load<u8>(at) == 0x2f;
  }
  return false;
}

function isNetwork(): bool {
  return wordIs('nc') || wordIs('ncat') || wordIs('netcat') || wordIs('nmap') || wordIs('uname') || wordIs('netstat') || wordIs('ping');
}

/** `http://…` where the value is this and no sentence. */
function isWebAddress(at: usize): bool {
  let words = 0;
  const most = min<usize>(until, at + 512);
  for (let i = at; i < most; i++) if (load<u8>(i) <= 0x20 && ++words > 4) return false;
  return at + 7 < until && (load<u32>(at) | 0x2020_2020) == 0x7074_7468;
}

/** `/etc/…`, `C:\…`, `%SYSTEMROOT%`… */
function isSystemPath(at: usize): bool {
  if (at + 3 > until) return false;
  const byte: u32 = load<u8>(at);
  const next: u32 = load<u8>(at, 1);
  if (byte == 0x25) return (next | 0x20) == 0x73 || (next | 0x20) == 0x77 || (next | 0x20) == 0x74;
  if ((byte | 0x20) - 0x61 < 26 && next == 0x3a) return load<u8>(at, 2) == 0x5c || load<u8>(at, 2) == 0x2f;
  if (byte != 0x2f) return false;
  const first = at + 1;
  return (
    begins(first, 'etc/') || begins(first, 'proc/') || begins(first, 'var/') || begins(first, 'tmp') || begins(first, 'root/') ||
    begins(first, 'dev/') || begins(first, 'bin/') || begins(first, 'usr/') || begins(first, 'home/') || begins(first, 'e?c/') ||
    begins(first, '???/')
  );
}

function begins(at: usize, text: string): bool {
  if (at + text.length > until) return false;
  for (let i = 0; i < text.length; i++) if (load<u8>(at + i) != text.charCodeAt(i)) return false;
  return true;
}

/** A script in what is printed. */
function holdsCode(at: usize): bool {
  const most = min<usize>(until, at + lookAheadBytes);
  for (; at < most; at++) if (load<u8>(at) == 0x3c) return true;
  return false;
}

@inline
function folded(byte: u32): u32 {
  return byte - 0x41 < 26 ? byte | 0x20 : byte;
}
