/**
 * A module's `config` as a proxy-wasm plugin gets it: JSON text, as it stands. Plugins written for Envoy
 * often take something else than JSON, or more than one thing, so a config that holds nothing but these keys
 * is taken apart:
 *
 * - `text`: the plugin's configuration, to the letter
 * - `rootId`: which of a module's plugins is meant (Envoy's `root_id`)
 * - `environment`: variables for WASI (Envoy's `environment_variables`)
 */
import { GuestFailure } from '../guest-failure.ts';

const ownKeys = ['text', 'rootId', 'environment'];
export const environmentMax = 64;
export const environmentBytesMax = 65_536;

export type PluginConfig = {
  readonly configuration: Buffer;
  readonly rootId: string;
  readonly environment: readonly string[];
};

/** `json` is an object's text. Throws `GuestFailure`. */
export function readPluginConfig(json: string): PluginConfig {
  const config = JSON.parse(json) as Readonly<Record<string, unknown>>;
  const keys = Object.keys(config);
  if (keys.length === 0) return { configuration: Buffer.alloc(0), rootId: '', environment: [] };
  if (!keys.every((key) => ownKeys.includes(key)))
    return { configuration: Buffer.from(json), rootId: '', environment: [] };
  return {
    configuration: Buffer.from(textOf(config, 'text')),
    rootId: textOf(config, 'rootId'),
    environment: environmentOf(config['environment'] ?? {}),
  };
}

function textOf(config: Readonly<Record<string, unknown>>, key: string): string {
  const value = config[key] ?? '';
  if (typeof value !== 'string') throw new GuestFailure('config', `its config.${key} is no text`);
  return value;
}

function environmentOf(value: unknown): readonly string[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new GuestFailure('config', 'its config.environment is no object of texts');
  const entries = Object.entries(value as Readonly<Record<string, unknown>>);
  const texts = entries.map(([name, text]) => {
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name) || typeof text !== 'string' || text.includes('\0'))
      throw new GuestFailure('config', `its config.environment.${name} is no variable`);
    return `${name}=${text}`;
  });
  const bytes = texts.reduce((sum, text) => sum + Buffer.byteLength(text) + 1, 0);
  if (texts.length > environmentMax || bytes > environmentBytesMax) {
    throw new GuestFailure(
      'config',
      `its config.environment has more than ${environmentMax} variables or ${environmentBytesMax} bytes`,
    );
  }
  return texts;
}
