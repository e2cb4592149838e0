/** The fields a response gets where its origin has left them out. */
import { Config } from '../../sdk/config';
import { verdictSetHeader } from '../../sdk/layout';
import { Response } from '../../sdk/response';
import { headerBytes } from '../../sdk/verdict';

/** What a response is, for fields that mean something to some alone. */
export const everyResponse: i32 = 0;
export const documentsOnly: i32 = 1;
export const tlsOnly: i32 = 2;

const fieldsMax: i32 = 32;
const nameBytesMax: i32 = 64;
const valueBytesMax: i32 = 4096;

/** Framing, what names the connection, and the field that has rules of its own. */
const notHere: string[] = [
  'connection',
  'content-length',
  'date',
  'keep-alive',
  'proxy-authenticate',
  'set-cookie',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
];

export class Fields {
  private names: string[] = [];
  private nameBytes: ArrayBuffer[] = [];
  private values: ArrayBuffer[] = [];
  private scopes: i32[] = [];

  /** An empty value takes the field out again. */
  set(name: string, value: string, scope: i32 = everyResponse): void {
    const index = this.names.indexOf(name);
    const bytes = String.UTF8.encode(value);
    if (index >= 0) {
      this.values[index] = bytes;
      return;
    }
    this.names.push(name);
    this.nameBytes.push(String.UTF8.encode(name));
    this.values.push(bytes);
    this.scopes.push(scope);
  }

  /** One record for each that is missing. */
  complete(response: Response, isDocument: bool, isTls: bool): void {
    for (let i = 0, count = this.names.length; i < count; i++) {
      const value = unchecked(this.values[i]);
      const scope = unchecked(this.scopes[i]);
      if (value.byteLength == 0) continue;
      if ((scope == documentsOnly && !isDocument) || (scope == tlsOnly && !isTls)) continue;
      if (response.find(unchecked(this.names[i])) >= 0) continue;
      const name = unchecked(this.nameBytes[i]);
      headerBytes(
        verdictSetHeader,
        changetype<usize>(name),
        name.byteLength,
        changetype<usize>(value),
        value.byteLength,
      );
    }
  }
}

/** The operator's own, in the place of those that are built in. */
export function configureFields(fields: Fields, config: Config): void {
  const own = config.object('fields');
  if (own === null) return;
  // A copy: asking for a value adds to the list of what was asked for.
  const names = own.names().slice(0);
  if (names.length > fieldsMax)
    config.refuse('fields', 'has ' + names.length.toString() + ' fields; at most 32 are taken');
  for (let i = 0; i < names.length; i++) {
    const name = names[i];
    checkName(own, name);
    const value = own.string(name, '');
    if (value.length > valueBytesMax) own.refuse(name, 'is longer than 4096 characters');
    for (let c = 0; c < value.length; c++) {
      const unit = value.charCodeAt(c);
      if (unit < 0x20 || unit > 0x7e) own.refuse(name, 'must be of visible ASCII characters and blanks');
    }
    fields.set(name, value);
  }
}

/** Field names to take out, checked. */
export function namesToRemove(config: Config): string[] {
  const names = config.strings('remove');
  if (names.length > fieldsMax)
    config.refuse('remove', 'has ' + names.length.toString() + ' fields; at most 32 are taken');
  for (let i = 0; i < names.length; i++) checkName(config, names[i], 'remove[' + i.toString() + ']');
  return names;
}

function checkName(config: Config, name: string, place: string = name): void {
  let isName = name.length >= 1 && name.length <= nameBytesMax;
  for (let c = 0; c < name.length; c++) {
    const unit = name.charCodeAt(c);
    const isLetter = unit >= 0x61 && unit <= 0x7a;
    const isDigit = unit >= 0x30 && unit <= 0x39;
    if (!isLetter && !isDigit && unit != 0x2d && unit != 0x5f) isName = false;
  }
  if (!isName)
    config.refuse(
      place,
      'must be a field name in small letters, of at most 64 characters, not "' + name + '"',
    );
  if (notHere.includes(name)) config.refuse(place, name + ' is not for this module to write or remove');
}
