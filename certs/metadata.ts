/**
 * The three calls of the `Reflect` metadata proposal that `@peculiar/x509` asks for when it is loaded.
 *
 * Its container keeps notes on its own classes there. The usual polyfill is a package of a thousand
 * lines; these are what is called. Import this before `@peculiar/x509`. Where a polyfill is there
 * already, it stays.
 */

type Notes = Map<unknown, unknown>;

const notes = new WeakMap<object, Notes>();

const metadata = {
  getOwnMetadata: (key: unknown, target: object): unknown => notes.get(target)?.get(key),

  getMetadata(key: unknown, target: object): unknown {
    for (let at: object | null = target; at !== null; at = Object.getPrototypeOf(at)) {
      const found = notes.get(at);
      if (found?.has(key)) return found.get(key);
    }
    return undefined;
  },

  defineMetadata(key: unknown, value: unknown, target: object): void {
    const own: Notes = notes.get(target) ?? new Map();
    notes.set(target, own.set(key, value));
  },
};

if (!('getMetadata' in Reflect)) Object.assign(Reflect, metadata);
