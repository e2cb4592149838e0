/** One stage of a request's path or of a change: the edit that switches it off, and the test that must notice. */
export type Stage = {
  readonly name: string;
  readonly file: string;
  /** Stands in the file once. */
  readonly from: string;
  readonly to: string;
  /** The narrowest test file that notices, or a pattern of them. */
  readonly tests: string;
};
