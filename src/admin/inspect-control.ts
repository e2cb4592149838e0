/** What the management API needs of the live rules, to say what they make of a request. */
import type { Static } from 'typebox';
import type { inspectAnswer } from './inspect-schema.ts';

export type InspectAnswer = Readonly<Static<typeof inspectAnswer>>;

export interface InspectControl {
  /** `request` is head and body as they are on the wire. */
  inspect(request: Buffer, client: string, tls: boolean): Promise<InspectAnswer>;
}
