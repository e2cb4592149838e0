/**
 * What SecLang files say once they are read: rules in load order, exclusions applied, defaults filled in,
 * gates that the configuration decides already folded away. Everything behind the parser works on this and
 * never on text.
 *
 * Text is bytes: each character of a string stands for one byte (latin1), as rule files, patterns and
 * requests are bytes.
 */
import type { OperatorName } from './operator-names.ts';
import type { TransformationName } from './transformation-names.ts';
import type { VariableName } from './variables.ts';

/** Of the first byte; lines and columns begin at 1. */
export type Position = {
  readonly file: string;
  readonly line: number;
  readonly column: number;
};

export type Phase = 1 | 2 | 3 | 4 | 5;

export type Selector =
  | { readonly kind: 'all' }
  /** Compared without case; written in lower case here. */
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'regex'; readonly source: string }
  /** `/*` is all text of an XML body, `//@*` all its attribute values. */
  | { readonly kind: 'xpath'; readonly path: '/*' | '//@*' };

export type Target = {
  readonly variable: VariableName;
  readonly selector: Selector;
  /** `&ARGS`: how many there are. */
  readonly isCount: boolean;
  /** `!ARGS:x`: taken out of what the others give. */
  readonly isExcluded: boolean;
  readonly position: Position;
};

/** Text with `%{VARIABLE.name}` in it: literal pieces and references in turn. */
export type MacroPiece =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'variable'; readonly variable: VariableName; readonly name: string | null };
export type Macro = readonly MacroPiece[];

export type Operator = {
  readonly name: OperatorName;
  readonly isNegated: boolean;
  readonly argument: Macro;
  /** Of `pm`, `pmFromFile`, `ipMatch`, `ipMatchFromFile`, `within`…: the entries, read and split. */
  readonly entries: readonly string[] | null;
  readonly position: Position;
};

export type SetVariable = {
  readonly collection: 'tx' | 'ip' | 'global' | 'session' | 'user' | 'resource';
  readonly name: Macro;
  readonly change: 'set' | 'add' | 'subtract' | 'unset';
  readonly value: Macro;
};

export type Control =
  | { readonly kind: 'ruleEngine'; readonly value: 'on' | 'off' | 'detectionOnly' }
  | { readonly kind: 'ruleRemoveById'; readonly from: number; readonly to: number }
  | { readonly kind: 'ruleRemoveByTag' | 'ruleRemoveByMsg'; readonly pattern: string }
  | {
      readonly kind: 'ruleRemoveTargetById';
      readonly from: number;
      readonly to: number;
      readonly target: Target;
    }
  | {
      readonly kind: 'ruleRemoveTargetByTag' | 'ruleRemoveTargetByMsg';
      readonly pattern: string;
      readonly target: Target;
    }
  | { readonly kind: 'requestBodyProcessor'; readonly value: BodyProcessor }
  | {
      readonly kind: 'requestBodyAccess' | 'forceRequestBodyVariable' | 'responseBodyAccess';
      readonly value: boolean;
    }
  | { readonly kind: 'auditEngine'; readonly value: 'on' | 'off' | 'relevantOnly' }
  | { readonly kind: 'auditLogParts'; readonly value: string };

export type BodyProcessor = 'URLENCODED' | 'MULTIPART' | 'XML' | 'JSON';

/** One link of a chain; most rules have just one. */
export type Link = {
  /** Empty for `SecAction`. */
  readonly targets: readonly Target[];
  readonly operator: Operator;
  /** In order, those of `SecDefaultAction` included, `t:none` resolved. */
  readonly transformations: readonly TransformationName[];
  /** The operator runs on the value before the first and after each transformation that changes it. */
  readonly isMultiMatch: boolean;
  readonly isCapturing: boolean;
  readonly setVariables: readonly SetVariable[];
  readonly controls: readonly Control[];
  readonly position: Position;
};

/** `block` is resolved by the `SecDefaultAction` of the phase. */
export type Disruption =
  | { readonly kind: 'pass' }
  | { readonly kind: 'deny' | 'drop'; readonly status: number }
  | { readonly kind: 'redirect'; readonly status: number; readonly location: Macro }
  | { readonly kind: 'allow'; readonly scope: 'all' | 'request' | 'phase' };

export type Rule = {
  readonly kind: 'rule';
  /** 0: a rule without an id, which only `SecAction` of old files has. */
  readonly id: number;
  readonly phase: Phase;
  /** At least one. */
  readonly links: readonly Link[];
  readonly disruption: Disruption;
  readonly isLogged: boolean;
  readonly isAudited: boolean;
  readonly message: Macro;
  readonly logData: Macro;
  readonly tags: readonly Macro[];
  /** 0 emergency … 7 debug (syslog, RFC 5424 section 6.2.1); null where none is given. */
  readonly severity: number | null;
  readonly version: string;
  readonly revision: string;
  /** Rules to leap over after a match; 0: none. A loaded rule set has it as `skipAfter`, so 0 throughout. */
  readonly skip: number;
  /** A marker, or `null`. */
  readonly skipAfter: string | null;
  readonly position: Position;
};

export type Marker = {
  readonly kind: 'marker';
  readonly name: string;
  readonly position: Position;
};

export type EngineSettings = {
  readonly ruleEngine: 'on' | 'off' | 'detectionOnly';
  readonly requestBodyAccess: boolean;
  readonly requestBodyNoFilesLimitBytes: number;
  readonly requestBodyJsonDepthMax: number;
  readonly argumentsMax: number;
  readonly responseBodyAccess: boolean;
  readonly responseBodyMimeTypes: readonly string[];
  readonly argumentSeparator: string;
  readonly componentSignatures: readonly string[];
  /** Of `SecUnicodeMapFile`: code point to byte; null where none is given. */
  readonly unicodeMap: ReadonlyMap<number, number> | null;
};

/** What became of each rule that was read; nothing is skipped in silence. */
export type Disposition = {
  readonly id: number;
  readonly position: Position;
  readonly fate: 'loaded' | 'folded' | 'removed' | 'refused';
  /** For all but loaded: why, in words. */
  readonly reason: string;
};

export type RuleSet = {
  /** In load order; markers belong to every phase. */
  readonly rules: readonly (Rule | Marker)[];
  readonly settings: EngineSettings;
  readonly dispositions: readonly Disposition[];
};
