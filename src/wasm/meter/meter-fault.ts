/**
 * A module the rewriter does not take: it is malformed, or uses what Weir does not meter. The message
 * says where, what, and what to do about it.
 */
export class MeterFault extends Error {
  override readonly name = 'MeterFault';
  /** In the bytes as they came; null where the fault belongs to no place. */
  readonly offset: number | null;

  constructor(message: string, offset: number | null = null) {
    super(offset === null ? message : `byte ${offset}: ${message}`);
    this.offset = offset;
  }
}

/** Of a file that no compiler makes. */
export function damaged(message: string, offset: number | null = null): MeterFault {
  return new MeterFault(`${message}: the file is damaged, copy or build it anew`, offset);
}
