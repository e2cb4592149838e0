/** What every connection of a worker shares. One object a worker, made in `worker-proxy.ts`. */
import type { DeadlineTable } from '#core/deadline-table.ts';
import type { AccessLog } from './access-log.ts';
import type { AcmeChallenges } from './acme-challenges.ts';
import type { BlockList } from './block-list.ts';
import type { Challenges } from './challenge/challenges.ts';
import type { Admission } from './listener/admission.ts';
import type { HandshakeLog } from './listener/handshake-log.ts';
import type { LoadShedder } from './load-shedder.ts';
import type { ProxyMetrics } from './proxy-metrics.ts';
import type { RateGate } from './rates/rate-gate.ts';
import type { RequestObserver } from './request-record.ts';
import type { Snapshot } from './snapshot.ts';
import type { ViewPool } from './view-pool.ts';

export type ProxyContext = {
  /** The live snapshot; replaced whole, between two requests. */
  snapshot: Snapshot;
  /** New requests are answered, then their connections closed. */
  draining: boolean;
  accessLog: AccessLog;
  readonly metrics: ProxyMetrics;
  readonly blockList: BlockList;
  readonly challenges: AcmeChallenges;
  readonly clientChallenges: Challenges;
  readonly deadlines: DeadlineTable;
  readonly admission: Admission;
  /** Null where nobody asks it. */
  handshakes: HandshakeLog | null;
  readonly load: LoadShedder;
  readonly rates: RateGate;
  /** Who looks at each request when it has ended. */
  readonly observers: readonly RequestObserver[];
  views: ViewPool;
};
