/** Numbers of transformations: the order of `src/waf/language/transformation-names.ts`; a test holds them together. */
export namespace Transformation {
  export const base64Decode: i32 = 0;
  export const base64DecodeExt: i32 = 1;
  export const base64Encode: i32 = 2;
  export const cmdLine: i32 = 3;
  export const compressWhitespace: i32 = 4;
  export const cssDecode: i32 = 5;
  export const escapeSeqDecode: i32 = 6;
  export const hexDecode: i32 = 7;
  export const hexEncode: i32 = 8;
  export const htmlEntityDecode: i32 = 9;
  export const jsDecode: i32 = 10;
  export const length: i32 = 11;
  export const lowercase: i32 = 12;
  export const md5: i32 = 13;
  export const normalizePath: i32 = 14;
  export const normalizePathWin: i32 = 15;
  export const parityEven7bit: i32 = 16;
  export const parityOdd7bit: i32 = 17;
  export const parityZero7bit: i32 = 18;
  export const removeComments: i32 = 19;
  export const removeCommentsChar: i32 = 20;
  export const removeNulls: i32 = 21;
  export const removeWhitespace: i32 = 22;
  export const replaceComments: i32 = 23;
  export const replaceNulls: i32 = 24;
  export const sha1: i32 = 25;
  export const sqlHexDecode: i32 = 26;
  export const trim: i32 = 27;
  export const trimLeft: i32 = 28;
  export const trimRight: i32 = 29;
  export const uppercase: i32 = 30;
  export const urlDecode: i32 = 31;
  export const urlDecodeUni: i32 = 32;
  export const urlEncode: i32 = 33;
  export const utf8toUnicode: i32 = 34;
}
