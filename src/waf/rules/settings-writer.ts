/** The engine settings of a rule set, as the guest reads them. */
import type { EngineSettings } from '#waf/language/rule-set.ts';
import { engineMode, settingWord } from './image-layout.ts';
import type { ImageWriter } from './image-writer.ts';

const codePoints = 0x1_0000;
const unmapped = 0xffff;
const wordMax = 0xffff_ffff;

export function writeSettings(image: ImageWriter, settings: EngineSettings): number {
  const words: number[] = Array.from({ length: settingWord.size }, () => 0);
  const bounded = (value: number): number => Math.min(value, wordMax);
  words[settingWord.engineMode] = engineMode[settings.ruleEngine];
  words[settingWord.requestBodyAccess] = settings.requestBodyAccess ? 1 : 0;
  words[settingWord.requestBodyNoFilesLimitBytes] = bounded(settings.requestBodyNoFilesLimitBytes);
  words[settingWord.jsonDepthMax] = bounded(settings.requestBodyJsonDepthMax);
  words[settingWord.argumentsMax] = bounded(settings.argumentsMax);
  words[settingWord.responseBodyAccess] = settings.responseBodyAccess ? 1 : 0;
  words[settingWord.argumentSeparator] = settings.argumentSeparator.charCodeAt(0) || 0x26;
  words[settingWord.unicodeMap] =
    settings.unicodeMap === null ? 0 : image.bytes(unicodeTable(settings.unicodeMap));
  return image.words(words);
}

/** A half word a code point. */
function unicodeTable(map: ReadonlyMap<number, number>): Uint8Array {
  const table = new Uint16Array(codePoints).fill(unmapped);
  for (const [codePoint, byte] of map) if (codePoint < codePoints) table[codePoint] = byte;
  return new Uint8Array(table.buffer);
}
