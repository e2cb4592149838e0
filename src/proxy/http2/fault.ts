/** What ends a session: the code its GOAWAY says, and the name it is counted under. */
import { type ErrorCode, errorCode } from './error-code.ts';
import type { SessionEnding } from './http2-metrics.ts';

export type Fault = { readonly code: ErrorCode; readonly ending: SessionEnding };

const fault = (code: ErrorCode, ending: SessionEnding): Fault => ({ code, ending });

export const faults = {
  protocol: fault(errorCode.protocolError, 'protocol'),
  streamClosed: fault(errorCode.streamClosed, 'protocol'),
  frameSize: fault(errorCode.frameSizeError, 'frame-size'),
  flowControl: fault(errorCode.flowControlError, 'flow-control'),
  compression: fault(errorCode.compressionError, 'compression'),
  blockFrames: fault(errorCode.enhanceYourCalm, 'block-frames'),
  blockBytes: fault(errorCode.enhanceYourCalm, 'block-bytes'),
  unreadAnswers: fault(errorCode.enhanceYourCalm, 'unread-answers'),
  prefaceTime: fault(errorCode.settingsTimeout, 'preface-time'),
  headTime: fault(errorCode.enhanceYourCalm, 'head-time'),
  idle: fault(errorCode.noError, 'idle'),
} as const;
