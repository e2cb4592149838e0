/** `weir record` — a masked, bounded sample of what a node serves, kept to try rules on. */

import type { RecordingStatus } from '#admin/replay-control.ts';
import {
  recordAnswerBytesMax,
  recordBytesMax,
  recordDefaults,
  recordingRemoved,
  recordingStatus,
  recordingsAnswer,
  recordMinutesMax,
  recordRequestsMax,
} from '#admin/replay-schema.ts';
import { type Command, jsonOption, stateOption } from '#cli/command.ts';
import { callDaemon, slowCallTimeoutMs } from '#cli/daemon-client.ts';
import { formatTime } from '#cli/duration.ts';
import { exitCodes } from '#cli/exit-codes.ts';
import { numberOption } from '#cli/number-option.ts';
import { counted, thousands } from '#cli/words.ts';

export const recordStart: Command = {
  words: ['record', 'start'],
  summary: 'keep a masked sample of the traffic, to try rules on',
  positionals: [],
  options: [
    {
      name: 'minutes',
      kind: 'text',
      value: 'M',
      summary: `end after so long, at most ${recordMinutesMax} (else ${recordDefaults.minutes})`,
    },
    { name: 'share', kind: 'text', value: 'PERCENT', summary: 'of the requests (else 100)' },
    {
      name: 'routes',
      kind: 'texts',
      value: 'NAME',
      summary: 'of these routes alone, as the access log calls them: "HOST PATH"',
    },
    {
      name: 'requests-max',
      kind: 'text',
      value: 'N',
      summary: `end with so many (else ${recordDefaults.requestsMax})`,
    },
    {
      name: 'bytes-max',
      kind: 'text',
      value: 'N',
      summary: `end with so many bytes (else ${recordDefaults.bytesMax})`,
    },
    {
      name: 'answer-bytes',
      kind: 'text',
      value: 'N',
      summary: 'so much of the body of each answer, for rules on answers (else none)',
    },
    jsonOption,
    stateOption,
  ],
  examples: [
    'weir record start --minutes 30 --share 10',
    'weir record start --routes "* /shop" --requests-max 1000',
  ],
  async run(context) {
    const { given } = context;
    const minutes = numberOption(given, 'minutes', {
      min: 0.01,
      max: recordMinutesMax,
      whole: false,
    });
    const sharePercent = numberOption(given, 'share', { min: 0.01, max: 100, whole: false });
    const requestsMax = numberOption(given, 'requests-max', {
      min: 1,
      max: recordRequestsMax,
      whole: true,
    });
    const bytesMax = numberOption(given, 'bytes-max', {
      min: 65_536,
      max: recordBytesMax,
      whole: true,
    });
    const answerBytes = numberOption(given, 'answer-bytes', {
      min: 0,
      max: recordAnswerBytesMax,
      whole: true,
    });
    const recording = await callDaemon(context, {
      method: 'POST',
      path: '/api/v1/recordings',
      answer: recordingStatus,
      json: {
        routes: given.texts('routes'),
        ...(minutes === null ? {} : { minutes }),
        ...(sharePercent === null ? {} : { sharePercent }),
        ...(requestsMax === null ? {} : { requestsMax }),
        ...(bytesMax === null ? {} : { bytesMax }),
        ...(answerBytes === null ? {} : { answerBytes }),
      },
    });
    context.print.answer(recording, () => recordingText(recording));
    return exitCodes.ok;
  },
};

export const recordStop: Command = {
  words: ['record', 'stop'],
  summary: 'end the recording that is under way',
  positionals: [],
  options: [jsonOption, stateOption],
  examples: ['weir record stop'],
  async run(context) {
    const recording = await callDaemon(context, {
      method: 'POST',
      path: '/api/v1/recordings/stop',
      answer: recordingStatus,
      timeoutMs: slowCallTimeoutMs,
    });
    context.print.answer(recording, () => recordingText(recording));
    return exitCodes.ok;
  },
};

export const recordStatus: Command = {
  words: ['record', 'status'],
  summary: 'what the recording that is under way, or the newest, holds',
  positionals: [],
  options: [jsonOption, stateOption],
  examples: ['weir record status'],
  async run(context) {
    const { recordings } = await callDaemon(context, {
      method: 'GET',
      path: '/api/v1/recordings',
      answer: recordingsAnswer,
    });
    const newest = recordings[0] ?? null;
    context.print.answer(newest, () =>
      newest === null ? 'there is no recording' : recordingText(newest),
    );
    return exitCodes.ok;
  },
};

export const recordList: Command = {
  words: ['record', 'list'],
  summary: 'the recordings of the node, the newest first',
  positionals: [],
  options: [jsonOption, stateOption],
  examples: ['weir record list'],
  async run(context) {
    const answer = await callDaemon(context, {
      method: 'GET',
      path: '/api/v1/recordings',
      answer: recordingsAnswer,
    });
    context.print.answer(answer, () => {
      if (answer.recordings.length === 0) return 'there is no recording';
      const title = ['NAME', 'STATE', 'SINCE', 'REQUESTS', 'DROPPED', 'BYTES', 'SHARE', 'ROUTES'];
      const rows = answer.recordings.map((one) => [
        ...[one.id, one.state, formatTime(one.startedAt)],
        ...[numberText(one.requests), numberText(one.dropped), thousands(one.bytes)],
        ...[`${one.sharePercent} %`, one.routes.length === 0 ? 'all' : one.routes.join(', ')],
      ]);
      return context.print.columns([
        title.map((text) => ({ text, style: 'dim' as const })),
        ...rows,
      ]);
    });
    return exitCodes.ok;
  },
};

export const recordRemove: Command = {
  words: ['record', 'remove'],
  summary: 'take a recording off the disk',
  positionals: ['RECORDING'],
  options: [jsonOption, stateOption],
  examples: ['weir record remove 20260102-030405-7f3a'],
  async run(context) {
    const answer = await callDaemon(context, {
      method: 'DELETE',
      path: `/api/v1/recordings/${encodeURIComponent(context.given.positional(0))}`,
      answer: recordingRemoved,
    });
    context.print.answer(answer, () => `recording ${answer.id} is gone`);
    return exitCodes.ok;
  },
};

const numberText = (value: number | null): string => (value === null ? '' : thousands(value));

function recordingText(recording: RecordingStatus): string {
  const { id, state, bytes, sharePercent, routes, answerBytes, why, bounds, dropped } = recording;
  const held = recording.requests === null ? 'requests' : counted(recording.requests, 'request');
  const lost =
    dropped === null || dropped === 0 ? '' : `, ${thousands(dropped)} more found no room`;
  const answers = answerBytes === 0 ? '' : `, answers to ${thousands(answerBytes)} bytes`;
  const of = `${sharePercent} % of ${routes.length === 0 ? 'all routes' : routes.join(', ')}${answers}`;
  const has = `${held}, ${thousands(bytes)} bytes${lost}; ${of}`;
  if (bounds !== null)
    return `recording ${id} is under way: ${has}; ends after ${bounds.minutes} min, ${counted(bounds.requestsMax, 'request')} or ${thousands(bounds.bytesMax)} bytes`;
  return state === 'whole'
    ? `recording ${id} has ended (${why ?? ''}): ${has}`
    : `recording ${id} was cut off: ${has}`;
}
