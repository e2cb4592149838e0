/** Words with which an expression of a template engine leaves the page it was written for. */
import { addWords, kindOfHash } from '../inject/word-table';

export namespace TemplateWord {
  /** Enough by itself, wherever it stands in an expression. */
  export const reach: i32 = 1;
  /** Enough where it is called. */
  export const call: i32 = 2;
  /** Enough as the first name: objects that frameworks hand to every page. */
  export const root: i32 = 3;
  /** Enough as the name of a tag. */
  export const tag: i32 = 4;
  /** Enough behind a `?`: built-ins of Freemarker. */
  export const builtin: i32 = 5;
  /** Enough where the text is no JavaScript, in which `${…}` may say it. */
  export const script: i32 = 6;
  /** Enough before a dot. */
  export const scope: i32 = 7;
}

const reaches: string =
  '__class__ __init__ __globals__ __mro__ __subclasses__ __base__ __bases__ __builtins__ __import__ __getitem__ __dict__ __reduce__ subclasses mro getclass forname getruntime getmethod getmethods newinstance getconstructor getdeclaredconstructors processbuilder scriptenginemanager getenginebyname freemarker _templatereference__context _mmarker _nsattr__parent registerundefinedfiltercallback groovyclassloader file_excerpt call_user_func shell_exec passthru popen from_pyfile get_user_file get_flashed_messages get_admin_log child_process mainmodule ioutils classloader getattribute setattribute getresource pagecontext servletcontext objectwrapper proc_open pcntl_exec execsync memberaccess _memberaccess ognlcontext ognlutil xmldecoder setcache getsharedvariable springmacrorequestcontext file_get_contents uribuilder runtimeutil';
const calls: string =
  'system exec eval open readfile execute assert phpinfo dump include source constant print_r shell evaluate tourl file popen3 popen4 spawn iteritems template_from_string ini_set';
const roots: string =
  'config self request _self _context application cycler joiner namespace lipsum url_for settings';
const tags: string = 'debug include import extends from embed php import_module';
const builtins: string = 'new api interpret eval lower_abc upper_abc has_api';
const scripts: string = 'constructor process require global globalthis __proto__ __definegetter__ __lookupgetter__';
const scopes: string = 'java javax sun groovy';

const bits: i32 = 9;
const table: usize = memory.data(8 << bits, 16);
const tagSalt: u32 = 0x9e37_79b9;
const builtinSalt: u32 = 0x7f4a_7c15;
let isReady: bool = false;

export function kindOfWord(hash: u32): i32 {
  if (!isReady) fill();
  return kindOfHash(table, bits, hash);
}

export function isTag(hash: u32): bool {
  if (!isReady) fill();
  return kindOfHash(table, bits, hash ^ tagSalt) == TemplateWord.tag;
}

export function isBuiltin(hash: u32): bool {
  if (!isReady) fill();
  return kindOfHash(table, bits, hash ^ builtinSalt) == TemplateWord.builtin;
}

function fill(): void {
  isReady = true;
  addWords(table, bits, reaches, TemplateWord.reach, 0);
  addWords(table, bits, calls, TemplateWord.call, 0);
  addWords(table, bits, roots, TemplateWord.root, 0);
  addWords(table, bits, scripts, TemplateWord.script, 0);
  addWords(table, bits, scopes, TemplateWord.scope, 0);
  addWords(table, bits, tags, TemplateWord.tag, tagSalt);
  addWords(table, bits, builtins, TemplateWord.builtin, builtinSalt);
}
