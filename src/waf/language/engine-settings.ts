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
  SecRuleEngine(settings, directive) {
    const modes = { on: 'on', off: 'off', detectiononly: 'detectionOnly' } as const;
    settings.ruleEngine = oneOf(directive, modes, 'On, Off or DetectionOnly');
  },
  SecRequestBodyAccess(settings, directive) {
    settings.requestBodyAccess = oneOf(directive, onOff, 'On or Off');
  },
  SecRequestBodyNoFilesLimit(settings, directive) {
    settings.requestBodyNoFilesLimitBytes = numberOf(directive, 1, bytesMax);
  },
  SecRequestBodyJsonDepthLimit(settings, directive) {
    settings.requestBodyJsonDepthMax = numberOf(directive, 1, 10_000);
  },
  SecArgumentsLimit(settings, directive) {
    settings.argumentsMax = numberOf(directive, 1, 1_000_000);
  },
  SecResponseBodyAccess(settings, directive) {
    settings.responseBodyAccess = oneOf(directive, onOff, 'On or Off');
  },
  // Each adds to what is there, and "(null)" is how ModSecurity writes "no type at all".
  SecResponseBodyMimeType(settings, directive) {
    const types = directive.words
      .flatMap((word) => word.text.split(/\s+/))
      .filter((type) => type !== '');
    if (types.length === 0) throw argument(directive, 'text/plain text/html');
    const known = new Set(settings.responseBodyMimeTypes);
    for (const type of types) known.add(type.toLowerCase());
    settings.responseBodyMimeTypes = [...known];
  },
  SecResponseBodyMimeTypesClear(settings, directive) {
    if (directive.words.length > 0) throw argument(directive, 'without an argument');
    settings.responseBodyMimeTypes = [];
  },
  SecArgumentSeparator(settings, directive) {
    const text = single(directive, '&');
    if (text.length !== 1) throw argument(directive, 'one byte, such as & or ;');
    settings.argumentSeparator = text;
  },
  SecComponentSignature(settings, directive) {
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

const links = 'links are not signed';
const streams = 'bodies are inspected as they come, and never rewritten';

const noted: Readonly<Record<string, string>> = {
  SecAuditEngine: audit,
  SecAuditLog: audit,
  SecAuditLog2: audit,
  SecAuditLogDir: audit,
  SecAuditLogDirMode: audit,
  SecAuditLogFileMode: audit,
  SecAuditLogFormat: audit,
  SecAuditLogParts: audit,
  SecAuditLogPrefix: audit,
  SecAuditLogRelevantStatus: audit,
  SecAuditLogStorageDir: audit,
  SecAuditLogType: audit,
  SecCacheTransformations: 'each value is transformed once by every chain anyway',
  SecChrootDir: surroundings,
  SecCollectionTimeout: 'nothing is kept between requests',
  SecConnEngine: 'connection limits are set in the configuration of the node',
  SecConnReadStateLimit: 'connection limits are set in the configuration of the node',
  SecConnWriteStateLimit: 'connection limits are set in the configuration of the node',
  SecContentInjection: 'rules do not write into bodies',
  SecCookieFormat: 'cookies are read as browsers send them, in version 0',
  SecCookieV0Separator: 'cookies are parted by semicolons, as browsers send them',
  SecDataDir: disk,
  SecDebugLog: 'there is no debug log; weir inspect explains a verdict',
  SecDebugLogLevel: 'there is no debug log; weir inspect explains a verdict',
  SecDisableBackendCompression: 'compressed answers are unpacked for the rules',
  SecGeoLookupDb: 'the country data base is set in the configuration of the node',
  SecGsbLookupDb: 'that service of Google is closed',
  SecGuardianLog: audit,
  SecHashEngine: links,
  SecHashKey: links,
  SecHashMethodPm: links,
  SecHashMethodRx: links,
  SecHashParam: links,
  SecHttpBlKey: 'no DNS list is asked; load such a list as blocks (weir block import)',
  SecIgnoreRuleCompilationErrors: 'a rule that cannot be read is a problem, and is never left out',
  SecInterceptOnError: 'a rule that fails is an event of its own',
  SecParseXmlIntoArgs: 'XML stays in XML:/* and XML://@*',
  SecPcreMatchLimit: pcre,
  SecPcreMatchLimitRecursion: pcre,
  SecReadStateLimit: 'connection limits are set in the configuration of the node',
  SecRemoteRulesFailAction: 'rules are never fetched while loading',
  SecRequestBodyInMemoryLimit: disk,
  SecRequestBodyLimit: requestLength,
  SecRequestBodyLimitAction: requestLength,
  SecResponseBodyLimit: responseLength,
  SecResponseBodyLimitAction: responseLength,
  SecRuleInheritance: 'each route names its rules',
  SecRulePerfTime: 'weir rules bench measures rules',
  SecSensorId: 'the node has its name in the configuration',
  SecServerSignature: 'the Server field is part of the route',
  SecStatusEngine: 'Weir reports to nobody',
  SecStreamInBodyInspection: streams,
  SecStreamOutBodyInspection: streams,
  SecTmpDir: disk,
  SecTmpSaveUploadedFiles: upload,
  SecUnicodeCodePage: 'SecUnicodeMapFile names its code page',
  SecUploadDir: upload,
  SecUploadFileLimit: upload,
  SecUploadFileMode: upload,
  SecUploadKeepFiles: upload,
  SecWebAppId: 'applications are routes here',
  SecWriteStateLimit: 'connection limits are set in the configuration of the node',
  SecXmlExternalEntity: 'external entities are never loaded, whatever is set',
};

const byLowerName = new Map(
  [...Object.keys(setters), ...Object.keys(noted)].map((name) => [name.toLowerCase(), name]),
);

/** Why the directive changes nothing here; null where it is not such a one. */
export function surroundingReason(lowerName: string): string | null {
  return noted[byLowerName.get(lowerName) ?? ''] ?? null;
}

/** Whether the directive is a setting. */
export function applySetting(settings: Draft, directive: Directive): boolean {
  const setter = setters[byLowerName.get(directive.name.toLowerCase()) ?? ''];
  setter?.(settings, directive);
  return setter !== undefined;
}

export const settingNames: readonly string[] = Object.keys(setters);
export const surroundingNames: readonly string[] = Object.keys(noted);
/** By name. */
export const surroundingReasons = noted;

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
