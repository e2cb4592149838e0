/** Reads `ctl:NAME=VALUE`: what a rule changes for the rest of its request. */
import { nearestName } from '#core/nearest-name.ts';
import type { Action } from './action-list.ts';
import { parseIdRange } from './id-range.ts';
import { RuleError } from './problem.ts';
import type { BodyProcessor, Control, Target } from './rule-set.ts';
import { parseTargets, type RefusedPart } from './target-list.ts';
import { type Refusal, refusalNamed } from './variable-kinds.ts';

const processors: readonly BodyProcessor[] = ['URLENCODED', 'MULTIPART', 'XML', 'JSON'];

export const refusedControls: Readonly<Record<string, Refusal>> = {
  debugLogLevel: {
    reason: 'there is no debug log',
    fix: 'remove it; weir inspect explains a verdict',
  },
  hashEngine: { reason: 'links are not signed', fix: 'remove it' },
  hashEnforcement: { reason: 'links are not signed', fix: 'remove it' },
  parseXmlIntoArgs: { reason: 'XML stays in XML:/* and XML://@*', fix: 'target these' },
  requestBodyLimit: {
    reason: 'limits are part of the route',
    fix: 'set them in the configuration',
  },
  responseBodyLimit: {
    reason: 'limits are part of the route',
    fix: 'set them in the configuration',
  },
};

/** One `ctl` may name several ids. */
export function parseControl(action: Action): readonly Control[] | RefusedPart {
  const text = action.value ?? '';
  const equals = text.indexOf('=');
  const name = text
    .slice(0, equals === -1 ? text.length : equals)
    .trim()
    .toLowerCase();
  const value = equals === -1 ? '' : text.slice(equals + 1).trim();
  const bad = (expected: string): RuleError =>
    new RuleError(
      action.valueAt(equals + 1),
      `ctl:${text} does not say what to do`,
      `write ctl:${expected}`,
    );
  switch (name) {
    case 'ruleengine': {
      const mode = { on: 'on', off: 'off', detectiononly: 'detectionOnly' } as const;
      const found = lookUp(mode, value);
      if (found === null) throw bad('ruleEngine=On, Off or DetectionOnly');
      return [{ kind: 'ruleEngine', value: found }];
    }
    case 'auditengine': {
      const mode = { on: 'on', off: 'off', relevantonly: 'relevantOnly' } as const;
      const found = lookUp(mode, value);
      if (found === null) throw bad('auditEngine=On, Off or RelevantOnly');
      return [{ kind: 'auditEngine', value: found }];
    }
    case 'auditlogparts':
      if (!/^[+-]?[A-Za-z]+$/.test(value)) throw bad('auditLogParts=+E');
      return [{ kind: 'auditLogParts', value }];
    case 'requestbodyaccess':
      return [{ kind: 'requestBodyAccess', value: onOff(value, bad('requestBodyAccess=On')) }];
    case 'responsebodyaccess':
      return [{ kind: 'responseBodyAccess', value: onOff(value, bad('responseBodyAccess=On')) }];
    case 'forcerequestbodyvariable': {
      const error = bad('forceRequestBodyVariable=On');
      return [{ kind: 'forceRequestBodyVariable', value: onOff(value, error) }];
    }
    case 'requestbodyprocessor': {
      const found = processors.find((known) => known === value.toUpperCase());
      if (found === undefined) throw bad(`requestBodyProcessor=${processors.join(', ')}`);
      return [{ kind: 'requestBodyProcessor', value: found }];
    }
    case 'ruleremovebyid':
      return idRanges(value, bad('ruleRemoveById=910000 or 910000-919999')).map((range) => ({
        kind: 'ruleRemoveById',
        ...range,
      }));
    case 'ruleremovebytag':
    case 'ruleremovebymsg':
      if (value === '') throw bad('ruleRemoveByTag=attack-sqli');
      return [
        {
          kind: name === 'ruleremovebytag' ? 'ruleRemoveByTag' : 'ruleRemoveByMsg',
          pattern: value,
        },
      ];
    case 'ruleremovetargetbyid':
    case 'ruleremovetargetbytag':
    case 'ruleremovetargetbymsg':
      return removedTargets(name, value, action, text.indexOf(';') + 1, bad);
    default:
      return unknown(name, action);
  }
}

function removedTargets(
  name: 'ruleremovetargetbyid' | 'ruleremovetargetbytag' | 'ruleremovetargetbymsg',
  value: string,
  action: Action,
  targetAt: number,
  bad: (expected: string) => RuleError,
): readonly Control[] {
  const semicolon = value.indexOf(';');
  if (semicolon === -1) throw bad('ruleRemoveTargetById=942100;ARGS:q');
  const what = value.slice(0, semicolon).trim();
  const targets = controlTargets(value.slice(semicolon + 1), action, targetAt);
  if (name === 'ruleremovetargetbyid') {
    return idRanges(what, bad('ruleRemoveTargetById=942100;ARGS:q')).flatMap((range) =>
      targets.map((target) => ({ kind: 'ruleRemoveTargetById' as const, ...range, target })),
    );
  }
  if (what === '') throw bad('ruleRemoveTargetByTag=attack-sqli;ARGS:q');
  const kind = name === 'ruleremovetargetbytag' ? 'ruleRemoveTargetByTag' : 'ruleRemoveTargetByMsg';
  return targets.map((target) => ({ kind, pattern: what, target }));
}

function controlTargets(text: string, action: Action, at: number): readonly Target[] {
  const positionAt = (offset: number) => action.valueAt(at + offset);
  const { targets, refused } = parseTargets({ text, positionAt });
  const first = refused[0];
  if (first !== undefined) throw new RuleError(first.position, first.reason, 'remove this ctl');
  const signed = targets.find((target) => target.isCount || target.isExcluded);
  if (signed !== undefined) {
    throw new RuleError(
      signed.position,
      'a target that is taken out has no sign before it',
      'write ctl:ruleRemoveTargetById=942100;ARGS:q',
    );
  }
  return targets;
}

function idRanges(text: string, error: RuleError): { from: number; to: number }[] {
  const parts = text.split(/[\s,]+/).filter((part) => part !== '');
  if (parts.length === 0) throw error;
  return parts.map((part) => {
    const range = parseIdRange(part);
    if (range === null) throw error;
    return { from: range.from, to: range.to };
  });
}

function onOff(value: string, error: RuleError): boolean {
  const lower = value.toLowerCase();
  if (lower !== 'on' && lower !== 'off') throw error;
  return lower === 'on';
}

function lookUp<T>(table: Readonly<Record<string, T>>, value: string): T | null {
  const key = value.toLowerCase();
  return Object.hasOwn(table, key) ? (table[key] ?? null) : null;
}

function unknown(name: string, action: Action): RefusedPart {
  const refusal = refusalNamed(refusedControls, name);
  if (refusal !== null) {
    return {
      position: action.position,
      reason: `ctl:${refusal.name}: ${refusal.reason}`,
      fix: refusal.fix,
    };
  }
  const near = nearestName(name, controlNames);
  throw new RuleError(
    action.valueAt(0),
    `there is no ctl:${name}`,
    near === null ? `there are ${controlNames.join(', ')}` : `did you mean ctl:${near}?`,
  );
}

export const controlNames: readonly string[] = [
  'auditEngine',
  'auditLogParts',
  'forceRequestBodyVariable',
  'requestBodyAccess',
  'requestBodyProcessor',
  'responseBodyAccess',
  'ruleEngine',
  'ruleRemoveById',
  'ruleRemoveByMsg',
  'ruleRemoveByTag',
  'ruleRemoveTargetById',
  'ruleRemoveTargetByMsg',
  'ruleRemoveTargetByTag',
];
