/** The configuration the demo runs: a real one, in the words a user would write. */
import { canaryToken } from '#demo/canary.ts';
import { issuerName, keySetPath } from '#demo/issuer.ts';
import { demoCountry } from '#demo/places.ts';

export type DemoSettings = {
  /** host:port of the TLS listener. */
  readonly listen: string;
  readonly state: string;
  readonly shopUrl: string;
  /** Certificate files, without their endings. */
  readonly certificate: string;
  /** An MMDB file. */
  readonly places: string;
};

export const demoDefaults: DemoSettings = {
  listen: '127.0.0.1:8443',
  state: '.weir',
  shopUrl: 'http://127.0.0.1:8081',
  certificate: '.weir/demo/site',
  places: '.weir/demo/places.mmdb',
};

export function demoConfig(settings: DemoSettings): string {
  const { listen, state, shopUrl, certificate, places } = settings;
  // The redirect has its usual port beside the usual TLS port, and one the system picks beside another.
  const isUsual = listen === demoDefaults.listen;
  const port = listen.slice(listen.lastIndexOf(':') + 1);
  const redirect = isUsual
    ? `\n    - { address: "127.0.0.1:8080", redirect: https, redirectPort: ${port} }`
    : '';
  return `edge:
  listeners:
    - { address: ${JSON.stringify(listen)}, tls: { certificates: [{ cert: ${JSON.stringify(`${certificate}.crt`)}, key: ${JSON.stringify(`${certificate}.key`)} }] } }${redirect}
  limits: { bodyBytesMax: 4294967296 }
upstreams:
  shop: { servers: [{ url: ${JSON.stringify(shopUrl)} }] }
routes:
  - { match: { host: "*", path: / }, upstream: shop, waf: { mode: block, rules: [geo, bad-bot, honeypot, path-traversal, core, rate-limit, header-hardening] } }
  - { match: { host: "*", path: /api }, upstream: shop, waf: { mode: block, rules: [bad-bot, path-traversal, core, universal, header-hardening] } }
  - { match: { host: "*", path: /mcp }, upstream: shop, waf: { mode: block, rules: [bad-bot, path-traversal, agent-traffic, header-hardening] } }
  - { match: { host: "*", path: /account }, upstream: shop, waf: { mode: block, rules: [bad-bot, path-traversal, core, jwt-check, header-hardening] } }
  - { match: { host: "*", path: /debug }, upstream: shop, waf: { mode: block, rules: [bad-bot, path-traversal, canary-leak, header-hardening] } }
# This machine is free of limits and never blocked; who comes from elsewhere is neither for browsing.
rates:
  - { name: everybody, key: [], limit: 50000, burst: 100000 }
  - { name: address, limit: 1000, burst: 2000, penaltySeconds: 30 }
behaviour:
  violations: { count: 100, blockSeconds: 300, blockSecondsMax: 3600 }
  errors: { count: 500 }
  requests: { count: 10000 }
  baseline: { factor: 10 }
waf:
  rules:
    core: { module: "builtin:core" }
    bad-bot: { module: "builtin:bad-bot", watch: true }
    path-traversal: { module: "builtin:path-traversal", watch: true }
    honeypot: { module: "builtin:honeypot", watch: true, grants: [block] }
    header-hardening: { module: "builtin:header-hardening", watch: true }
    rate-limit:
      module: builtin:rate-limit
      watch: true
      grants: [kv:node]
      config:
        limits:
          - { id: search, paths: /search, requests: 60, seconds: 60, burst: 10 }
          - { id: order, paths: /order, methods: POST, requests: 10, seconds: 60 }
    universal:
      module: builtin:universal
      watch: true
      grants: [log, regex]
      config:
        rules:
          - id: json-only
            all:
              - { field: method, match: { equals: POST } }
              - { field: "header:content-type", match: { prefix: application/json }, not: true }
            status: 415
    agent-traffic:
      module: builtin:agent-traffic
      watch: true
      config: { paths: /mcp, tools: [search, get_product], actions: { phrase: { action: block } } }
    jwt-check:
      module: builtin:jwt-check
      watch: true
      grants: [clock, crypto, fetch, kv:worker]
      fetch: [${JSON.stringify(`${shopUrl}/`)}]
      config: { paths: /account, jwks: ${JSON.stringify(shopUrl + keySetPath)}, algorithms: ES256, issuer: ${issuerName}, claims: { sub: x-user } }
    canary-leak: { module: "builtin:canary-leak", watch: true, config: { tokens: [${canaryToken}] } }
    geo:
      module: builtin:geo
      watch: true
      grants: [databases]
      databases: { geo: ${JSON.stringify(places)} }
      config: { countries: { deny: [${demoCountry}] } }
admin: { address: ${isUsual ? '"127.0.0.1:9999"' : '"127.0.0.1:0"'} }
accessLog: { to: ${JSON.stringify(`${state}/access.log`)} }
log: { level: warn }
state: ${JSON.stringify(state)}
`;
}
