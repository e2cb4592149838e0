/**
 * Directives that set how the engine reads traffic, and those that belong to ModSecurity's surroundings
 * and change nothing here, each with the reason: they are noted, never skipped without a word.
 */
import { RuleError } from './problem.ts';
import type { EngineSettings, Position } from './rule-set.ts';
import type { Directive } from './text-reader.ts';

type Draft = { -readonly [K in keyof EngineSettings]: EngineSettings[K] };

/**
 * What holds where no file says otherwise: rules run and see bodies. ModSecurity's own start is "Off",
 * which would make a forgotten file look like a protected site.
 */
export function settingsDraft(): Draft {
  return {
    ruleEngine: 'on',
    requestBodyAccess: true,
    requestBodyNoFilesLimitBytes: 1_048_576,
    requestBodyJsonDepthMax: 512,
    argumentsMax: 1_000,
    responseBodyAccess: false,
    responseBodyMimeTypes: ['text/plain', 'text/html'],
    argumentSeparator: '&',
    componentSignatures: [],
    unicodeMap: null,
  };
}

type Setter = (settings: Draft, directive: Directive) => void;

const bytesMax = 1024 * 1024 * 1024;
const onOff = { on: true, off: false } as const;

const setters: Readonly<Record<string, Setter>> = {
  secruleengine(settings, directive) {
    const modes = { on: 'on', off: 'off', detectiononly: 'detectionOnly' } as const;
    settings.ruleEngine = oneOf(directive, modes, 'On, Off or DetectionOnly');
  },
  secrequestbodyaccess(settings, directive) {
    settings.requestBodyAccess = oneOf(directive, onOff, 'On or Off');
  },
  secrequestbodynofileslimit(settings, directive) {
    settings.requestBodyNoFilesLimitBytes = numberOf(directive, 1, bytesMax);
  },
  secrequestbodyjsondepthlimit(settings, directive) {
    settings.requestBodyJsonDepthMax = numberOf(directive, 1, 10_000);
  },
  secargumentslimit(settings, directive) {
    settings.argumentsMax = numberOf(directive, 1, 1_000_000);
  },
  secresponsebodyaccess(settings, directive) {
    settings.responseBodyAccess = oneOf(directive, onOff, 'On or Off');
  },
  // Each adds to what is there, and "(null)" is how ModSecurity writes "no type at all".
  secresponsebodymimetype(settings, directive) {
    const types = directive.words
      .flatMap((word) => word.text.split(/\s+/))
      .filter((type) => type !== '');
    if (types.length === 0) throw argument(directive, 'text/plain text/html');
    const known = new Set(settings.responseBodyMimeTypes);
    for (const type of types) known.add(type.toLowerCase());
    settings.responseBodyMimeTypes = [...known];
  },
  secresponsebodymimetypesclear(settings, directive) {
    if (directive.words.length > 0) throw argument(directive, 'without an argument');
    settings.responseBodyMimeTypes = [];
  },
  secargumentseparator(settings, directive) {
    const text = single(directive, '&');
    if (text.length !== 1) throw argument(directive, 'one byte, such as & or ;');
    settings.argumentSeparator = text;
  },
  seccomponentsignature(settings, directive) {
    const signature = single(directive, '"mine/1.0"');
    settings.componentSignatures = [...settings.componentSignatures, signature];
  },
};

const audit = 'events and their store are set in the configuration of the node';
const disk = 'nothing is written to disk for a request';
const requestLength =
  'the longest body is edge.limits.bodyBytesMax, and what of it rules see waf.bodyWindowBytes';
const responseLength =
  'rules see of a response what waf.bodyWindowBytes says, and what is longer is sent on';
const pcre = 'patterns run in linear time and need no such limit';
const upload = 'uploads are inspected as they pass and never stored';
const surroundings = 'it belongs to the web server around ModSecurity';

const noted: Readonly<Record<string, string>> = {
  secauditengine: audit,
  secauditlog: audit,
  secauditlog2: audit,
  secauditlogdirmode: audit,
  secauditlogfilemode: audit,
  secauditlogformat: audit,
  secauditlogparts: audit,
  secauditlogrelevantstatus: audit,
  secauditlogstoragedir: audit,
  secauditlogtype: audit,
  seccachetransformations: 'each value is transformed once by every chain anyway',
  secchrootdir: surroundings,
  seccollectiontimeout: 'nothing is kept between requests',
  secconnengine: 'connection limits are set in the configuration of the node',
  secconnreadstatelimit: 'connection limits are set in the configuration of the node',
  secconnwritestatelimit: 'connection limits are set in the configuration of the node',
  secdatadir: disk,
  secdebuglog: 'there is no debug log; weir inspect explains a verdict',
  secdebugloglevel: 'there is no debug log; weir inspect explains a verdict',
  secgeolookupdb: 'the country data base is set in the configuration of the node',
  secguardianlog: audit,
  secinterceptonerror: 'a rule that fails is an event of its own',
  secpcrematchlimit: pcre,
  secpcrematchlimitrecursion: pcre,
  secreadstatelimit: 'connection limits are set in the configuration of the node',
  seccookieformat: 'cookies are read as browsers send them, in version 0',
  secremoterulesfailaction: 'rules are never fetched while loading',
  secrequestbodyinmemorylimit: disk,
  secrequestbodylimit: requestLength,
  secrequestbodylimitaction: requestLength,
  secresponsebodylimit: responseLength,
  secresponsebodylimitaction: responseLength,
  secruleinheritance: 'each route names its rules',
  secruleperftime: 'weir rules bench measures rules',
  secsensorid: 'the node has its name in the configuration',
  secserversignature: 'the Server field is part of the route',
  secstatusengine: 'Weir reports to nobody',
  sectmpdir: disk,
  sectmpsaveuploadedfiles: upload,
  secuploaddir: upload,
  secuploadfilelimit: upload,
  secuploadfilemode: upload,
  secuploadkeepfiles: upload,
  secwebappid: 'applications are routes here',
  secwritestatelimit: 'connection limits are set in the configuration of the node',
  secxmlexternalentity: 'external entities are never loaded, whatever is set',
};

/** Why the directive changes nothing here; null where it is not such a one. */
export function surroundingReason(lowerName: string): string | null {
  return Object.hasOwn(noted, lowerName) ? (noted[lowerName] ?? null) : null;
}

/** Whether the directive is a setting. */
export function applySetting(settings: Draft, directive: Directive): boolean {
  const name = directive.name.toLowerCase();
  const setter = Object.hasOwn(setters, name) ? setters[name] : undefined;
  setter?.(settings, directive);
  return setter !== undefined;
}

export const settingNames: readonly string[] = Object.keys(setters);

function single(directive: Directive, example: string): string {
  const word = directive.words[0];
  if (word === undefined || directive.words.length > 1) throw argument(directive, example);
  return word.text;
}

function oneOf<T>(directive: Directive, table: Readonly<Record<string, T>>, expected: string): T {
  const key = single(directive, expected).toLowerCase();
  const value = Object.hasOwn(table, key) ? table[key] : undefined;
  if (value === undefined) throw argument(directive, expected);
  return value;
}

function numberOf(directive: Directive, min: number, max: number): number {
  const text = single(directive, String(min));
  const value = /^[0-9]{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= min && value <= max) return value;
  throw argument(directive, `a whole number from ${min} to ${max}`);
}

function argument(directive: Directive, expected: string): RuleError {
  const at: Position = directive.words[0]?.positionAt(0) ?? directive.position;
  return new RuleError(
    at,
    `${directive.name} has an argument that is not understood`,
    `write ${directive.name} ${expected}`,
  );
}
