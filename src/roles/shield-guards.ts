/**
 * What the packet program does for the ports of the listeners, beside the lists: TCP flags that no client
 * sends are dropped, SYN floods are answered with cookies, each source is held to its rates. And, for all ports,
 * what becomes of fragments and of answers nobody here has asked for.
 *
 * The settings of the host decide what a SYN-ACK may offer (`#synproxy/cookie-terms.ts`), and they change
 * under a running node: they are read again on a timer. Where no cookie can be right none is sent, and the
 * reason goes to whoever asks.
 */
import { readFileSync } from 'node:fs';
import type { KernelSettings } from '#config/kernel-schema.ts';
import { type CookieAnswer, type CookieTerms, cookieTerms } from '#synproxy/cookie-terms.ts';
import type { LoadedShield } from '#synproxy/shield-object.ts';

/** Between two looks at the settings of the host. */
const lookMs = 10_000;
/** Linux's own choice for IPv4 and IPv6 (`net.ipv4.ip_default_ttl`). */
const ttl = 64;
const nsPerSecond = 1_000_000_000;
/** New sources a second and CPU; beyond it they are not remembered, so that a flood cannot empty the table. */
const guardInserts = 25_000;

export type GuardSettings = {
  readonly kernel: KernelSettings;
  /** TCP ports of the listeners. */
  readonly ports: readonly number[];
  readonly interfaces: readonly string[];
};

export type CookieState = {
  readonly mode: 'on-demand' | 'always' | 'off';
  /** Why it is off though it is wanted, with what mends it. */
  readonly problem: string | null;
  /** What does not go as well as it could. */
  readonly notes: readonly string[];
  /** What a SYN-ACK offers; null where none is sent. */
  readonly terms: Omit<CookieTerms, 'notes'> | null;
};

export class ShieldGuards {
  readonly #shield: LoadedShield;
  #settings: GuardSettings;
  readonly #onProblem: (problem: string | null) => void;
  readonly #timer: NodeJS.Timeout;
  cookies: CookieState = { mode: 'off', problem: null, notes: [], terms: null };

  constructor(
    shield: LoadedShield,
    settings: GuardSettings,
    onProblem: (problem: string | null) => void,
  ) {
    this.#shield = shield;
    this.#settings = settings;
    this.#onProblem = onProblem;
    protectPorts(shield, settings.ports);
    this.change(settings.kernel);
    this.#timer = setInterval(() => this.look(), lookMs);
    this.#timer.unref();
  }

  /** In force from the next packet on: the terms are one entry of a map, written in one go. */
  change(kernel: KernelSettings): void {
    this.#settings = { ...this.#settings, kernel };
    const { fragments, amplification, rates } = kernel;
    this.#shield.config.change(
      {
        guard_inserts: guardInserts,
        ...rate('packet', rates.packetsPerSecond),
        ...rate('syn', rates.synsPerSecond),
        ...rate('udp', rates.udpPerSecond),
        ...rate('kilobyte', rates.kilobytesPerSecond),
      },
      {
        tcp_sanity: true,
        fragments_drop: fragments === 'drop',
        amplification: amplification === 'drop',
        rate: Object.values(rates).some((perSecond) => perSecond > 0),
      },
    );
    this.look();
  }

  /** Reads the settings of the host, and does what they allow. */
  look(): void {
    const { synCookies } = this.#settings.kernel;
    const { config } = this.#shield;
    if (synCookies === 'off') {
      config.flag('cookies', false);
      this.#say({ mode: 'off', problem: null, notes: [], terms: null });
      return;
    }
    const mode = synCookies === 'always' ? 'always' : 'on-demand';
    const answers = this.#settings.interfaces.map((name) => cookieTerms(mode, name, readSetting));
    const refused = answers.find((answer) => !answer.ok);
    if (refused !== undefined && !refused.ok) {
      config.flag('cookies', false);
      const problem = `${refused.reason} (${refused.fix})`;
      this.#say({ mode: 'off', problem, notes: [], terms: null });
      return;
    }
    const terms = smallest(answers);
    config.change({
      mss4: terms.mss4,
      mss6: terms.mss6,
      window: terms.window,
      window_scale: terms.windowScale,
      ttl,
    });
    config.flag('timestamps', terms.timestamps);
    config.flag('sack', terms.sack);
    config.flag('window_scale', terms.windowScaling);
    config.flag('cookies', true);
    const { notes, ...offered } = terms;
    this.#say({ mode, problem: null, notes, terms: offered });
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #say(state: CookieState): void {
    const changed = state.problem !== this.cookies.problem;
    this.cookies = state;
    if (changed) this.#onProblem(state.problem);
  }
}

/** Of several interfaces the terms that hold for all: they differ in MTU alone. */
function smallest(answers: readonly CookieAnswer[]): CookieTerms {
  const terms = answers.flatMap((answer) => (answer.ok ? [answer.terms] : []));
  return {
    ...(terms[0] as CookieTerms),
    mss4: Math.min(...terms.map(({ mss4 }) => mss4)),
    mss6: Math.min(...terms.map(({ mss6 }) => mss6)),
  };
}

/** One bit a port. What was set before by another process is taken back. */
function protectPorts(shield: LoadedShield, ports: readonly number[]): void {
  const key = new Uint8Array(4);
  const value = new Uint8Array(8);
  for (let word = 0; word < 1_024; word++) {
    new DataView(key.buffer).setUint32(0, word, true);
    value.fill(0);
    for (const port of ports)
      if (port >> 6 === word)
        value[(port & 63) >> 3] = (value[(port & 63) >> 3] ?? 0) | (1 << (port & 7));
    shield.maps.ports.update(key, value);
  }
}

/** A second's worth at once, and from then on one each interval (GCRA); 0 is no limit. */
function rate(name: string, perSecond: number): Record<string, number> {
  return {
    [`${name}_interval_ns`]: perSecond === 0 ? 0 : Math.floor(nsPerSecond / perSecond),
    [`${name}_burst_ns`]: perSecond === 0 ? 0 : nsPerSecond,
  };
}

function readSetting(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}
