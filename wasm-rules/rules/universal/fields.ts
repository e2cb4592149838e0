/**
 * The parts of a request that rules ask about. All conditions on one part share a group, so that each
 * part is found once and scanned once, however many rules there are.
 */
import { AddressSet } from '../../sdk/address';
import { isFieldName } from '../../sdk/action';
import { Config } from '../../sdk/config';
import { compileRegexes } from '../../sdk/host';
import { TextMatcher } from '../../sdk/text-matcher';

export const enum Part {
  Path,
  Query,
  Method,
  Host,
  Header,
  Cookie,
  Argument,
  AnyArgument,
  Address,
  Ja4,
  Body,
}

/** Bound by what a request can have: a scan of its headers asks each group of them. */
const groupsMax: i32 = 64;

/** All conditions about one part. */
export class Group {
  matcher: TextMatcher = new TextMatcher();
  networks: AddressSet[] = [];
  /** The condition of each set of networks. */
  networkIds: i32[] = [];
  patterns: string[] = [];
  patternIds: i32[] = [];
  /** Of the rules the patterns stand in, for the fault when one does not compile. */
  patternPaths: string[] = [];
  regexSet: i32 = -1;

  constructor(
    public part: Part,
    /** Of a header (lower case), cookie or argument. */
    public name: string,
    /** As the configuration has it, and as verdicts name it. */
    public field: string,
  ) {}

  /** After the last condition. */
  prepare(): void {
    this.matcher.prepare();
    if (this.patterns.length == 0) return;
    this.regexSet = compileRegexes(this.patterns.join('\n'));
    if (this.regexSet < 0)
      throw new Error(this.patternPaths.join(', ') + ': not all are regexes of RE2; the log says which');
  }
}

export const groups: Group[] = [];
/** Any group of that part, so that a request without need is not taken apart. */
export const hasPart: StaticArray<bool> = new StaticArray<bool>(11);

const plainParts: string[] = ['path', 'query', 'method', 'host'];

export function groupOf(from: Config): Group {
  const field = from.required('field');
  for (let i = 0; i < groups.length; i++) if (groups[i].field == field) return groups[i];
  const group = newGroup(field, from);
  if (groups.length == groupsMax) from.refuse('field', 'is the 65th different one, at most 64 are taken');
  groups.push(group);
  hasPart[group.part] = true;
  return group;
}

function newGroup(field: string, from: Config): Group {
  const plain = plainParts.indexOf(field);
  if (plain >= 0) return new Group(<Part>plain, '', field);
  if (field == 'any-arg') return new Group(Part.AnyArgument, '', field);
  if (field == 'address') return new Group(Part.Address, '', field);
  if (field == 'ja4') return new Group(Part.Ja4, '', field);
  if (field == 'body') return new Group(Part.Body, '', field);
  const colon = field.indexOf(':');
  const kind = colon < 0 ? '' : field.slice(0, colon);
  const name = field.slice(colon + 1);
  if (name.length > 0 && name.length <= 100) {
    if (kind == 'header') {
      if (!isFieldName(name)) from.refuse('field', 'names no header: write it in lower case');
      return new Group(Part.Header, name, field);
    }
    if (kind == 'cookie') return new Group(Part.Cookie, name, field);
    if (kind == 'arg') return new Group(Part.Argument, name, field);
  }
  from.refuse(
    'field',
    '"' + field + '" is none of path, query, method, host, header:NAME, cookie:NAME, arg:NAME, any-arg, address, ja4, body',
  );
  return new Group(Part.Path, '', field);
}
