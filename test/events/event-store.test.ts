import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { type EcsEvent, ecsEvent } from '#events/ecs-event.ts';
import { EventStore, eventsFile } from '#events/event-store.ts';
import { sumEvent } from '#events/make-event.ts';

const folders: string[] = [];
after(() => {
  for (const folder of folders) rmSync(folder, { recursive: true });
});
function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'weir-event-store-'));
  folders.push(folder);
  return folder;
}

const dayMs = 86_400_000;
const bounds = { eventsMax: 100, ageMs: 30 * dayMs };
const match = {
  message: 'm',
  severity: 2,
  tags: [],
  target: 'ARGS:q',
  matched: 'x',
  points: null,
  mode: 'block',
};

const made = (id: number, atMs: number, rules: readonly string[] = ['crs/1']): EcsEvent =>
  ecsEvent({
    ...sumEvent('blocked', atMs, 'r', 1),
    id: `e${id}`,
    requestId: `r${id}`,
    client: id % 2 === 0 ? '192.0.2.1' : '2001:db8::1',
    path: '/',
    route: '* /',
    rule: 'crs/949110',
    matches: rules.map((rule) => ({ ...match, rule })),
  });

describe('the store of events', () => {
  it('keeps what was added over a restart, in a file of its owner alone', () => {
    const folder = newFolder();
    {
      using store = EventStore.open(folder);
      store.add([made(1, 1_000), made(2, 2_000)], bounds, 2_000);
    }
    using store = EventStore.open(folder);
    assert.deepEqual(
      store.list({}, 10, null).map(({ ecs }) => ecs.event.id),
      ['e1', 'e2'],
    );
    assert.deepEqual(store.find('e1')?.ecs, made(1, 1_000));
    assert.equal(store.find('r2')?.ecs.event.id, 'e2');
    assert.equal(store.find('e3'), null);
    assert.equal(statSync(join(folder, eventsFile)).mode & 0o777, 0o600);
  });

  it('lets the oldest go where there are too many, and what is too old', () => {
    using store = EventStore.open(newFolder());
    const three = { eventsMax: 3, ageMs: 30 * dayMs };
    for (let i = 1; i <= 5; i++) store.add([made(i, i)], three, i);
    const ids = () => store.list({}, 10, null).map(({ ecs }) => ecs.event.id);
    assert.deepEqual(ids(), ['e3', 'e4', 'e5']);
    store.add([made(6, 40 * dayMs)], three, 40 * dayMs);
    assert.deepEqual(ids(), ['e6']);
    assert.deepEqual(
      store.counts('rule', {}, 0, 10).map(({ name, events }) => [name, events]),
      [
        ['crs/1', 1],
        ['crs/949110', 1],
      ],
    );
  });

  it('lists by kind, route, rule and address, and goes on behind a place', () => {
    using store = EventStore.open(newFolder());
    store.add([made(1, 1), made(2, 2, ['crs/2']), made(3, 3)], bounds, 3);
    const ids = (...given: Parameters<EventStore['list']>) =>
      store.list(...given).map(({ ecs }) => ecs.event.id);
    assert.deepEqual(ids({ rule: 'crs/2' }, 10, null), ['e2']);
    assert.deepEqual(ids({ rule: '2' }, 10, null), ['e2']);
    assert.deepEqual(ids({ rule: '949110', address: '2001:db8::1' }, 10, null), ['e1', 'e3']);
    assert.deepEqual(ids({ kind: 'limited' }, 10, null), []);
    assert.deepEqual(ids({ route: '* /' }, 2, null), ['e2', 'e3']);
    const first = store.list({}, 10, null)[0]?.place ?? 0;
    assert.deepEqual(ids({}, 1, first), ['e2']);
    assert.equal(store.newestPlace, first + 2);
  });

  it('is refused where the file is another program’s', () => {
    const folder = newFolder();
    writeFileSync(join(folder, eventsFile), 'no database at all, but long enough to be looked at');
    assert.throws(() => EventStore.open(folder), /is damaged/);
  });
});
