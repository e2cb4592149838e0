/**
 * What stands behind the name of a program: whether it makes a command of it. Each function looks at `lookAheadBytes` at
 * most, and never at or behind the end that `endArgumentsAt` has set.
 */

const lookAheadBytes: usize = 64;
let until: usize = 0;

export function endArgumentsAt(end: usize): void {
  until = end;
}

/** The end of the value, another separator, a quote that is closed, a redirection. */
export function endsCommand(at: usize): bool {
  if (at >= until) return true;
  const byte: u32 = load<u8>(at);
  if (byte == 0x3b || byte == 0x7c || byte == 0x26 || byte == 0x0a || byte == 0x0d || byte == 0x60) return true;
  if (byte == 0x29 || byte == 0x23 || byte == 0x3e || byte == 0x3c || byte == 0x7d) return true;
  if (byte == 0x5c) return at + 1 < until && load<u8>(at, 1) == 0x6e;
  return (byte == 0x22 || byte == 0x27) && (at + 1 >= until || !isWordByte(load<u8>(at, 1)));
}

/** What no sentence goes on with. */
export function isArgument(at: usize): bool {
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

export function isQuotedOrVariable(at: usize): bool {
  if (at >= until) return false;
  const byte: u32 = load<u8>(at);
  const next: u32 = at + 1 < until ? load<u8>(at, 1) : 0;
  if (byte == 0x24) return isWordByte(next) || next == 0x28 || next == 0x7b;
  if (byte == 0x2d) return (next | 0x20) == 0x65 || (next | 0x20) == 0x6e;
  return byte == 0x60 || ((byte == 0x22 || byte == 0x27) && isQuotedPath(at + 1));
}

/** `echo x > file`, `echo x | sh` */
export function isRedirected(at: usize): bool {
  const most = min<usize>(until, at + lookAheadBytes);
  for (; at < most; at++) if (load<u8>(at) == 0x3e || load<u8>(at) == 0x7c) return true;
  return false;
}

/** `http://…` where the value is this and no sentence. */
export function isWebAddress(at: usize): bool {
  let words = 0;
  const most = min<usize>(until, at + 512);
  for (let i = at; i < most; i++) if (load<u8>(i) <= 0x20 && ++words > 4) return false;
  return at + 7 < until && (load<u32>(at) | 0x2020_2020) == 0x7074_7468;
}

/** `/etc/…`, `C:\…`, `%SYSTEMROOT%`… */
export function isSystemPath(at: usize): bool {
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
export function holdsCode(at: usize): bool {
  const most = min<usize>(until, at + lookAheadBytes);
  for (; at < most; at++) if (load<u8>(at) == 0x3c) return true;
  return false;
}

@inline
export function isWordByte(byte: u32): bool {
  return byte - 0x30 < 10 || (byte | 0x20) - 0x61 < 26 || byte == 0x5f || byte >= 0x80;
}
