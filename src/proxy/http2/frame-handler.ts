/**
 * What each frame of a client does (RFC 9113 sections 5.1, 6 and 8.1). Every handler gives the fault that
 * ends the session, or null; errors of one stream are dealt with here.
 */

import { BlockBuffer } from './block-buffer.ts';
import { errorCode } from './error-code.ts';
import { type Fault, faults } from './fault.ts';
import { FieldList } from './field-list.ts';
import {
  checkFrame,
  frameBytesMax,
  frameFlag,
  frameType,
  readUint32,
  streamIdMax,
  windowMax,
} from './frame.ts';
import type { FrameReader } from './frame-reader.ts';
import { HpackDecoder } from './hpack-decoder.ts';
import { crumbsMax } from './limits.ts';
import { PeerSettings } from './peer-settings.ts';
import type { Http2Stream } from './stream.ts';
import type { StreamOwner, StreamTable } from './stream-table.ts';
import { readTrailers } from './trailers.ts';

/** One list a worker: a block is decoded and used up within one callback. */
const fields = new FieldList();

/** What a frame may ask of the session itself. */
export interface FrameOwner extends StreamOwner {
  onPingAnswer(bytes: Buffer, start: number): void;
  /** The client opens no more streams. */
  onGoaway(): void;
}

export class FrameHandler {
  /** The client's first SETTINGS are there. */
  hasSettings = false;
  readonly #owner: FrameOwner;
  readonly #streams: StreamTable;
  readonly #decoder = new HpackDecoder();
  readonly #block = new BlockBuffer();
  readonly #settings = new PeerSettings();

  constructor(owner: FrameOwner, streams: StreamTable) {
    this.#owner = owner;
    this.#streams = streams;
  }

  /** A field block has begun and not ended. */
  get isInBlock(): boolean {
    return this.#block.streamId !== 0;
  }

  release(): void {
    this.#block.close();
  }

  handle(reader: FrameReader): Fault | null {
    const { type, flags, streamId, length, bytes, start, end } = reader;
    const wrong = checkFrame(type, length, streamId);
    if (wrong !== null) return wrong;
    const isFirst = !this.hasSettings;
    if (isFirst && (type !== frameType.settings || (flags & frameFlag.ack) !== 0))
      return faults.protocol;
    const open = this.#block.streamId;
    // Between the frames of a block nothing else may come (section 6.10).
    if (open !== 0 && (type !== frameType.continuation || streamId !== open))
      return faults.protocol;
    switch (type) {
      case frameType.data:
        return this.#onData(streamId, flags, bytes, start, end);
      case frameType.headers:
        return this.#onHeaders(streamId, flags, bytes, start, end);
      case frameType.continuation:
        return this.#onContinuation(flags, bytes, start, end);
      case frameType.settings:
        return this.#onSettings(flags, bytes, start, end);
      case frameType.windowUpdate:
        return this.#onWindowUpdate(streamId, readUint32(bytes, start) & windowMax);
      case frameType.rstStream:
        return this.#onReset(streamId);
      case frameType.ping:
        return this.#onPing(flags, bytes, start);
      case frameType.priority:
        return this.#onPriority(streamId, bytes, start, length);
      case frameType.pushPromise:
        return faults.protocol;
      case frameType.goaway:
        if (length < 8) return faults.frameSize;
        this.#owner.onGoaway();
        return null;
      default:
        return this.#owner.allowances.spend('useless-frames');
    }
  }

  #onData(id: number, flags: number, bytes: Buffer, start: number, end: number): Fault | null {
    const streams = this.#streams;
    const flowSize = end - start;
    let from = start;
    let to = end;
    if ((flags & frameFlag.padded) !== 0) {
      if (flowSize === 0) return faults.frameSize;
      from++;
      to -= bytes[start] as number;
      if (to < from) return faults.protocol;
    }
    const isLast = (flags & frameFlag.endStream) !== 0;
    if (id > streams.lastId) return faults.protocol;
    if (!streams.receive(flowSize)) return faults.flowControl;
    if (from === to && !isLast) {
      const calm = this.#owner.allowances.spend('empty-frames');
      if (calm !== null) return calm;
    }
    const stream = streams.get(id);
    if (stream === undefined || stream.remoteEnded) {
      streams.credit(flowSize);
      if (stream !== undefined) return streams.reset(stream, errorCode.streamClosed);
      return this.#onLate(id, faults.streamClosed);
    }
    const code = stream.onData(bytes, from, to, flowSize, isLast);
    return code === errorCode.noError ? null : streams.reset(stream, code);
  }

  /** A frame of a stream that is over: harmless when it was on its way as the stream was reset. */
  #onLate(id: number, fault: Fault): Fault | null {
    return this.#streams.ended.wasReset(id)
      ? this.#owner.allowances.spend('useless-frames')
      : fault;
  }

  #onHeaders(id: number, flags: number, bytes: Buffer, start: number, end: number): Fault | null {
    let from = start;
    let to = end;
    if ((flags & frameFlag.padded) !== 0) {
      if (from === to) return faults.frameSize;
      to -= bytes[from++] as number;
    }
    let dependsOnItself = false;
    if ((flags & frameFlag.priority) !== 0) {
      if (to - from < 5) return faults.frameSize;
      dependsOnItself = (readUint32(bytes, from) & streamIdMax) === id;
      from += 5;
    }
    if (to < from || id % 2 === 0) return faults.protocol;
    const endStream = (flags & frameFlag.endStream) !== 0;
    if ((flags & frameFlag.endHeaders) !== 0)
      return this.#onBlock(id, endStream, dependsOnItself, bytes, from, to);
    this.#block.open(id, endStream, dependsOnItself);
    return this.#extendBlock(bytes, from, to);
  }

  #onContinuation(flags: number, bytes: Buffer, start: number, end: number): Fault | null {
    const block = this.#block;
    if (block.streamId === 0) return faults.protocol;
    const wrong = this.#extendBlock(bytes, start, end);
    if (wrong !== null || (flags & frameFlag.endHeaders) === 0) return wrong;
    const { streamId, endStream, dependsOnItself } = block;
    const whole = block.bytes;
    const fault = this.#onBlock(
      streamId,
      endStream,
      dependsOnItself,
      whole.bytes,
      whole.start,
      whole.end,
    );
    block.close();
    return fault;
  }

  #extendBlock(bytes: Buffer, start: number, end: number): Fault | null {
    // What is coded well is shorter than what it says; beyond this it cannot be a head we take.
    const bytesMax = this.#owner.context.snapshot.limits.headBytesMax + frameBytesMax;
    return this.#block.append(bytes, start, end, bytesMax);
  }

  /** A whole field block: a request's head, or its trailers. */
  #onBlock(
    id: number,
    endStream: boolean,
    dependsOnItself: boolean,
    bytes: Buffer,
    start: number,
    end: number,
  ): Fault | null {
    const streams = this.#streams;
    const { limits } = this.#owner.context.snapshot;
    fields.reset(limits.headBytesMax, limits.headersMax + crumbsMax);
    // Every block has to be decoded, whatever becomes of it: the table of the session goes on.
    if (!this.#decoder.decode(bytes, start, end, fields))
      return fields.isBomb ? faults.blockBytes : faults.compression;
    const stream = streams.get(id);
    if (stream !== undefined) return this.#onTrailers(stream, endStream);
    if (id > streams.lastId)
      return streams.open(id, fields, endStream, dependsOnItself, this.#settings.initialWindow);
    return this.#onLate(id, streams.ended.has(id) ? faults.streamClosed : faults.protocol);
  }

  #onTrailers(stream: Http2Stream, endStream: boolean): Fault | null {
    if (stream.remoteEnded) return this.#streams.reset(stream, errorCode.streamClosed);
    const lines = endStream ? readTrailers(fields) : null;
    if (lines === null) this.#streams.malformed(stream, 'trailers');
    else stream.onTrailers(lines);
    return null;
  }

  #onSettings(flags: number, bytes: Buffer, start: number, end: number): Fault | null {
    if ((flags & frameFlag.ack) !== 0) return end > start ? faults.frameSize : null;
    if (this.hasSettings) {
      const calm = this.#owner.allowances.spend('settings');
      if (calm !== null) return calm;
    }
    this.hasSettings = true;
    const settings = this.#settings;
    const before = settings.initialWindow;
    const wrong = settings.read(bytes, start, end);
    if (wrong !== null) return wrong;
    const streams = this.#streams;
    if (settings.headerTableSize >= 0) streams.encoder.setPeerMax(settings.headerTableSize);
    this.#owner.frames.settingsAck();
    return streams.moveWindows(settings.initialWindow - before) ?? streams.checkUnread();
  }

  #onWindowUpdate(id: number, increment: number): Fault | null {
    const calm = this.#owner.allowances.spend('window-updates');
    if (calm !== null) return calm;
    const streams = this.#streams;
    if (id === 0) return increment === 0 ? faults.protocol : streams.widen(increment);
    if (id > streams.lastId) return faults.protocol;
    const stream = streams.get(id);
    return stream === undefined ? null : streams.widenStream(stream, increment);
  }

  #onReset(id: number): Fault | null {
    const streams = this.#streams;
    if (id > streams.lastId) return faults.protocol;
    const stream = streams.get(id);
    if (stream === undefined) return this.#owner.allowances.spend('useless-frames');
    streams.cancel(stream);
    return this.#owner.allowances.spend('client-resets');
  }

  #onPing(flags: number, bytes: Buffer, start: number): Fault | null {
    if ((flags & frameFlag.ack) !== 0) {
      this.#owner.onPingAnswer(bytes, start);
      return null;
    }
    const calm = this.#owner.allowances.spend('pings');
    if (calm !== null) return calm;
    this.#owner.frames.ping(bytes, start, true);
    return this.#streams.checkUnread();
  }

  /** Priorities are read for their errors and otherwise ignored (section 5.3.2). */
  #onPriority(id: number, bytes: Buffer, start: number, length: number): Fault | null {
    const calm = this.#owner.allowances.spend('priorities');
    if (calm !== null) return calm;
    const isSelf = length === 5 && (readUint32(bytes, start) & streamIdMax) === id;
    if (length === 5 && !isSelf) return null;
    const stream = this.#streams.get(id);
    if (stream === undefined) return isSelf ? faults.protocol : faults.frameSize;
    return this.#streams.reset(stream, isSelf ? errorCode.protocolError : errorCode.frameSizeError);
  }
}
