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
  words[settingWord.requestBodyLimitBytes] = bounded(settings.requestBodyLimitBytes);
  words[settingWord.requestBodyNoFilesLimitBytes] = bounded(settings.requestBodyNoFilesLimitBytes);
  words[settingWord.rejectsLongRequestBody] = settings.requestBodyLimitAction === 'reject' ? 1 : 0;
  words[settingWord.jsonDepthMax] = bounded(settings.requestBodyJsonDepthMax);
  words[settingWord.argumentsMax] = bounded(settings.argumentsMax);
  words[settingWord.responseBodyAccess] = settings.responseBodyAccess ? 1 : 0;
  words[settingWord.responseBodyLimitBytes] = bounded(settings.responseBodyLimitBytes);
  words[settingWord.rejectsLongResponseBody] =
    settings.responseBodyLimitAction === 'reject' ? 1 : 0;
  words[settingWord.argumentSeparator] = settings.argumentSeparator.charCodeAt(0) || 0x26;
  words[settingWord.cookieFormat] = settings.cookieFormat;
  const types = settings.responseBodyMimeTypes.map((type) => image.text(type.toLowerCase()));
  words[settingWord.responseMimeTypes] = image.words([types.length, ...types]);
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
