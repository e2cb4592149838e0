/**
 * A module's `config` as a proxy-wasm plugin gets it: JSON text, as it stands. Plugins written for Envoy
 * often take something else than JSON, or more than one thing, so a config that holds nothing but these keys
 * is taken apart:
 *
 * - `text`: the plugin's configuration, to the letter
 * - `rootId`: which of a module's plugins is meant (Envoy's `root_id`)
 * - `environment`: variables for WASI (Envoy's `environment_variables`)
 * - `secrets`: texts for `proxy_get_secret`, which some hosts have beside proxy-wasm
 */
import { GuestFailure } from '../guest-failure.ts';

const ownKeys = ['text', 'rootId', 'environment', 'secrets'];
export const environmentMax = 64;
export const environmentBytesMax = 65_536;

export type PluginConfig = {
  readonly configuration: Buffer;
  readonly rootId: string;
  readonly environment: readonly string[];
  readonly secrets: ReadonlyMap<string, string>;
};

const nothing = {
  configuration: Buffer.alloc(0),
  rootId: '',
  environment: [],
  secrets: new Map<string, string>(),
} as const satisfies PluginConfig;

/** `json` is an object's text. Throws `GuestFailure`. */
export function readPluginConfig(json: string): PluginConfig {
  const config = JSON.parse(json) as Readonly<Record<string, unknown>>;
  const keys = Object.keys(config);
  if (keys.length === 0) return nothing;
  if (!keys.every((key) => ownKeys.includes(key)))
    return { ...nothing, configuration: Buffer.from(json) };
  return {
    configuration: Buffer.from(textOf(config, 'text')),
    rootId: textOf(config, 'rootId'),
    environment: variablesOf(config, 'environment').map(([name, text]) => `${name}=${text}`),
    secrets: new Map(variablesOf(config, 'secrets')),
  };
}

function textOf(config: Readonly<Record<string, unknown>>, key: string): string {
  const value = config[key] ?? '';
  if (typeof value !== 'string') throw new GuestFailure('config', `its config.${key} is no text`);
  return value;
}

function variablesOf(
  config: Readonly<Record<string, unknown>>,
  key: string,
): readonly (readonly [name: string, text: string])[] {
  const value = config[key] ?? {};
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new GuestFailure('config', `its config.${key} is no object of texts`);
  let bytes = 0;
  const variables = Object.entries(value as Readonly<Record<string, unknown>>).map(
    ([name, text]): readonly [string, string] => {
      if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name) || typeof text !== 'string' || text.includes('\0'))
        throw new GuestFailure('config', `its config.${key}.${name} is no variable`);
      bytes += name.length + Buffer.byteLength(text) + 2;
      return [name, text];
    },
  );
  if (variables.length > environmentMax || bytes > environmentBytesMax) {
    throw new GuestFailure(
      'config',
      `its config.${key} has more than ${environmentMax} variables or ${environmentBytesMax} bytes`,
    );
  }
  return variables;
}
