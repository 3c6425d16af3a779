import type { ContainerConfig } from '../model/container.ts';
import type { ImageConfig } from '../model/image-config.ts';

/** Where programs are looked for if neither image nor config says so. */
export const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** The environment as `NAME=value`, and its names in order. */
type Variables = Map<string, string>;

/**
 * The environment of a container's first process: PATH, HOSTNAME and, with a terminal, TERM; then the
 * image's in its order; then the config's by name. A later value takes the place of an earlier one, and
 * `null` takes the name away. HOME is left to the runtime, which knows the final user.
 */
export function buildEnv(
  config: Pick<ContainerConfig, 'environment' | 'hasTty'>,
  image: Pick<ImageConfig, 'env'>,
  hostname: string,
): string[] {
  const variables: Variables = new Map([
    ['PATH', DEFAULT_PATH],
    ['HOSTNAME', hostname],
  ]);
  if (config.hasTty) variables.set('TERM', 'xterm');
  addEntries(variables, image.env);
  for (const name of Object.keys(config.environment).sort()) {
    const value = config.environment[name];
    if (value === null) variables.delete(name);
    else if (value !== undefined) variables.set(name, value);
  }
  return formatVariables(variables);
}

/** `env` with `added` over it: a name that is there keeps its place. */
export function mergeEnv(
  env: readonly string[],
  added: Readonly<Record<string, string>>,
): string[] {
  const variables: Variables = new Map();
  addEntries(variables, env);
  for (const name of Object.keys(added).sort()) variables.set(name, added[name] ?? '');
  return formatVariables(variables);
}

function addEntries(variables: Variables, entries: readonly string[]): void {
  for (const entry of entries) {
    const at = entry.indexOf('=');
    if (at > 0) variables.set(entry.slice(0, at), entry.slice(at + 1));
    else if (at < 0 && entry !== '') variables.set(entry, '');
  }
}

function formatVariables(variables: Variables): string[] {
  return [...variables].map(([name, value]) => `${name}=${value}`);
}
