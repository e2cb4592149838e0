/** An error the command line ends with: its sentence, its exit code, and a code for `--json`. */
import { type ExitCode, exitCodes } from '#cli/exit-codes.ts';
import type { ErrorCode } from '#core/errors.ts';

export class CliError extends Error {
  readonly exit: ExitCode;
  readonly code: string;
  /** One thing to know or do a line. */
  readonly details: readonly string[];

  constructor(
    exit: ExitCode,
    code: string,
    message: string,
    details: readonly string[] = [],
    cause?: unknown,
  ) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'CliError';
    this.exit = exit;
    this.code = code;
    this.details = details;
  }
}

export function usageError(message: string, ...details: readonly string[]): CliError {
  return new CliError(exitCodes.usage, 'USAGE', message, details);
}

export function unreachableError(
  message: string,
  details: readonly string[],
  cause?: unknown,
): CliError {
  return new CliError(
    exitCodes.unreachable,
    'DAEMON_UNREACHABLE' satisfies ErrorCode,
    message,
    details,
    cause,
  );
}

export function refusedError(
  message: string,
  details: readonly string[],
  cause?: unknown,
): CliError {
  return new CliError(
    exitCodes.refused,
    'DAEMON_REFUSED' satisfies ErrorCode,
    message,
    details,
    cause,
  );
}

export function failureError(
  message: string,
  details: readonly string[] = [],
  cause?: unknown,
): CliError {
  return new CliError(exitCodes.failure, 'FAILED', message, details, cause);
}
