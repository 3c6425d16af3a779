import { join } from 'node:path';

import { hostName } from '../hosts.ts';
import { type ProxyDefault, type ProxyDefaults, isInRange } from '../proxies.ts';
import {
  badSettings,
  fieldsOf,
  readJson,
  settingsFolders,
  stringsOf,
  textOf,
} from './settings-file.ts';

type Env = Readonly<Record<string, string | undefined>>;

/** What Docker's daemon is told of registries. */
export interface DockerDaemon {
  /** Addresses that stand in for Docker Hub. */
  readonly mirrors: readonly URL[];
  /** Whether a registry (`host[:port]`) may be spoken to in the clear. */
  readonly isInsecure: (domain: string) => boolean;
}

/** Reads `daemon.json` of the user's Docker and of the machine's. @throws E_IMAGE_REGISTRY when it cannot be used */
export async function readDockerDaemon(env: Env): Promise<DockerDaemon> {
  const mirrors: URL[] = [];
  const insecure: string[] = [];
  for (const { path, fields } of await readFiles(env)) {
    insecure.push(...stringsOf(fields['insecure-registries']));
    for (const text of stringsOf(fields['registry-mirrors'])) {
      if (!URL.canParse(text)) throw badSettings(path, `${text} is not the address of a mirror`);
      mirrors.push(new URL(text));
    }
  }
  return { mirrors, isInsecure: (domain) => insecure.some((entry) => covers(entry, domain)) };
}

/**
 * What `proxies` of `daemon.json` says. Docker puts it before the environment, which is then the daemon's own; here that
 * is the user's, and stands first.
 * @see Docker's manual, engine/daemon/proxy
 * @throws E_IMAGE_REGISTRY when a file cannot be used
 */
export async function readDockerProxies(env: Env): Promise<ProxyDefaults> {
  const files = await readFiles(env);
  const find = (key: string): ProxyDefault | undefined => {
    for (const { path, fields } of files) {
      const text = textOf(fieldsOf(fields['proxies'])[key]);
      if (text !== undefined) return { text, place: path };
    }
    return undefined;
  };
  return {
    HTTP_PROXY: find('http-proxy'),
    HTTPS_PROXY: find('https-proxy'),
    NO_PROXY: find('no-proxy'),
  };
}

/** The user's first. */
async function readFiles(
  env: Env,
): Promise<{ readonly path: string; readonly fields: Readonly<Record<string, unknown>> }[]> {
  const paths = settingsFolders(env).map((folder) => join(folder, 'docker/daemon.json'));
  return Promise.all(paths.map(async (path) => ({ path, fields: (await readJson(path)) ?? {} })));
}

/** A name with or without port, or a range of addresses: `10.0.0.0/8`. */
function covers(entry: string, domain: string): boolean {
  return entry === domain || isInRange(hostName(domain), entry);
}
