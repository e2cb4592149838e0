/**
 * The stages of a request's path and of a change, each with the edit that switches it off and the tests
 * that must notice. `switch-off.ts` runs them; a test keeps the edits in step with the code.
 */
import { blockStages } from './stages/blocks.ts';
import { challengeStages } from './stages/challenges.ts';
import { connectionStages } from './stages/connection.ts';
import { detectionStages } from './stages/detection.ts';
import { eventStages } from './stages/events.ts';
import { http2Stages } from './stages/http2.ts';
import { modeStages } from './stages/modes.ts';
import { moduleStages } from './stages/modules.ts';
import { nodeStages } from './stages/node.ts';
import { packetStages } from './stages/packets.ts';
import { rateStages } from './stages/rates.ts';
import { replayStages } from './stages/replay.ts';
import { requestStages } from './stages/request.ts';
import type { Stage } from './stages/stage.ts';
import { upstreamStages } from './stages/upstream.ts';

export const stages: readonly Stage[] = [
  ...packetStages,
  ...blockStages,
  ...connectionStages,
  ...requestStages,
  ...rateStages,
  ...challengeStages,
  ...moduleStages,
  ...modeStages,
  ...detectionStages,
  ...http2Stages,
  ...upstreamStages,
  ...nodeStages,
  ...eventStages,
  ...replayStages,
];
