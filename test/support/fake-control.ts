/**
 * A double of `NodeControl` that keeps its blocks and modules in memory, for tests of the management
 * API and the command line. What a test wants to go wrong it puts into `failWith`.
 */
import type {
  BlockEntry,
  BlockImport,
  BlockPage,
  BlockRequest,
  CertificateStatus,
  ListenerStatus,
  ModuleLoadRequest,
  ModuleStatus,
  NodeControl,
  NodeStatus,
} from '#admin/control.ts';
import type { Tried } from '#admin/replay-control.ts';
import type { TopAnswer } from '#admin/shield-schema.ts';
import { WeirError } from '#core/errors.ts';
import { FakeReplay } from './fake-replay.ts';
import { FakeRules } from './fake-rules.ts';

export class FakeControl implements NodeControl {
  readonly calls: string[] = [];
  readonly added: BlockRequest[] = [];
  readonly rules = new FakeRules((name) => this.#call(name));
  readonly blocks = new Map<string, BlockEntry>();
  fleetBlocks = 0;
  fleetStatus: NodeStatus['fleet'] = null;
  readonly fleet: NodeControl['fleet'] = {
    addBlock: async ({ target, action, ttlSeconds, waitMs }) => {
      this.#call(`fleet add ${target} ${ttlSeconds} ${waitMs}`);
      return { ...fleetAnswer, target, action };
    },
    removeBlock: async (target, _, waitMs) => {
      this.#call(`fleet remove ${target} ${waitMs}`);
      return { ...fleetAnswer, target, action: 'clear', expiresAt: null, removed: true };
    },
  };
  readonly parts: NodeControl['parts'] = {
    events: {
      list: async () => [],
      newestPlace: 0,
      find: async () => {
        throw new WeirError('EVENT_UNKNOWN', 'no such event');
      },
      counts: async () => [],
    },
    exclusions: {
      list: () => [],
      exclude: async () => {
        throw new WeirError('EVENT_UNKNOWN', 'no such event');
      },
      remove: async () => {
        throw new WeirError('EXCLUSION_UNKNOWN', 'no such exclusion');
      },
    },
    feeds: {
      list: () => [],
      show: (name) => {
        throw new WeirError('FEED_UNKNOWN', name);
      },
      refresh: async (name) => {
        throw new WeirError('FEED_UNKNOWN', name);
      },
    },
    inspection: {
      inspect: async () => {
        throw new WeirError('REPLAY_BUSY', 'it is a fake');
      },
    },
    replay: new FakeReplay((name) => this.#call(name)),
  };
  state: NodeStatus['state'] = 'ready';
  shield: NodeStatus['shield'] = {
    step: 'accept',
    refused: [{ step: 'xdp-native', reason: 'it needs CAP_BPF' }],
    interfaces: [],
    object: null,
    pid: null,
    counters: null,
  };
  workers: NodeStatus['workers'] = [worker(0, 'ready'), worker(1, 'ready')];
  degraded: NodeStatus['degraded'] = [];
  requests: NodeStatus['requests'] = {
    total: 1_234_567,
    blocked: 12,
    monitored: 3,
    upstreamErrors: 0,
  };
  upstreams: NodeStatus['upstreams'] = [];
  certificates: readonly CertificateStatus[] = [];
  /** Who in the fleet still blocks what is removed here. */
  fleetIssuer: string | null = null;
  failWith: unknown = null;
  loaded: Uint8Array | null = null;
  sentAlong: Omit<ModuleLoadRequest, 'bytes' | 'tried'> | null = null;
  /** What a gate let through, as it came with the change. */
  tried: Tried | null = null;

  get life(): Pick<NodeStatus, 'state' | 'workers'> {
    this.#call('life');
    return { state: this.state, workers: this.workers };
  }

  async status(): Promise<NodeStatus> {
    this.#call('status');
    return {
      version: '0.1.0',
      nodeVersion: 'v26.10.0',
      pid: 4711,
      state: this.state,
      startedAt: '2026-01-02T03:04:05.000Z',
      uptimeSeconds: 93_784,
      listeners: [
        listener('0.0.0.0:8443', 'tls', { protocols: ['http1', 'http2'] }),
        listener('[::]:8080', 'redirect', { protocols: ['http1'] }),
        listener('0.0.0.0:5432', 'tcp', { upstream: 'database', proxyProtocol: true }),
      ],
      admin: { address: '127.0.0.1:9999' },
      workers: this.workers,
      config: {
        file: '/etc/weir/weir.yaml',
        sha256: 'ab'.repeat(32),
        generation: 3,
        loadedAt: '2026-01-02T03:04:05.000Z',
      },
      modules: [coreModule],
      upstreams: this.upstreams,
      certificates: this.certificates,
      blocks: { count: this.blocks.size, version: 7, fleet: this.fleetBlocks },
      rules: this.rules.change,
      fleet: this.fleetStatus,
      shield: this.shield,
      parts: {
        events: { total: 0, kept: 0, lost: 0, sinks: [] },
        feeds: [],
        crowdsec: { lapi: null, serve: null },
        behaviour: {
          rates: { count: 0, buckets: 0, limited: 0, challenged: 0, monitored: 0 },
          behaviour: null,
        },
        replay: { recording: null, shadows: [] },
      },
      requests: this.requests,
      degraded: this.degraded,
    };
  }

  async metrics(): Promise<string> {
    this.#call('metrics');
    return '# TYPE weir_requests_total counter\nweir_requests_total 5\n';
  }

  top: TopAnswer['top'] = null;

  async shieldTop(by: string, count: number): Promise<TopAnswer> {
    this.#call(`top ${by} ${count}`);
    return { step: this.shield.step, interfaces: [...this.shield.interfaces], top: this.top };
  }

  async listBlocks({ limit, after }: BlockPage) {
    this.#call('listBlocks');
    const all = [...this.blocks.values()];
    const from = after === null ? 0 : all.findIndex(({ target }) => target === after) + 1;
    const entries = all.slice(from, from + limit);
    const next = from + limit < all.length ? (entries.at(-1)?.target ?? null) : null;
    return { version: 7, count: all.length, entries, next };
  }

  async addBlock(request: BlockRequest) {
    this.#call('addBlock');
    this.added.push(request);
    const expiresAt = request.ttlSeconds === null ? null : '2026-01-02T04:04:05.000Z';
    this.blocks.set(request.target, {
      target: request.target,
      scope: 'node',
      issuer: null,
      action: request.action ?? 'drop',
      packets: null,
      connections: null,
      lastSeen: null,
      reason: request.reason,
      origin: request.origin,
      createdAt: '2026-01-02T03:04:05.000Z',
      expiresAt,
    });
    return {
      target: request.target,
      action: request.action ?? 'drop',
      version: 8,
      count: this.blocks.size,
      workers: 2,
      kernel: false,
      expiresAt,
    };
  }

  async importBlocks(request: BlockImport) {
    this.#call(`importBlocks ${request.targets.length}`);
    return {
      action: request.action,
      added: request.targets.length,
      renewed: 0,
      version: 8,
      count: request.targets.length,
      workers: 2,
      kernel: true,
      expiresAt: null,
    };
  }

  async removeBlock(target: string) {
    this.#call(`removeBlock ${target}`);
    const removed = this.blocks.delete(target);
    return {
      target,
      action: null,
      version: 9,
      count: this.blocks.size,
      workers: 2,
      kernel: false,
      expiresAt: null,
      removed,
      fleetIssuer: this.fleetIssuer,
    };
  }

  listModules() {
    this.#call('listModules');
    return [coreModule];
  }

  moduleHistory(name: string) {
    this.#call(`moduleHistory ${name}`);
    return {
      name,
      versions: [
        { ...exampleVersion, version: 3, state: 'failed' as const, error: 'trap: unreachable' },
        { ...exampleVersion, version: 2, state: 'live' as const, signedBy: 'build', sequence: 7 },
        { ...exampleVersion, version: 1, state: 'ready' as const },
      ],
    };
  }

  async rollbackModule(name: string, to: number | null) {
    this.#call(`rollbackModule ${name} ${to}`);
    return {
      module: { ...coreModule, version: to ?? 1, origin: 'rollback' as const },
      previousSha256: 'ef'.repeat(32),
      generation: 4,
      workers: 2,
    };
  }

  async removeModule(name: string, version: number) {
    this.#call(`removeModule ${name} ${version}`);
    return { name, version, sha256: exampleVersion.sha256, bytes: 9, state: 'retired' as const };
  }

  async loadModule(name: string, { bytes, signature, cases, sourceMap, tried }: ModuleLoadRequest) {
    this.#call(`loadModule ${name}`);
    this.tried = tried;
    this.sentAlong = { signature, cases, sourceMap };
    if (name !== coreModule.name) {
      throw new WeirError('MODULE_UNKNOWN', `no module is named "${name}"`, {
        details: ['configured: core'],
      });
    }
    this.loaded = bytes;
    return {
      module: { ...coreModule, bytes: bytes.length },
      previousSha256: coreModule.sha256,
      generation: 4,
      workers: 2,
    };
  }

  listCertificates() {
    this.#call('listCertificates');
    return this.certificates;
  }

  async renewCertificate(name: string) {
    this.#call(`renewCertificate ${name}`);
    const found = this.certificates.find(({ names }) => names.includes(name));
    if (found !== undefined) return found;
    if (exampleCertificate.names.includes(name)) return exampleCertificate;
    throw new WeirError('CERTIFICATE_UNKNOWN', `no managed certificate is for "${name}"`);
  }

  async reload(tried: Tried | null) {
    this.#call('reload');
    this.tried = tried;
    return { generation: 4, sha256: 'cd'.repeat(32), workers: 2, changed: ['routes[0].upstream'] };
  }

  async drain() {
    this.#call('drain');
    return { state: 'draining' as const, openConnections: 3, deadline: '2026-01-02T03:05:05.000Z' };
  }

  async upgrade() {
    this.#call('upgrade');
    return {
      pid: 4_712,
      version: '1.2.4',
      sha256: 'c'.repeat(64),
      workers: 2,
      tookMs: 1_300,
      drains: { pid: 4_711, openConnections: 3, deadline: '2026-01-02T03:05:05.000Z' },
    };
  }

  async stop(graceMs: number) {
    this.#call(`stop ${graceMs}`);
    return {
      state: 'draining' as const,
      openConnections: null,
      deadline: '2026-01-02T03:05:05.000Z',
    };
  }

  #call(name: string): void {
    this.calls.push(name);
    if (this.failWith !== null) throw this.failWith;
  }
}

export function worker(
  slot: number,
  state: NodeStatus['workers'][number]['state'],
): NodeStatus['workers'][number] {
  const running = state !== 'backoff';
  return {
    slot,
    pid: running ? 4712 + slot : null,
    state,
    restarts: running ? 0 : 2,
    hangs: running ? 0 : 1,
    generation: running ? 3 : null,
    openConnections: running ? 17 : null,
  };
}

export const exampleCertificate: CertificateStatus = {
  names: ['example.org', 'www.example.org'],
  state: 'valid',
  isRenewing: false,
  notAfter: '2026-04-02T03:04:05.000Z',
  sha256: 'ef'.repeat(32),
  renewsAt: '2026-03-03T03:04:05.000Z',
  failures: 0,
  lastError: null,
};

const coreModule: ModuleStatus = {
  name: 'core',
  source: 'builtin:core',
  version: 1,
  sha256: '0123456789abcdef'.repeat(4),
  bytes: 4_096,
  origin: 'config',
  state: 'live',
  signedBy: null,
  isAsConfigured: true,
  loadedAt: '2026-01-02T03:04:05.000Z',
  generation: 1,
  failure: 'closed',
  watch: false,
  routes: 1,
  failures: 0,
  memoryBytes: 1_048_576,
  readyMs: null,
  lastError: null,
};

const exampleVersion = {
  sha256: coreModule.sha256,
  bytes: 4_096,
  origin: 'api' as const,
  source: 'api',
  loadedAt: '2026-01-02T03:04:05.000Z',
  signedBy: null,
  sequence: null,
  isKept: true,
  error: null,
};

function listener(
  address: string,
  kind: ListenerStatus['kind'],
  more: Partial<ListenerStatus>,
): ListenerStatus {
  return {
    address,
    kind,
    protocols: [],
    upstream: null,
    clientCertificates: 'off',
    proxyProtocol: false,
    ...more,
  };
}

const fleetAnswer = {
  ...{ expiresAt: '2026-01-02T04:04:05.000Z', version: 7, workers: 2, kernel: false },
  ...{ issuer: 'a', sequence: 5, published: true, removed: false },
  ...{ others: 3, present: 2, acknowledged: 2, waitedMs: 12 },
} as const;
