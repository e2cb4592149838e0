/** `routes[].waf.accept`: what a route takes at all. An empty list takes everything. */
import Type, { type Static } from 'typebox';
import { fileTypeNames } from '#core/file-types.ts';
import { oneOf, strict } from './schema-parts.ts';

const list = (pattern: string, maxItems: number, description: string) =>
  Type.Array(Type.String({ pattern }), { default: [], maxItems, description });

const extension = '^[a-z0-9]{1,16}$';

export const accept = Type.Object(
  {
    methods: list(
      '^[A-Z][A-Z-]{0,31}$',
      32,
      'request methods; another one gets 405 with these in Allow',
    ),
    contentTypes: list(
      '^[a-z0-9!#$&^_.+-]{1,64}/(?:\\*|[a-z0-9!#$&^_.+-]{1,64})$',
      64,
      'media types of request bodies, in lower case, image/* for all of one kind; another one, or none, gets 415',
    ),
    charsets: list(
      '^[a-z0-9_.:-]{1,40}$',
      16,
      'charset of the content type, in lower case; another one gets 415, none passes',
    ),
    extensions: list(
      extension,
      256,
      'file extensions of the path, in lower case; another one gets 403, none passes',
    ),
    refusedExtensions: list(
      extension,
      256,
      'file extensions, in lower case, that get 403 wherever they stand in the path',
    ),
    uploadExtensions: list(
      extension,
      256,
      'file extensions of files in multipart bodies, in lower case; another one, or none, gets 403',
    ),
    uploadTypes: Type.Array(oneOf(fileTypeNames, {}), {
      default: [],
      maxItems: 64,
      description:
        'what files in multipart bodies may be by their first bytes: one type or a kind of them; anything else gets 415',
    }),
    uploadsAsNamed: Type.Boolean({
      default: false,
      description:
        'a file in a multipart body whose extension names a type that is known by its first bytes has to be of it, else 415: a file named .jpg is a JPEG image',
    }),
  },
  { ...strict, default: {} },
);

export type Accept = Static<typeof accept>;
