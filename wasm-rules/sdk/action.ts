/**
 * What a module does where it finds something, as its configuration says: `"action": "tag"` beside the
 * keys that belong to it. One reading of these keys for all modules that ship.
 *
 * | action      | keys                                    |
 * | ----------- | --------------------------------------- |
 * | `block`     | `status`, 400 to 599                    |
 * | `challenge` |                                         |
 * | `tag`       | `tag`                                   |
 * | `score`     | `score`, -1000 to 1000                  |
 * | `off`       |                                         |
 */
import { Config } from './config';
import { block, challenge, score, tag } from './verdict';

export class Action {
  status: i32 = 403;
  tag: string = '';
  points: i32 = 5;

  constructor(
    public kind: string,
    public rule: string,
    public reason: string,
  ) {}

  /** Not 0 when the request ends here: what the phase returns. `target` and what matched are for the log. */
  take(target: string, matchedAt: usize, matchedLength: i32): usize {
    const kind = this.kind;
    if (kind == 'block')
      return block(this.status, this.rule, this.reason, target, matchedAt, matchedLength);
    if (kind == 'challenge')
      return challenge(this.rule, this.reason, target, matchedAt, matchedLength);
    if (kind == 'tag') tag(this.tag);
    else if (kind == 'score') score(this.points, this.rule);
    return 0;
  }
}

/** Reads `action` and its keys; a key of another action is left to be refused as unknown. */
export function readAction(from: Config, preset: Action, kinds: string[]): Action {
  const kind = from.choice('action', preset.kind, kinds);
  const action = new Action(kind, preset.rule, preset.reason);
  action.status = kind == 'block' ? from.integer('status', preset.status, 400, 599) : preset.status;
  action.points = kind == 'score' ? from.integer('score', preset.points, -1000, 1000) : preset.points;
  action.tag = kind == 'tag' ? from.string('tag', preset.tag) : preset.tag;
  if (kind == 'tag' && !isTag(action.tag)) from.refuse('tag', 'is not 1 to 64 of a-z, 0-9 and . _ : / -');
  return action;
}

export function isTag(text: string): bool {
  if (text.length < 1 || text.length > 64) return false;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    const isPlain = (unit >= 0x61 && unit <= 0x7a) || (unit >= 0x2d && unit <= 0x3a);
    if (!isPlain && unit != 0x5f) return false;
  }
  return true;
}

/** A field name (RFC 9110, token) in lower case. */
export function isFieldName(text: string): bool {
  if (text.length < 1 || text.length > 128) return false;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    const isLower = unit >= 0x61 && unit <= 0x7a;
    const isDigit = unit >= 0x30 && unit <= 0x39;
    if (!isLower && !isDigit && !"!#$%&'*+-.^_`|~".includes(text.charAt(i))) return false;
  }
  return true;
}
