/** Every host call there is, and those of them that a module gets: the ones its grants name, no others. */
import { blockCalls } from './block.ts';
import { CallSite, type HostCall, type HostCallContext, type HostFunction } from './call-site.ts';
import { clockCalls } from './clock.ts';
import { cryptoCalls } from './crypto.ts';
import { databaseCalls } from './databases.ts';
import { fetchCalls } from './fetch.ts';
import { keyValueCalls } from './key-value.ts';
import { logCalls } from './log.ts';
import { metricCalls } from './metrics.ts';
import { propertyCalls } from './property.ts';
import { regexCalls } from './regex.ts';

/** The module name that guests import from. */
export const hostModule = 'weir';

/** For one instance: what it has compiled and defined is kept behind the calls. */
export const hostCalls = (): readonly HostCall[] => [
  ...logCalls,
  ...clockCalls,
  ...propertyCalls,
  ...keyValueCalls,
  ...metricCalls(),
  ...regexCalls(),
  ...blockCalls,
  ...fetchCalls,
  ...cryptoCalls,
  ...databaseCalls,
];

export const isGranted = (call: HostCall, grants: readonly string[]): boolean =>
  call.grants.some((grant) => grants.includes(grant));

/** Imports for one instance. `findImportFaults` has said before what a module asks for in vain. */
export function hostCallImports(
  context: HostCallContext,
): Record<string, Record<string, HostFunction>> {
  const functions: Record<string, HostFunction> = {};
  for (const call of hostCalls()) {
    if (isGranted(call, context.module.grants))
      functions[call.name] = call.bind(new CallSite(context, call.name));
  }
  return { [hostModule]: functions };
}
