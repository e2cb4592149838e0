/** What a rule's mode comes to, what a route takes, and who is challenged how. */
import type { Stage } from './stage.ts';

const modes = 'test/wire/modes.test.ts';
const accept = 'test/wire/accept.test.ts';

export const modeStages: readonly Stage[] = [
  {
    name: 'modes: a rule that only watches',
    file: 'src/wasm/seclang/rule-terms.ts',
    from: "monitored: modes.mode === 'monitor' ? null : bitsOf(given, ['monitor']),",
    to: 'monitored: null,',
    tests: modes,
  },
  {
    name: 'modes: a rule that is off',
    file: 'src/wasm/seclang/rule-terms.ts',
    from: "off: bitsOf(given, ['off']),",
    to: 'off: null,',
    tests: modes,
  },
  {
    name: 'modes: a rule that challenges',
    file: 'src/wasm/seclang/rule-terms.ts',
    from: "withoutChallenged: given.includes('challenge') ? challenged : null,",
    to: 'withoutChallenged: null,',
    tests: modes,
  },
  {
    name: 'modes: a module that only watches has a shadow',
    file: 'src/proxy/entry-run.ts',
    from: 'byRule || (watches && !transaction.isMonitored)',
    to: 'byRule',
    tests: modes,
  },
  {
    name: 'modes: a module by the names of its rules',
    file: 'src/proxy/entry-run.ts',
    from: "if (mode === 'off') return null;",
    to: '',
    tests: modes,
  },
  {
    name: 'modes: blocks of a module that challenges',
    file: 'src/proxy/entry-run.ts',
    from: "return mode === 'challenge' &&",
    to: 'return (false as boolean) &&',
    tests: modes,
  },
  {
    name: 'modes: points of a module that challenges',
    file: 'src/proxy/inspection.ts',
    from: 'if (one.challenges) this',
    to: 'if (false as boolean) this',
    tests: modes,
  },
  {
    name: 'modes: of an entry on every route',
    file: 'src/proxy/route-entries.ts',
    from: "shared.rules[name]?.mode ?? 'block'",
    to: "'block'",
    tests: modes,
  },
  {
    name: 'modes: rows for every route',
    file: 'src/proxy/route-entries.ts',
    from: '[...shared.modes, ...waf.modes]',
    to: 'waf.modes',
    tests: modes,
  },
  {
    name: 'modes: what no rule has is said',
    file: 'src/proxy/worker-proxy.ts',
    from: 'if (unknown !== this.#unknownModes) this',
    to: 'if (false as boolean) this',
    tests: modes,
  },
  {
    name: 'modes: threshold of the route',
    file: 'src/proxy/route-entries.ts',
    from: 'inbound: waf.inboundThreshold ?? null,',
    to: 'inbound: null,',
    tests: modes,
  },
  {
    name: 'modes: body window of the route',
    file: 'src/proxy/snapshot.ts',
    from: 'bodyWindowBytes: route.waf.bodyWindowBytes ?? config.waf.bodyWindowBytes,',
    to: 'bodyWindowBytes: config.waf.bodyWindowBytes,',
    tests: modes,
  },
  {
    name: 'modes: no body is refused for who only watches',
    file: 'src/proxy/request-gate.ts',
    from: 'const enforces = this.#inspection.enforces(phase.requestBody);',
    to: 'const enforces = true;',
    tests: modes,
  },
  {
    name: 'accept: heads',
    file: 'src/proxy/accept/accept-filter.ts',
    from: 'head.fault(this.#view, !endOfStream) ??',
    to: '',
    tests: accept,
  },
  {
    name: 'accept: files',
    file: 'src/proxy/accept/accept-filter.ts',
    from: 'const fault = files?.fault(value) ?? null;',
    to: 'const fault = null as ReturnType<AcceptedFiles["fault"]>;',
    tests: accept,
  },
  {
    name: 'accept: bodies that cannot be read',
    file: 'src/proxy/accept/accept-filter.ts',
    from: 'return value === null ? null : unreadable',
    to: 'return true ? null : unreadable',
    tests: accept,
  },
  {
    name: 'challenge: a page for who can show one',
    file: 'src/proxy/challenge/challenges.ts',
    from: 'if (noPage !== null) {',
    to: 'if (false as boolean) {',
    tests: 'test/wire/challenges.test.ts',
  },
];
