/** What the parts of the configuration schema are built of. */
import Type from 'typebox';

export const strict = { additionalProperties: false };
export const bytes = (fallback: number, maximum: number, description: string) =>
  Type.Integer({ minimum: 1, maximum, default: fallback, description: `${description} (bytes)` });
export const milliseconds = (fallback: number, description: string) =>
  Type.Integer({
    minimum: 1,
    maximum: 86_400_000,
    default: fallback,
    description: `${description} (ms)`,
  });
/** What upstreams and rules may be called. */
export const namePattern = '^[a-z0-9][a-z0-9_-]{0,62}$';
