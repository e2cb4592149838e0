/** What a script can tell from `$?`. Part of the command line's contract; never renumber. */
export const exitCodes = {
  ok: 0,
  failure: 1,
  usage: 2,
  /** No daemon there, or none that answers. */
  unreachable: 3,
  /** The daemon is there and says no: the caller has no right to it, or a limit is reached. */
  refused: 4,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];
