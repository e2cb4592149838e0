/**
 * What the management API needs of a running node. `roles/` supplies it; `admin/` only translates
 * between HTTP and these calls. Each call that changes something answers with what became live, or
 * throws a `WeirError`.
 */
import type { TopAnswer } from '#admin/shield-schema.ts';
import type { ModuleSignature } from '#core/module-signature.ts';
import type { TalkerOrder } from '#synproxy/top-talkers.ts';
import type { FleetControl } from './fleet-control.ts';
import type { FleetStatus } from './fleet-schema.ts';
import type { PartControls } from './part-controls.ts';
import type { PartStatus } from './part-status.ts';
import type { Tried } from './replay-control.ts';
import type { RuleControl, RuleStatus } from './rule-control.ts';

export interface NodeControl {
  /** What is known without asking anybody, so that it is said also while workers are busy or hang. */
  readonly life: Pick<NodeStatus, 'state' | 'workers'>;
  status(): Promise<NodeStatus>;
  /** Prometheus text format 0.0.4, merged over the supervisor and all workers. */
  metrics(): Promise<string>;

  /** A page of it, oldest first. Throws BLOCK_CURSOR_INVALID. */
  listBlocks(page: BlockPage): Promise<BlockList>;
  /** Resolves when every worker enforces it. */
  addBlock(request: BlockRequest): Promise<BlockAnswer>;
  /** All of them, or none where one is bad or there is no room. */
  importBlocks(request: BlockImport): Promise<BlockImportAnswer>;
  /** `removed` is false when the target was not listed. */
  removeBlock(target: string): Promise<BlockRemoveAnswer>;

  /** Who sends most, and what becomes of packets. */
  shieldTop(by: TalkerOrder, count: number): Promise<TopAnswer>;
  readonly rules: RuleControl;
  readonly fleet: FleetControl;
  /** What the node does beside: events and the like. */
  readonly parts: PartControls;

  listModules(): readonly ModuleStatus[];
  moduleHistory(name: string): ModuleHistory;
  /** Checked, prepared on every worker, tried in one, then live on all; the old one stays on any error. */
  loadModule(name: string, request: ModuleLoadRequest): Promise<ModuleLoadAnswer>;
  /** To the version before the live one when `to` is null. */
  rollbackModule(name: string, to: number | null): Promise<ModuleLoadAnswer>;
  removeModule(name: string, version: number): Promise<ModuleRemoveAnswer>;

  listCertificates(): readonly CertificateStatus[];
  /**
   * Renews now, whatever is due. Resolves when it is live or has failed, or with `isRenewing` when the
   * authority takes its time.
   */
  renewCertificate(name: string): Promise<CertificateStatus>;

  /** Reads the configuration file anew; all or nothing, and as it was tried where a gate was asked. */
  reload(tried: Tried | null): Promise<ReloadAnswer>;
  /** Stops accepting, finishes what is in flight, then the process ends. Resolves when it has begun. */
  drain(): Promise<DrainAnswer>;
  /** As drain, but cuts what is in flight after `graceMs`. */
  stop(graceMs: number): Promise<DrainAnswer>;
  /** Starts the program on disk in this one's place, over the same sockets, and drains. All or nothing. */
  upgrade(): Promise<UpgradeAnswer>;
}

export type NodeState = 'starting' | 'ready' | 'upgrading' | 'draining';

export type NodeStatus = {
  readonly version: string;
  readonly nodeVersion: string;
  readonly pid: number;
  readonly state: NodeState;
  /** RFC 3339. */
  readonly startedAt: string;
  readonly uptimeSeconds: number;
  readonly listeners: readonly ListenerStatus[];
  readonly admin: { readonly address: string };
  readonly workers: readonly {
    readonly slot: number;
    readonly pid: number | null;
    readonly state: 'starting' | 'ready' | 'draining' | 'backoff';
    readonly restarts: number;
    /** Of the restarts, those of workers that hung. */
    readonly hangs: number;
    /** Snapshot this worker runs. */
    readonly generation: number | null;
    readonly openConnections: number | null;
  }[];
  readonly config: {
    /** Null when the embedded defaults run. */
    readonly file: string | null;
    readonly sha256: string;
    /** Counts every change of configuration or modules that went live. */
    readonly generation: number;
    readonly loadedAt: string;
  };
  readonly modules: readonly ModuleStatus[];
  readonly upstreams: readonly UpstreamStatus[];
  /** Those the node obtains and renews by itself. */
  readonly certificates: readonly CertificateStatus[];
  readonly blocks: {
    /** Of the node and its fleet, each target once. */
    readonly count: number;
    readonly version: number;
    /** Decided by the fleet. */
    readonly fleet: number;
  };
  readonly rules: RuleStatus;
  /** Null where the node is in none. */
  readonly fleet: FleetStatus | null;
  readonly shield: ShieldStatus;
  readonly parts: PartStatus;
  /** Sums over all workers since start; null until the first worker has reported. */
  readonly requests: {
    readonly total: number;
    readonly blocked: number;
    readonly monitored: number;
    readonly upstreamErrors: number;
  } | null;
  /** Everything that is not as it should be, each with its reason. Empty when all is well. */
  readonly degraded: readonly { readonly part: string; readonly reason: string }[];
};

/**
 * Where blocked addresses are kept out: in the network driver, in the network stack, by its packet filter, or as
 * they connect.
 */
export type ShieldStep = 'xdp-native' | 'xdp-generic' | 'nftables' | 'accept';

export type ShieldStatus = {
  readonly step: ShieldStep;
  /** Why each higher step is not the one. */
  readonly refused: readonly { readonly step: ShieldStep; readonly reason: string }[];
  readonly interfaces: readonly string[];
  /** SHA-256 of the object that the packet program was loaded from; null where none is. */
  readonly object: string | null;
  /** Of the process that has the kernel's maps, or keeps the nftables table. */
  readonly pid: number | null;
  /** What the kernel has counted; null where nothing is in it, or its process does not answer. */
  readonly counters: {
    readonly exact: number;
    readonly prefixes: number;
    readonly allowed: number;
    /** What found no room, by what it was. */
    readonly lost: Readonly<Record<string, number>>;
    /** Null without the packet program. */
    readonly cookies: {
      readonly mode: 'on-demand' | 'always' | 'off';
      /** Why they are off though they are wanted. */
      readonly problem: string | null;
      /** What does not go as well as it could, with what mends it. */
      readonly notes: readonly string[];
      /** What a SYN-ACK offers; null where none is sent. */
      readonly terms: {
        readonly timestamps: boolean;
        readonly sack: boolean;
        readonly windowScaling: boolean;
        readonly windowScale: number;
        readonly window: number;
        readonly mss4: number;
        readonly mss6: number;
      } | null;
    } | null;
    /** What the module of inspect rules does; null where there is none. */
    readonly inspection: InspectionStatus | null;
    /** By verdict and protocol class, since the program was loaded. */
    readonly verdicts: readonly {
      readonly verdict: string;
      readonly protocol: string;
      readonly packets: number;
      readonly bytes: number;
    }[];
  } | null;
};

/** Since the process that does it was started. */
export type InspectionStatus = {
  readonly module: string;
  readonly sha256: string;
  /** It failed too often, and every flow gets its policy. */
  readonly isOff: boolean;
  readonly lastFailure: string | null;
  readonly packets: number;
  readonly flows: Readonly<Record<'pass' | 'drop' | 'alert' | 'undecided', number>>;
  readonly failures: number;
  /** Packets whose heads contradict each other. */
  readonly unreadable: number;
};

export type ListenerStatus = {
  /** The address bound, with the port the system picked. */
  readonly address: string;
  readonly kind: 'tls' | 'redirect' | 'plaintext' | 'tcp';
  /** What clients may speak; none where bytes pass as they are. */
  readonly protocols: readonly ('http1' | 'http2')[];
  /** Where a tcp listener leads to. */
  readonly upstream: string | null;
  readonly clientCertificates: 'off' | 'optional' | 'required';
  readonly proxyProtocol: boolean;
};

/** Starting: back, its weight rises. Unhealthy: checks fail. Open: requests failed. Trial: a few are let through. */
export type UpstreamServerState = 'healthy' | 'starting' | 'unhealthy' | 'open' | 'trial';

export type UpstreamStatus = {
  readonly name: string;
  readonly protocol: 'http1' | 'http2';
  readonly balance: 'round-robin' | 'least-connections' | 'ip-hash';
  /** Whether its servers are checked; without, requests alone tell how they are. */
  readonly isChecked: boolean;
  readonly servers: readonly {
    readonly url: string;
    readonly weight: number;
    /** The worst that a worker sees; null until one has reported. */
    readonly state: UpstreamServerState | null;
    readonly seen: readonly { readonly state: UpstreamServerState; readonly workers: number }[];
    /** Sums over workers, the counters since start. */
    readonly inFlight: number;
    readonly connections: number;
    readonly requests: number;
    readonly failures: number;
    /** Why it is out, or was last; null while it is well. */
    readonly reason: string | null;
  }[];
};

/** Kept out, or let in and counted. */
export type BlockAction = 'drop' | 'monitor';

/** What lists may say beside; nobody asks for it by hand. */
export type ListedAction = BlockAction | 'challenge';

export type BlockPage = {
  readonly limit: number;
  /** `next` of the page before; null for the first. */
  readonly after: string | null;
};

/** What was seen of an entry; null where nothing measures it, and so never a zero that is none. */
export type BlockSeen = {
  /** Dropped (or watched) in the kernel since the program or table was loaded. */
  readonly packets: number | null;
  /** Refused (or watched) as they connected, or requests behind a trusted proxy, since the node started. */
  readonly connections: number | null;
  /** RFC 3339. */
  readonly lastSeen: string | null;
};

export type BlockEntry = BlockSeen & {
  /** Canonical: an address or a CIDR range with its host bits cleared. */
  readonly target: string;
  /** Whether this node was told, or its fleet decided; a target that both name has two entries. */
  readonly scope: 'node' | 'fleet';
  /** The member of the fleet that decided it; null for one of the node alone. */
  readonly issuer: string | null;
  readonly action: ListedAction;
  readonly reason: string;
  readonly origin: string;
  readonly createdAt: string;
  /** RFC 3339, or null for one that stays until it is removed. */
  readonly expiresAt: string | null;
};

export type BlockList = {
  readonly version: number;
  readonly count: number;
  readonly entries: readonly BlockEntry[];
  /** Where the next page begins; null on the last. */
  readonly next: string | null;
};

export type BlockRequest = {
  readonly target: string;
  /** Drop where it is left out. */
  readonly action?: BlockAction;
  readonly ttlSeconds: number | null;
  readonly reason: string;
  readonly origin: string;
};

export type BlockImport = Omit<BlockRequest, 'target' | 'action'> & {
  readonly targets: readonly string[];
  readonly action: BlockAction;
};

export type BlockImportAnswer = Omit<BlockAnswer, 'target' | 'action'> & {
  readonly action: BlockAction;
  readonly added: number;
  /** Listed before: they have the new time, reason and action. */
  readonly renewed: number;
};

export type BlockAnswer = {
  readonly target: string;
  /** Null after it was removed. */
  readonly action: BlockAction | null;
  /** Version of the list that is live in every worker. */
  readonly version: number;
  readonly count: number;
  readonly workers: number;
  /** Whether the packet program has it too. */
  readonly kernel: boolean;
  readonly expiresAt: string | null;
};

export type BlockRemoveAnswer = BlockAnswer & {
  readonly removed: boolean;
  /** Who in the fleet still wants it blocked; null for nobody. */
  readonly fleetIssuer: string | null;
};

/** Where what is live came from. */
export type ModuleOrigin = 'config' | 'api' | 'watch' | 'fleet' | 'rollback' | 'quarantine';
export type ModuleVersionState = 'live' | 'ready' | 'retired' | 'quarantined' | 'failed';

export type ModuleStatus = {
  readonly name: string;
  /** As the configuration has it. */
  readonly source: string;
  readonly version: number;
  readonly sha256: string;
  readonly bytes: number;
  readonly origin: ModuleOrigin;
  /** Off: in quarantine, with no earlier version to take its place. */
  readonly state: 'live' | 'off';
  /** Name of the key, null where it is not signed or signatures are not looked at. */
  readonly signedBy: string | null;
  /** Whether the configured source held these bytes when it was last looked at. */
  readonly isAsConfigured: boolean;
  readonly loadedAt: string;
  /** Generation in which it went live. */
  readonly generation: number;
  readonly failure: 'closed' | 'open';
  readonly watch: boolean;
  /** Routes that run it. */
  readonly routes: number;
  /** Requests in which it failed, all versions since start. */
  readonly failures: number;
  /** Of the live version's instances in all workers; null while none has said so. */
  readonly memoryBytes: number | null;
  /** From its bytes to its first instance, the mean of the workers; null while none has said so. */
  readonly readyMs: number | null;
  /** Why the last load was refused, or how the live version failed last. */
  readonly lastError: string | null;
};

export type ModuleLoadRequest = {
  readonly bytes: Uint8Array;
  readonly signature: ModuleSignature | null;
  /** Text of the module's own cases. */
  readonly cases: string | null;
  /** Text of its source map. */
  readonly sourceMap: string | null;
  /** What a gate let through; null where none was asked. */
  readonly tried: Tried | null;
};

export type ModuleLoadAnswer = {
  readonly module: ModuleStatus;
  readonly previousSha256: string;
  readonly generation: number;
  readonly workers: number;
};

export type ModuleHistory = {
  readonly name: string;
  /** Newest first. */
  readonly versions: readonly {
    readonly version: number;
    readonly state: ModuleVersionState;
    readonly sha256: string;
    readonly bytes: number;
    readonly origin: ModuleOrigin;
    readonly source: string;
    /** When it went live the last time, or was refused. */
    readonly loadedAt: string;
    readonly signedBy: string | null;
    readonly sequence: number | null;
    /** Whether its bytes are on disk, so that it can go live again. */
    readonly isKept: boolean;
    readonly error: string | null;
  }[];
};

export type ModuleRemoveAnswer = {
  readonly name: string;
  readonly version: number;
  readonly sha256: string;
  readonly bytes: number;
  /** What it was. */
  readonly state: ModuleVersionState;
};

export type CertificateStatus = {
  readonly names: readonly string[];
  /** `awaiting`: a name has none yet; `failing`: the last attempt to get or renew it failed. */
  readonly state: 'valid' | 'awaiting' | 'failing';
  readonly isRenewing: boolean;
  /** RFC 3339; null while there is none. */
  readonly notAfter: string | null;
  readonly sha256: string | null;
  /** RFC 3339: when it is renewed, or tried again. */
  readonly renewsAt: string;
  /** In a row. */
  readonly failures: number;
  readonly lastError: string | null;
};

export type ReloadAnswer = {
  readonly generation: number;
  readonly sha256: string;
  readonly workers: number;
  /** Paths of the values that changed. */
  readonly changed: readonly string[];
};

export type DrainAnswer = {
  readonly state: 'draining';
  readonly openConnections: number | null;
  readonly deadline: string;
};

export type UpgradeAnswer = {
  /** The process that serves from now on. */
  readonly pid: number;
  readonly version: string;
  /** Of its configuration. */
  readonly sha256: string;
  readonly workers: number;
  readonly tookMs: number;
  /** The process that was asked, which ends when its connections have. */
  readonly drains: {
    readonly pid: number;
    readonly openConnections: number | null;
    readonly deadline: string;
  };
};
