/** Which parser a request's body gets, and what of it REQUEST_BODY shows. */
import { BodyPart, FrameWord, frameWord } from './frame';
import { BodyProcessor, SettingWord, Single, word } from './layout';
import { headerNamed } from './request';
import { filesSize } from './singles';
import { parseJson } from '../engine/body/json';
import { fail, failureAt, failureLength } from '../engine/body/failure';
import { parseMultipart } from '../engine/body/multipart';
import { parseUrlEncoded } from '../engine/body/url-encoded';
import { parseXml } from '../engine/body/xml';
import { BodyFlag, bodyFlags, Collection } from '../engine/sink';
import { equalsLower } from './text';
import { bodyProcessor, forcesRequestBody, requestBodyAccess, setBodyProcessor, setReqbody } from './transaction';
import { addValue, valueAt, valueLength } from './values';

const contentType = memory.data<u8>([67, 111, 110, 116, 101, 110, 116, 45, 84, 121, 112, 101]);
const urlencodedType = memory.data<u8>([
  // application/x-www-form-urlencoded
  97, 112, 112, 108, 105, 99, 97, 116, 105, 111, 110, 47, 120, 45, 119, 119, 119, 45, 102, 111, 114,
  109, 45, 117, 114, 108, 101, 110, 99, 111, 100, 101, 100,
]);
const multipartType = memory.data<u8>([
  // multipart/form-data
  109, 117, 108, 116, 105, 112, 97, 114, 116, 47, 102, 111, 114, 109, 45, 100, 97, 116, 97,
]);

let typeAt: usize = 0;
let typeLength: i32 = 0;

function readType(): void {
  const header = headerNamed(Collection.requestHeaders, contentType, 12);
  typeAt = header == 0 ? 0 : valueAt(header);
  typeLength = header == 0 ? 0 : valueLength(header);
}

/** Before phase 1: forms are known by their type; everything else is for rules to say. */
export function chooseProcessor(): void {
  readType();
  if (typeLength >= 33 && equalsLower(typeAt, 33, urlencodedType))
    setBodyProcessor(BodyProcessor.URLENCODED);
  else if (typeLength >= 19 && equalsLower(typeAt, 19, multipartType))
    setBodyProcessor(BodyProcessor.MULTIPART);
}

/** Before phase 2. */
export function readRequestBody(settings: usize): void {
  if (!requestBodyAccess || (frameWord(FrameWord.requestBodyFlags) & BodyPart.present) == 0) return;
  const at = <usize>frameWord(FrameWord.requestBody);
  const length = <i32>frameWord(FrameWord.requestBodyBytes);
  if (length == 0) return;
  // ModSecurity 2: the raw text is there for forms, and where nothing takes it apart but a rule asks for it.
  const isDocument = bodyProcessor == BodyProcessor.JSON || bodyProcessor == BodyProcessor.XML;
  const isText = isDocument && (frameWord(FrameWord.requestBodyFlags) & BodyPart.text) != 0;
  const isShown =
    isText ||
    bodyProcessor == BodyProcessor.URLENCODED ||
    (bodyProcessor == BodyProcessor.none && forcesRequestBody);
  if (isShown) addValue(Single.requestBody, 0, 0, at, length);
  if (isText || bodyProcessor == BodyProcessor.none) return;
  readType();
  switch (bodyProcessor) {
    case BodyProcessor.URLENCODED:
      parseUrlEncoded(at, length, Collection.argsPost, <u8>word(settings, SettingWord.argumentSeparator));
      break;
    case BodyProcessor.MULTIPART:
      parseMultipart(at, length, typeAt, typeLength);
      break;
    case BodyProcessor.XML:
      parseXml(at, length);
      break;
    case BodyProcessor.JSON:
      parseJson(at, length, <i32>word(settings, SettingWord.jsonDepthMax));
      break;
    default:
      break;
  }
  const files = bodyProcessor == BodyProcessor.MULTIPART ? filesSize() : 0;
  if (<i64>length - files > <i64>word(settings, SettingWord.requestBodyNoFilesLimitBytes))
    fail('Request body excluding files is bigger than the maximum expected.');
  noteArguments();
}

/** More arguments than `SecArgumentsLimit` are an error of the request, wherever they stand. */
export function noteArguments(): void {
  if ((bodyFlags() & BodyFlag.argumentsLimit) != 0) fail('SecArgumentsLimit exceeded');
  setReqbody(bodyFlags(), failureAt(), failureLength());
}
