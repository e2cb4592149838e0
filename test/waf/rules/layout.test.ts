/** The rule image, the frame and the answer of a call are the same on both sides, name by name. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import * as image from '#waf/rules/image-layout.ts';
import { collection, firstSingle, singleNames, sourceCount } from '#waf/rules/sources.ts';
import * as frame from '#wasm/seclang/call-frame.ts';

const root = join(import.meta.dirname, '../../..');

type Numbers = Readonly<Record<string, number>>;

async function namespacesOf(file: string): Promise<ReadonlyMap<string, Numbers>> {
  const text = await readFile(join(root, 'wasm-rules', file), 'utf8');
  const found = new Map<string, Numbers>();
  for (const [, name = '', body = ''] of text.matchAll(/export namespace (\w+) \{([\s\S]*?)\n\}/g))
    found.set(
      name,
      Object.fromEntries(
        [...body.matchAll(/export const (\w+): [iu]32 = (\d+);/g)].map(([, key = '', value]) => [
          key,
          Number(value),
        ]),
      ),
    );
  return found;
}

const camel = (name: string): string =>
  name.toLowerCase().replaceAll(/_([a-z])/g, (_all, letter: string) => letter.toUpperCase());

const single = Object.fromEntries(singleNames.map((name, at) => [camel(name), firstSingle + at]));

const sides: readonly [file: string, guest: string, host: Numbers][] = [
  ['seclang/layout.ts', 'Header', image.header],
  ['seclang/layout.ts', 'Need', image.need],
  ['seclang/layout.ts', 'RuleWord', image.ruleWord],
  ['seclang/layout.ts', 'RuleFlag', image.ruleFlag],
  ['seclang/layout.ts', 'Disruption', image.disruption],
  ['seclang/layout.ts', 'LinkWord', image.linkWord],
  ['seclang/layout.ts', 'LinkFlag', image.linkFlag],
  ['seclang/layout.ts', 'TargetWord', image.targetWord],
  ['seclang/layout.ts', 'SelectorKind', image.selectorKind],
  ['seclang/layout.ts', 'Part', image.part],
  ['seclang/layout.ts', 'PieceWord', image.pieceWord],
  ['seclang/layout.ts', 'PieceKind', image.pieceKind],
  ['seclang/layout.ts', 'SetWord', image.setWord],
  ['seclang/layout.ts', 'Change', image.change],
  ['seclang/layout.ts', 'ValueKind', image.valueKind],
  ['seclang/layout.ts', 'ControlWord', image.controlWord],
  ['seclang/layout.ts', 'ControlKind', image.controlKind],
  ['seclang/layout.ts', 'EngineMode', image.engineMode],
  ['seclang/layout.ts', 'BodyProcessor', image.bodyProcessor],
  ['seclang/layout.ts', 'ClassWord', image.classWord],
  ['seclang/layout.ts', 'NodeWord', image.nodeWord],
  ['seclang/layout.ts', 'ChildWord', image.childWord],
  ['seclang/layout.ts', 'UseWord', image.useWord],
  ['seclang/layout.ts', 'SettingWord', image.settingWord],
  ['seclang/layout.ts', 'Operator', image.operatorNumber],
  ['seclang/layout.ts', 'Single', single],
  [
    'seclang/layout.ts',
    'Source',
    {
      tx: collection.tx,
      matchedVars: collection.matchedVars,
      firstSingle,
      count: sourceCount,
      none: image.noSource,
    },
  ],
  ['seclang/frame.ts', 'FrameWord', frame.frameWord],
  ['seclang/frame.ts', 'Run', frame.run],
  ['seclang/frame.ts', 'FrameFlag', frame.frameFlag],
  ['seclang/frame.ts', 'BodyPart', frame.bodyPart],
  ['seclang/records.ts', 'AnswerWord', frame.answerWord],
  ['seclang/records.ts', 'MatchWord', frame.matchWord],
  ['seclang/records.ts', 'MatchFlag', frame.matchFlag],
  ['seclang/transaction.ts', 'Stop', frame.stopKind],
];

for (const [file, guest, host] of sides) {
  test(`${guest} of ${file} is what the host says it is`, async () => {
    assert.deepEqual((await namespacesOf(file)).get(guest), { ...host });
  });
}

test('collections have the numbers of the sink that fills them', async () => {
  const { tx: _tx, matchedVars: _matchedVars, ...filled } = collection;
  assert.deepEqual((await namespacesOf('engine/sink.ts')).get('Collection'), filled);
});

test('the version of the layout is the same', async () => {
  const text = await readFile(join(root, 'wasm-rules/seclang/layout.ts'), 'utf8');
  assert.match(text, new RegExp(`imageVersion: u32 = ${image.imageVersion};`));
  assert.match(text, new RegExp(`imageMagic: u32 = 0x${image.imageMagic.toString(16)};`));
});
