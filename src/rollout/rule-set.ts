/**
 * The rules a fleet is to run: for each module and policy what is next, what was before, and which nodes have come
 * to it. One document for all, so a node that was away has to ask for one thing.
 *
 * ```
 * a node none of whose tags is in `only`, or one of them in `hold`    keeps what it runs
 * a node in `nodes`, or `nodes` null                                  runs `content`
 * any other                                                           runs what is `before`, by the tags of then
 * ```
 *
 * No content, or none before, is what the node's own configuration and history say: the fleet lets go of the name.
 */
import Type, { type Static } from 'typebox';
import { memberPattern } from '#fleet/subjects.ts';
import { type Content, type ContentKind, content, rulesName } from './content.ts';
import { documentHead } from './signed-document.ts';

const strict = { additionalProperties: false };

/** As many as a configuration may have rules, and some policies. */
export const setItemsMax = 80;
export const rolloutNodesMax = 1_000;

export const rolloutId = Type.String({ pattern: '^[a-z0-9][a-z0-9-]{0,79}$' });
export const nodeNames = Type.Array(Type.String({ pattern: memberPattern }), {
  maxItems: rolloutNodesMax,
});
export const tagNames = Type.Array(Type.String({ minLength: 1, maxLength: 64 }), { maxItems: 32 });
const contentOrNull = Type.Union([content, Type.Null()]);
const kind = Type.Union([Type.Literal('module'), Type.Literal('policy')]);

/** What there was before, and whom it was for. */
export const earlier = Type.Object(
  { content: contentOrNull, only: tagNames, hold: tagNames },
  strict,
);
export type Earlier = Static<typeof earlier>;

export const setItem = Type.Object(
  {
    kind,
    name: rulesName,
    /** Which rollout says so: what was refused once is tried again when another one says it. */
    rollout: rolloutId,
    content: contentOrNull,
    before: Type.Union([earlier, Type.Null()]),
    nodes: Type.Union([nodeNames, Type.Null()]),
    only: tagNames,
    hold: tagNames,
    /** Whether that rollout was taken back: then nobody keeps what it gave. */
    isTakenBack: Type.Boolean(),
  },
  strict,
);

export const ruleSet = Type.Object(
  {
    ...documentHead,
    /** While something moves nodes say how they are each second, and not each ten. */
    isMoving: Type.Boolean(),
    items: Type.Array(setItem, { maxItems: setItemsMax }),
  },
  strict,
);

export type SetItem = Static<typeof setItem>;
export type RuleSet = Static<typeof ruleSet>;

export type Wanted =
  /** What it runs is its own affair. */
  | { readonly what: 'held' }
  /** `isNext`: its turn has come. */
  | { readonly what: 'content'; readonly content: Content; readonly isNext: boolean }
  | { readonly what: 'own' };

export function isMeant(
  { only, hold }: Pick<SetItem, 'only' | 'hold'>,
  tags: readonly string[],
): boolean {
  if (tags.some((tag) => hold.includes(tag))) return false;
  return only.length === 0 || tags.some((tag) => only.includes(tag));
}

/** `given` is the rollout that what the node has of the fleet is from; null where it has nothing of it. */
export function wantedOf(
  item: SetItem,
  node: string,
  tags: readonly string[],
  given: string | null,
): Wanted {
  const isNext = item.nodes === null || item.nodes.includes(node);
  const found = isNext || !isMeant(item, tags) ? item : item.before;
  if (found === null) return { what: 'own' };
  if (!isMeant(found, tags))
    return { what: item.isTakenBack && given === item.rollout ? 'own' : 'held' };
  return found.content === null
    ? { what: 'own' }
    : { what: 'content', content: found.content, isNext };
}

export const itemKey = ({ kind: of, name }: { kind: ContentKind; name: string }): string =>
  `${of}/${name}`;
