/** The version of this checkout, as package.json says it. */
import packageJson from '../../package.json' with { type: 'json' };

export const version: string = packageJson.version;
