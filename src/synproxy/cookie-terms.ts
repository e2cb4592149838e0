/**
 * What a SYN-ACK sent by the packet program may offer on this host, or why it must not send any.
 *
 * The kernel makes the socket from the last packet of the handshake alone, and it makes it from its own
 * settings. What was offered in its name has to be what it would have offered, or the connection comes up and
 * then stands still:
 *
 * - window scale: the kernel takes `clamp(ilog2(max(tcp_rmem[2], rmem_max)) - 15, 0, 14)`, whatever was said;
 * - window scale and SACK travel in the low bits of the timestamp, so without timestamps there is neither;
 * - with `tcp_timestamps = 1` the kernel takes a secret offset from what comes back, which nobody else knows: a
 *   timestamp of ours hangs the connection. Only 2 (no offset) lets it be sent. 2 tells peers the uptime, so it
 *   is the operator's choice and 1 is no reason to refuse: then the MSS alone is offered, windows up to 64 KB.
 *
 * Settings change under a running node, so who uses this asks again on a timer.
 */

export type CookieMode =
  /** The kernel gives cookies once its own queue is full. */
  | 'on-demand'
  /** For every SYN. */
  | 'always';

export type CookieTerms = {
  readonly timestamps: boolean;
  readonly sack: boolean;
  readonly windowScaling: boolean;
  readonly windowScale: number;
  readonly window: number;
  readonly mss4: number;
  readonly mss6: number;
  /** What does not go as well as it could, with the line that mends it. */
  readonly notes: readonly string[];
};

export type CookieAnswer =
  | { readonly ok: true; readonly terms: CookieTerms }
  | { readonly ok: false; readonly reason: string; readonly fix: string };

/** Text of a file under /proc/sys or /sys, or null where it cannot be read. */
export type SettingReader = (path: string) => string | null;

/** Below this no IPv4 packet may be limited (RFC 791), and nothing sensible is sent. */
const mtuMin = 576;
/** A jumbo frame and more; the field has 16 bits. */
const mtuMax = 65_535;
/** `MAX_TCP_WINDOW` without scaling. */
const windowMax = 65_535;

export function cookieTerms(
  mode: CookieMode,
  interfaceName: string,
  read: SettingReader,
): CookieAnswer {
  const syncookies = number(read, 'net/ipv4/tcp_syncookies');
  if (!syncookies.ok) return syncookies;
  const least = mode === 'always' ? 2 : 1;
  if (syncookies.value < least) {
    return {
      ok: false,
      reason:
        syncookies.value === 0
          ? 'net.ipv4.tcp_syncookies is 0, so the kernel makes no cookies'
          : `net.ipv4.tcp_syncookies is ${syncookies.value}, so the kernel makes cookies only when its queue is full, and they are to be always on`,
      fix: `sysctl -w net.ipv4.tcp_syncookies=${least}`,
    };
  }
  const timestamps = number(read, 'net/ipv4/tcp_timestamps');
  const scaling = number(read, 'net/ipv4/tcp_window_scaling');
  const sack = number(read, 'net/ipv4/tcp_sack');
  const receiveMax = number(read, 'net/core/rmem_max');
  const receive = number(read, 'net/ipv4/tcp_rmem', 2);
  const mtu = number(read, `/sys/class/net/${interfaceName}/mtu`);
  if (!timestamps.ok) return timestamps;
  if (!scaling.ok) return scaling;
  if (!sack.ok) return sack;
  if (!receiveMax.ok) return receiveMax;
  if (!receive.ok) return receive;
  if (!mtu.ok) return mtu;
  if (mtu.value < mtuMin || mtu.value > mtuMax) {
    return {
      ok: false,
      reason: `the MTU of ${interfaceName} is ${mtu.value}, which no segment size follows from`,
      fix: `ip link set ${interfaceName} mtu 1500`,
    };
  }
  const withTimestamps = timestamps.value === 2;
  return {
    ok: true,
    terms: {
      timestamps: withTimestamps,
      sack: withTimestamps && sack.value !== 0,
      windowScaling: withTimestamps && scaling.value !== 0,
      windowScale:
        withTimestamps && scaling.value !== 0
          ? windowScaleOf(Math.max(receive.value, receiveMax.value))
          : 0,
      window: windowMax,
      mss4: mtu.value - 40,
      // IPv6 asks for 1,280 at least (RFC 8200); a link below it carries no IPv6.
      mss6: Math.max(mtu.value, 1_280) - 60,
      notes: withTimestamps ? [] : [noteOn(timestamps.value)],
    },
  };
}

/** As the kernel's `tcp_select_initial_window` has it for a socket nobody gave a buffer size. */
export function windowScaleOf(receiveBytesMax: number): number {
  return Math.min(14, Math.max(0, Math.floor(Math.log2(Math.max(1, receiveBytesMax))) - 15));
}

function noteOn(timestamps: number): string {
  return `net.ipv4.tcp_timestamps is ${timestamps}, so connections made by cookie have neither window scale nor SACK nor timestamps (windows up to 64 KB); sysctl -w net.ipv4.tcp_timestamps=2 gives all three, and shows peers the uptime of this host`;
}

type Read =
  | { readonly ok: true; readonly value: number }
  | { readonly ok: false; readonly reason: string; readonly fix: string };

function number(read: SettingReader, name: string, column = 0): Read {
  const path = name.startsWith('/') ? name : `/proc/sys/${name}`;
  const text = read(path)?.trim().split(/\s+/)[column];
  if (text !== undefined && /^[0-9]{1,15}$/.test(text)) return { ok: true, value: Number(text) };
  return {
    ok: false,
    reason: `${path} ${text === undefined ? 'cannot be read' : `says "${text}", which is no number`}, so what the kernel would offer is not known`,
    fix: `make ${path} readable`,
  };
}
