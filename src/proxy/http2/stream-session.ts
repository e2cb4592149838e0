/** What a stream needs of its session. */
import type { ConnectionFacts } from '../connection-facts.ts';
import type { ProxyContext } from '../context.ts';
import type { FrameWriter } from './frame-writer.ts';
import type { HpackEncoder } from './hpack-encoder.ts';
import type { Malformation } from './http2-metrics.ts';
import type { Output } from './output.ts';
import type { Http2Stream } from './stream.ts';

export interface StreamSession {
  readonly facts: ConnectionFacts;
  readonly context: ProxyContext;
  readonly encoder: HpackEncoder;
  readonly frames: FrameWriter;
  readonly output: Output;
  /** What the client takes of DATA over all streams. */
  sendWindow: number;
  /** Bytes of a body that are the upstream's now, or nobody's: the client may send as many more. */
  credit(count: number): void;
  /** The stream has something to say that has to wait. */
  waits(stream: Http2Stream): void;
  sentData(): void;
  /** The stream is over, by an end on both sides or by a reset. */
  closed(stream: Http2Stream, wasReset: boolean): void;
  /** The response is whole and the request is not: the client is asked to stop, soon. */
  resetLate(streamId: number): void;
  malformed(stream: Http2Stream, reason: Malformation): void;
}
