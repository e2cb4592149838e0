/** How the shipped modules are set up where their speed is measured: as a site with something to protect would. */

export type RuleSettings = {
  readonly grants: readonly string[];
  readonly config: object;
  readonly databases?: Readonly<Record<string, string>>;
};

const secondKey = { kty: 'oct', kid: 'b', k: 'c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA' };

/** A rule of each kind, and 200 paths nobody may ask for. */
const rules = [
  ...Array.from({ length: 200 }, (_, index) => ({
    id: `gone-${index}`,
    field: 'path',
    match: { prefix: `/old/catalogue-${index}/` },
    status: 410,
  })),
  { id: 'scripts', field: 'path', match: { glob: '*.php' }, ignoreCase: true },
  { id: 'inside', field: 'address', match: { cidr: '10.0.0.0/8' }, action: 'tag' },
  { id: 'script', field: 'any-arg', match: { contains: '<script' }, ignoreCase: true },
  {
    id: 'library',
    field: 'header:user-agent',
    match: { prefix: 'python-requests/' },
    action: 'tag',
  },
  { id: 'beta', field: 'cookie:beta', match: { equals: 'on' }, action: 'tag' },
];

const settings: Readonly<Record<string, RuleSettings>> = {
  universal: { grants: ['log', 'regex'], config: { rules } },
  'rate-limit': {
    grants: ['kv:node'],
    config: { limits: [{ id: 'all', requests: 1_000_000, seconds: 1 }] },
  },
  'jwt-check': {
    grants: ['clock', 'crypto', 'fetch', 'kv:worker'],
    config: {
      paths: '/api',
      algorithms: 'HS256',
      keys: { keys: [secondKey] },
      claims: { sub: 'x-user' },
    },
  },
  'agent-traffic': { grants: [], config: { paths: '/mcp', tools: ['search'] } },
  honeypot: { grants: ['block'], config: {} },
  // The trial's database knows no address; what is timed is the way there.
  geo: {
    grants: ['databases'],
    config: { countries: { deny: ['KP'] } },
    databases: { geo: 'geo.mmdb' },
  },
  'canary-leak': { grants: [], config: { tokens: ['canary-7f3a9b2c41'] } },
};

/** The others look at packets, which have a bench of their own (`weir module bench`). */
export const isOfRequests = ({ name }: { readonly name: string }): boolean =>
  !name.startsWith('packet-');

export const settingsOf = (name: string): RuleSettings =>
  settings[name] ?? { grants: [], config: {} };

/** Every second a prefix, the others globs; none of them holds for the requests of the bench. */
export const thousandRules: RuleSettings = {
  grants: ['log', 'regex'],
  config: {
    rules: Array.from({ length: 1_000 }, (_, index) => ({
      id: `r${index}`,
      field: 'path',
      match:
        index % 2 === 0 ? { prefix: `/api/v1/item-${index}-` } : { glob: `*/x-${index}-*.php` },
    })),
  },
};
