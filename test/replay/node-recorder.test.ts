/** A recording of a node, between its workers and its file. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { findRecorded } from '#replay/find-recorded.ts';
import { encodeRequest } from '#replay/recorded-request.ts';
import { readRecording } from '#replay/recording-file.ts';
import { RecordingStore } from '#replay/recording-store.ts';
import { NodeRecorder, type RecorderHost } from '#roles/node-recorder.ts';

import { until } from '../support/until.ts';

const folder = mkdtempSync(join(tmpdir(), 'weir-recordings-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const terms = {
  minutes: 60,
  sharePercent: 100,
  routes: [],
  requestsMax: 10,
  bytesMax: 1_000_000,
  answerBytes: 0,
};
const payload = (id: string, body = '') =>
  encodeRequest({
    ...{ id, atMs: 1, client: '192.0.2.1', tls: false, ja4: '', certificate: null, major: 1 },
    ...{ chunked: false, body: 'whole', route: '* /', status: 200, outcome: 'forwarded', rule: '' },
    ...{
      head: Buffer.from('GET / HTTP/1.1\r\n\r\n'),
      bytes: Buffer.from(body),
      responseHead: null,
    },
  });

function recorderOf(name: string) {
  const sent: { kind: string; slot: number | undefined }[] = [];
  const host: RecorderHost = {
    statePath: join(folder, name),
    log: { info: () => {} },
    live: () => ({ generation: 3, bodyWindowBytes: 1_024, routes: ['* /', '* /shop'] }),
    setDegraded: () => {},
    send: ({ kind }, slot) => sent.push({ kind, slot }),
  };
  const recorder = new NodeRecorder(host);
  return { recorder, sent };
}

async function idsOf(recorder: NodeRecorder, id: string): Promise<string[]> {
  const ids: string[] = [];
  const read = readRecording(recorder.store.pathOf(id));
  for await (const request of read.requests()) ids.push(request.id);
  assert.equal(read.problem, null);
  return ids;
}

describe('a recording', () => {
  it('holds what workers have sent until each has said that it has sent all', async () => {
    const { recorder, sent } = recorderOf('whole');
    recorder.join(0);
    recorder.join(1);
    let hasBegun = false;
    const starting = recorder.start(terms).then((begun) => {
      hasBegun = true;
      return begun;
    });
    await until('the order is out', () => sent.length > 0);
    const { id } = recorder.running ?? assert.fail('none is under way');
    recorder.started(0, id);
    await setImmediate();
    assert.equal(hasBegun, false, 'a worker does not record yet');
    recorder.started(1, id);
    assert.equal(await starting, id);
    recorder.join(2);
    assert.deepEqual(sent, [
      { kind: 'record', slot: undefined },
      { kind: 'record', slot: 2 },
    ]);
    recorder.take([payload('a'), payload('b')], 3);
    const stopped = recorder.stop();
    recorder.stopped(0, id);
    recorder.take([payload('late')], 0);
    recorder.stopped(1, id);
    recorder.leave(2);
    assert.equal(await stopped, id);
    assert.deepEqual(await idsOf(recorder, id), ['a', 'b', 'late']);
    assert.deepEqual(await findRecorded(recorder.store, 'b'), {
      ...{ method: 'GET', target: '/', version: 'HTTP/1.1', fields: [], body: '' },
      clientAddress: '192.0.2.1',
    });
    assert.equal(await findRecorded(recorder.store, 'none'), null);
    const [entry] = await recorder.store.list();
    assert.deepEqual([entry?.end?.requests, entry?.end?.dropped], [3, 3]);
    assert.equal(recorder.running, null);
  });

  const bounds: readonly (readonly [string, Partial<typeof terms>, RegExp])[] = [
    ['requests', { requestsMax: 2 }, /it has 2 requests/],
    ['bytes', { bytesMax: 700 }, /it has 700 bytes/],
  ];
  for (const [name, bound, why] of bounds)
    it(`ends at its bound of ${name}`, async () => {
      const { recorder } = recorderOf(name);
      const id = await recorder.start({ ...terms, ...bound });
      recorder.take([payload('a'), payload('b'), payload('c', 'x'.repeat(500))], 0);
      recorder.take([payload('d')], 0);
      await recorder.close();
      const ids = await idsOf(recorder, id);
      assert.ok(ids.length >= 1 && ids.length <= 2, String(ids));
      const [entry] = await recorder.store.list();
      assert.match(entry?.end?.why ?? '', why);
      assert.ok((entry?.bytes ?? 0) < 4_000);
    });

  it('is one at a time, of routes that there are, and no more than so many are kept', async () => {
    const { recorder } = recorderOf('many');
    await assert.rejects(recorder.start({ ...terms, routes: ['* /none'] }), /no route is called/);
    for (let i = 0; i < 20; i++) {
      await recorder.start({ ...terms, routes: ['* /shop'] });
      await assert.rejects(recorder.start(terms), /is under way already/);
      await recorder.stop();
    }
    await assert.rejects(recorder.start(terms), /there are 20 recordings already/);
    const [newest] = await recorder.store.list();
    assert.equal(await recorder.remove('last'), newest?.id);
    await recorder.start(terms);
    await recorder.close();
  });

  it('that was cut off is told from one that is whole', async () => {
    const store = new RecordingStore(join(folder, 'cut'));
    const begin = {
      ...{ startedAtMs: 1, sharePercent: 10, routes: [], bodyBytesMax: 1, generation: 1 },
    };
    const writer = await store.create(begin);
    writer.add(payload('a'));
    await writer.write(Buffer.from('part of a frame'));
    const [entry] = await store.list();
    assert.equal(entry?.end, null);
    assert.deepEqual(entry?.begin, begin);
    await writer.close();
  });
});
