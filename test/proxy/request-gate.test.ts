/** What a request is held back for: the order in which its modules and the upstream get to see it. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { BodyPiece } from '#proxy/http1/body-piece.ts';
import type { Inspection } from '#proxy/inspection.ts';
import { RequestGate, type RequestGateOwner } from '#proxy/request-gate.ts';
import type { BodyWindow, PhaseAnswer } from '#wasm/filter.ts';

function piece(text: string, last: boolean): BodyPiece {
  const made = new BodyPiece();
  made.reset(Buffer.from(text), true);
  if (text.length > 0) made.add(0, text.length);
  made.last = last;
  return made;
}

/** A gate whose modules wait with the head, and everything that happens at it. */
function gateThatWaits(): { readonly gate: RequestGate; readonly events: string[] } {
  const events: string[] = [];
  const inspection = {
    transaction: { isMonitored: false, replacedRequestBody: null, request: {} },
    wants: () => true,
    enforces: () => true,
    requestHead(endOfStream: boolean): PhaseAnswer {
      events.push(`head, ${endOfStream ? 'nothing follows' : 'a body follows'}`);
      return 'wait';
    },
    requestBody({ bytes, isWhole }: BodyWindow): PhaseAnswer {
      events.push(`body of ${bytes.length}${isWhole ? ', whole' : ''}`);
      return null;
    },
  } as unknown as Inspection;
  const owner: RequestGateOwner = {
    mayForward: () => true,
    forward: ({ size }) => events.push(`forward ${size}`),
    forwardBody: ({ size }) => events.push(`forward ${size} more`),
    stop: () => events.push('stop'),
    refuseRequest: () => events.push('refuse'),
    wantBody: () => events.push('want'),
    pauseRequest: () => {},
  };
  return { gate: new RequestGate(owner, inspection, 100, 'inspect'), events };
}

it('a body that turns out to be empty while modules wait is shown to them all the same', () => {
  const { gate, events } = gateThatWaits();
  gate.start(piece('', false));
  gate.offer(piece('', true));
  gate.onInspected(null);
  assert.deepEqual(events, ['head, a body follows', 'body of 0, whole', 'forward 0']);
});

it('a request without a body is forwarded once its modules have waited', () => {
  const { gate, events } = gateThatWaits();
  gate.start(piece('', true));
  gate.onInspected(null);
  assert.deepEqual(events, ['head, nothing follows', 'forward 0']);
});
