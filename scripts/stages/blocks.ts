/** The life of a block: who may say it, what holds of several, and where it is enforced. */
import type { Stage } from './stage.ts';

const admission = 'src/decisions/admit-batch.ts';
const log = 'test/decisions/decision-log.test.ts';
const union = 'test/roles/node-blocks.test.ts';
const wire = 'test/wire/block-list.test.ts';

export const blockStages: readonly Stage[] = [
  {
    name: 'blocks: a batch of the fleet is signed',
    file: admission,
    from: 'if (!isSignedBy(bytes, trust.fleet, member.key))',
    to: 'if (!isSignedBy(bytes, trust.fleet, member.key) && count < 0)',
    tests: log,
  },
  {
    name: 'blocks: of who may block',
    file: admission,
    from: "if (!member.may.has('block') || issuedAtMs > member.retiredAtMs)",
    to: 'if (issuedAtMs > member.retiredAtMs)',
    tests: log,
  },
  {
    name: 'blocks: of who is no member any more',
    file: admission,
    from: "if (!member.may.has('block') || issuedAtMs > member.retiredAtMs)",
    to: "if (!member.may.has('block'))",
    tests: log,
  },
  {
    name: 'blocks: of a clock that is far ahead',
    file: admission,
    from: "if (issuedAtMs > nowMs + clockSkewMaxMs) return refuse('future');",
    to: '',
    tests: log,
  },
  {
    name: 'blocks: that have ended',
    file: admission,
    from: "if (expiresAtMs <= nowMs) return refuse('expired');",
    to: '',
    tests: log,
  },
  {
    name: 'blocks: within a budget',
    file: admission,
    from: "if (!isWithinBudget(sequence, count, member.budget)) return refuse('over-budget');",
    to: '',
    tests: log,
  },
  {
    name: 'blocks: what a member lives by',
    file: 'src/decisions/protected-targets.ts',
    from: 'return this.#addresses.lookup(target) !== undefined;',
    to: 'return false;',
    tests: log,
  },
  {
    name: 'blocks: ranges that are too wide',
    file: 'src/decisions/protected-targets.ts',
    from: 'cidr.prefix < widestPrefix[cidr.family] ||',
    to: '',
    tests: log,
  },
  {
    name: 'blocks: of two on one target the stronger',
    file: 'src/roles/block-sources.ts',
    from: 'rankOf(other.action) > rankOf(own.action) ? other : own',
    to: 'rankOf(other.action) > 9 ? other : own',
    tests: union,
  },
  {
    name: 'blocks: none takes away what another says',
    file: 'src/roles/block-sources.ts',
    from: 'const gone = targets.filter((target) => !this.#held.has(target));',
    to: 'const gone = [...targets];',
    tests: union,
  },
  {
    name: 'blocks: room of the kernel',
    file: 'src/roles/list-room.ts',
    from: 'if (wanted[kind] > 0 && this.#counts[kind] + wanted[kind] > size)',
    to: 'if (wanted[kind] > 0 && size < 0)',
    tests: 'test/roles/list-room.test.ts',
  },
  {
    name: 'blocks: let in when there is room',
    file: 'src/roles/node-blocks.ts',
    from: 'const targets = [...expired, ...readmitted];',
    to: 'const targets = [...expired];',
    tests: union,
  },
  {
    name: 'blocks: in every worker',
    file: 'src/roles/node-blocks.ts',
    from: 'this.#options.supervisor.changeBlocks(version, add, remove),',
    to: 'this.#options.supervisor.changeBlocks(version, [], remove),',
    tests: union,
  },
  {
    name: 'blocks: expiry at accept',
    file: 'src/proxy/block-list.ts',
    from: 'return expiresAtMs !== undefined && expiresAtMs > wallMs();',
    to: 'return expiresAtMs !== undefined && wallMs() > 0;',
    tests: wire,
  },
  {
    name: 'blocks: who is only watched comes in',
    file: 'src/proxy/block-list.ts',
    from: 'address);\n    return isDropped;',
    to: 'address);\n    return true;',
    tests: wire,
  },
  {
    name: 'blocks: the allow list wins at accept',
    file: 'src/proxy/block-list.ts',
    from: 'if (this.allowed.lookup(address) !== undefined) return false;\n    const map',
    to: 'const map',
    tests: 'test/proxy/block-list.test.ts',
  },
  {
    name: 'blocks: the allow list wins over who is here already',
    file: 'src/proxy/block-list.ts',
    from: 'return holds(this.#dropped, address) && this.allowed.lookup(address) === undefined;',
    to: 'return holds(this.#dropped, address);',
    tests: 'test/proxy/block-list.test.ts',
  },
  {
    name: 'blocks: the allow list wins over a challenge',
    file: 'src/proxy/block-list.ts',
    from: 'if (this.allowed.lookup(address) !== undefined) return false;\n    const target',
    to: 'const target',
    tests: 'test/proxy/block-list.test.ts',
  },
];
