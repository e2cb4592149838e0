/**
 * Reads what the configuration says to a module (`waf.rules.NAME.config`), key by key, and refuses it
 * with the key's place and what would be right. A refusal is an abort, so its text reaches the operator.
 *
 * ```ts
 * export function weir_configure(at: usize, length: i32): i32 {
 *   const config = new Config(at, length);
 *   status = config.integer('status', 403, 400, 599);
 *   paths = config.strings('paths');
 *   return config.done();                      // refuses keys that nobody asked for
 * }
 * ```
 *
 * Runs once in the life of an instance, so it may allocate; what it leaves in plain globals stays for
 * every request.
 */
import { Json, JsonToken, unescape } from './json';
import { equals } from './matcher';

export class Config {
  private asked: string[] = [];

  /** `path` is where this object stands in the whole, for messages. */
  constructor(
    /** The JSON of the object itself, where the host put it: not there any more after `weir_configure`. */
    readonly at: usize,
    readonly length: i32,
    readonly path: string = '',
  ) {
    if (path.length == 0) checkWhole(at, length);
  }

  has(name: string): bool {
    return this.locate(name) != null;
  }

  string(name: string, otherwise: string): string {
    const json = this.locate(name);
    return json == null ? otherwise : this.stringOf(json, name);
  }

  /** A string that has to be there. */
  required(name: string): string {
    const json = this.locate(name);
    if (json == null) throw new Error(this.nameOf(name) + ': is missing');
    return this.stringOf(json, name);
  }

  /** One of the words. */
  choice(name: string, otherwise: string, words: string[]): string {
    const word = this.string(name, otherwise);
    if (!words.includes(word)) this.refuse(name, `must be one of ${words.join(', ')}, not "${word}"`);
    return word;
  }

  integer(name: string, otherwise: i32, least: i32, most: i32): i32 {
    const json = this.locate(name);
    if (json == null) return otherwise;
    if (!json.isInteger() || json.integer < least || json.integer > most)
      this.refuse(name, `must be a whole number from ${least} to ${most}`);
    return <i32>json.integer;
  }

  flag(name: string, otherwise: bool): bool {
    const json = this.locate(name);
    if (json == null) return otherwise;
    if (json.token != JsonToken.True && json.token != JsonToken.False)
      this.refuse(name, 'must be true or false');
    return json.token == JsonToken.True;
  }

  /** A list of strings; empty when it is not there. */
  strings(name: string): string[] {
    const found: string[] = [];
    const json = this.locate(name);
    if (json == null) return found;
    if (json.token != JsonToken.ArrayBegin) this.refuse(name, 'must be a list of strings');
    while (json.next() != JsonToken.ArrayEnd)
      found.push(this.stringOf(json, `${name}[${found.length}]`));
    return found;
  }

  /** A list of whole numbers; empty when it is not there. */
  integers(name: string, most: i32, least: i32, greatest: i32): i32[] {
    const found: i32[] = [];
    const json = this.locate(name);
    if (json == null) return found;
    if (json.token != JsonToken.ArrayBegin) this.refuse(name, 'must be a list of whole numbers');
    while (json.next() != JsonToken.ArrayEnd) {
      if (!json.isInteger() || json.integer < least || json.integer > greatest)
        this.refuse(`${name}[${found.length}]`, `must be a whole number from ${least} to ${greatest}`);
      found.push(<i32>json.integer);
    }
    if (found.length > most) this.refuse(name, `has more than ${most} items`);
    return found;
  }

  /** One string or a list of them; empty when it is not there. */
  texts(name: string, most: i32): string[] {
    const json = this.locate(name);
    if (json == null) return [];
    if (json.token == JsonToken.String) return [decoded(json)];
    const found = this.strings(name);
    if (found.length > most) this.refuse(name, 'has more than ' + most.toString() + ' items');
    return found;
  }

  /** An object inside this one, or null. */
  object(name: string): Config | null {
    const json = this.locate(name);
    return json == null ? null : this.objectOf(json, name);
  }

  /** A list of objects; empty when it is not there. */
  objects(name: string): Config[] {
    const found: Config[] = [];
    const json = this.locate(name);
    if (json == null) return found;
    if (json.token != JsonToken.ArrayBegin) this.refuse(name, 'must be a list of objects');
    while (json.next() != JsonToken.ArrayEnd)
      found.push(this.objectOf(json, `${name}[${found.length}]`));
    return found;
  }

  /** The names in this object, for one whose names are the operator's own. They count as asked for. */
  names(): string[] {
    const json = new Json(this.at, this.length);
    json.next();
    while (json.next() == JsonToken.Key) {
      this.asked.push(decoded(json));
      json.skip();
    }
    return this.asked;
  }

  /** Ends with the name of the key and a sentence of the module's own. */
  refuse(name: string, why: string): void {
    throw new Error(this.nameOf(name) + ': ' + why);
  }

  /** Refuses what nobody asked for; 0, which is what `weir_configure` answers. */
  done(): i32 {
    const json = new Json(this.at, this.length);
    json.next();
    while (json.next() == JsonToken.Key) {
      const name = decoded(json);
      if (!this.asked.includes(name))
        this.refuse(
          name,
          'is not known here' + (this.asked.length == 0 ? '' : '; there is ' + this.asked.join(', ')),
        );
      json.skip();
    }
    return 0;
  }

  /** A reader whose token is the value of this key, or null. */
  private locate(name: string): Json | null {
    if (!this.asked.includes(name)) this.asked.push(name);
    const json = new Json(this.at, this.length);
    json.next();
    while (json.next() == JsonToken.Key) {
      const isIt = json.hasEscapes ? decoded(json) == name : equals(json.at, json.length, name);
      if (isIt) {
        json.next();
        return json;
      }
      json.skip();
    }
    return null;
  }

  private stringOf(json: Json, name: string): string {
    if (json.token != JsonToken.String) this.refuse(name, 'must be a string');
    return decoded(json);
  }

  private objectOf(json: Json, name: string): Config {
    if (json.token != JsonToken.ObjectBegin) this.refuse(name, 'must be an object');
    const start = json.at;
    json.skip();
    return new Config(start, <i32>(json.at + 1 - start), this.nameOf(name));
  }

  private nameOf(name: string): string {
    return this.path.length == 0 ? name : this.path + '.' + name;
  }
}

/** The text of a string or key, as UTF-8 has it. */
function decoded(json: Json): string {
  if (!json.hasEscapes) return String.UTF8.decodeUnsafe(json.at, json.length);
  const into = heap.alloc(json.length);
  return String.UTF8.decodeUnsafe(into, unescape(json.at, json.length, into));
}

function checkWhole(at: usize, length: i32): void {
  const json = new Json(at, length);
  const first = json.next();
  while (json.token > JsonToken.End) json.next();
  if (json.token == JsonToken.Wrong)
    throw new Error(`the config is no JSON: ${json.fault} at byte ${json.faultAt}`);
  if (first != JsonToken.ObjectBegin) throw new Error('the config must be an object');
}
