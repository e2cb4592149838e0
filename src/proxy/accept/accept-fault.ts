/** Why a route does not take a request: one of a few words for counters, and a sentence for logs. */
export const acceptWords = [
  'method',
  'content-type',
  'charset',
  'extension',
  'multipart',
  'upload-extension',
  'upload-type',
  'upload-name',
] as const;

export type AcceptWord = (typeof acceptWords)[number];

export type AcceptFault = {
  readonly what: AcceptWord;
  readonly status: number;
  readonly reason: string;
  /** Where it stands, as findings name it. */
  readonly target: string;
  /** What stands there, latin1. */
  readonly matched: string;
};
