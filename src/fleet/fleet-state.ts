/**
 * What a node keeps of the fleet beside decisions: how far it has read the stream, and the last command it
 * took of each issuer, written and synced before the command is obeyed. One file, replaced as a whole.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import Type, { type Static } from 'typebox';
import { Check } from 'typebox/value';
import { WeirError } from '#core/errors.ts';
import { writePrivateFile } from '#state/private-file.ts';

const whole = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
const shape = Type.Object(
  {
    v: Type.Literal(1),
    /** Last sequence number by issuer. */
    commands: Type.Record(Type.String({ maxLength: 64 }), whole, { maxProperties: 1_000 }),
    stream: Type.Union([
      Type.Object(
        { created: Type.String({ maxLength: 64 }), sequence: whole },
        { additionalProperties: false },
      ),
      Type.Null(),
    ]),
  },
  { additionalProperties: false },
);
type Kept = Static<typeof shape>;
export type StreamPlace = NonNullable<Kept['stream']>;

export class FleetState {
  readonly #path: string;
  #kept: Kept;
  #writing: Promise<void> = Promise.resolve();

  private constructor(path: string, kept: Kept) {
    this.#path = path;
    this.#kept = kept;
  }

  /** Throws STATE_UNUSABLE: without it commands could be replayed. */
  static open(directory: string): FleetState {
    const path = join(directory, 'fleet.json');
    let text: string;
    try {
      text = readFileSync(path, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
        throw new WeirError('STATE_UNUSABLE', `${path} cannot be read`, { cause: error });
      return new FleetState(path, { v: 1, commands: {}, stream: null });
    }
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      value = null;
    }
    if (!Check(shape, value))
      throw new WeirError(
        'STATE_UNUSABLE',
        `${path} is damaged; move it away: commands sent in the last ten minutes would be taken again`,
      );
    return new FleetState(path, value);
  }

  lastCommand(issuer: string): number {
    return this.#kept.commands[issuer] ?? -1;
  }

  get stream(): StreamPlace | null {
    return this.#kept.stream;
  }

  /** Durable when it resolves. */
  noteCommand(issuer: string, sequence: number): Promise<void> {
    const commands = { ...this.#kept.commands, [issuer]: sequence };
    return this.#write({ ...this.#kept, commands });
  }

  noteStream(stream: StreamPlace): Promise<void> {
    return this.#write({ ...this.#kept, stream });
  }

  #write(kept: Kept): Promise<void> {
    this.#kept = kept;
    const written = this.#writing.then(() =>
      writePrivateFile(this.#path, JSON.stringify(this.#kept)),
    );
    this.#writing = written.catch(() => {});
    return written;
  }
}
