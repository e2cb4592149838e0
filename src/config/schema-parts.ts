/** What the parts of the configuration schema are built of. */
import Type, { type TSchemaOptions } from 'typebox';

export const strict = { additionalProperties: false };
export const bytes = (fallback: number | undefined, maximum: number, description: string) =>
  Type.Integer({
    minimum: 1,
    maximum,
    ...(fallback === undefined ? {} : { default: fallback }),
    description: `${description} (bytes)`,
  });
export const count = (fallback: number, maximum: number, description: string) =>
  Type.Integer({ minimum: 1, maximum, default: fallback, description });
export const milliseconds = (fallback: number | undefined, description: string) =>
  Type.Integer({
    minimum: 1,
    maximum: 86_400_000,
    ...(fallback === undefined ? {} : { default: fallback }),
    description: `${description} (ms)`,
  });
/** One of some words. A union of what `map` gives has no type that TypeBox can name: it is said here. */
export const oneOf = <const Word extends string>(words: readonly Word[], options: TSchemaOptions) =>
  Type.Unsafe<Word>(
    Type.Union(
      words.map((word) => Type.Literal(word)),
      options,
    ),
  );
/** What upstreams and rules may be called. */
export const namePattern = '^[a-z0-9][a-z0-9_-]{0,62}$';
/** RFC 9110 section 5.6.2, bounded. */
export const headerName = "^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}$";
/** RFC 9110 section 5.5 without obs-text: no blanks at the ends. */
export const headerValue = '^(?:[!-~](?:[\\t -~]{0,4094}[!-~])?)?$';
