import { join } from 'node:path';

import { hostName } from '../hosts.ts';
import { isInRange } from '../proxies.ts';
import { badSettings, readJson, settingsFolders, stringsOf } from './settings-file.ts';

/** What Docker's daemon is told of registries. */
export interface DockerDaemon {
  /** Addresses that stand in for Docker Hub. */
  readonly mirrors: readonly URL[];
  /** Whether a registry (`host[:port]`) may be spoken to in the clear. */
  readonly isInsecure: (domain: string) => boolean;
}

/** Reads `daemon.json` of the user's Docker and of the machine's. @throws E_IMAGE_REGISTRY when it cannot be used */
export async function readDockerDaemon(
  env: Readonly<Record<string, string | undefined>>,
): Promise<DockerDaemon> {
  const mirrors: URL[] = [];
  const insecure: string[] = [];
  for (const folder of settingsFolders(env)) {
    const path = join(folder, 'docker/daemon.json');
    const fields = (await readJson(path)) ?? {};
    insecure.push(...stringsOf(fields['insecure-registries']));
    for (const text of stringsOf(fields['registry-mirrors'])) {
      if (!URL.canParse(text)) throw badSettings(path, `${text} is not the address of a mirror`);
      mirrors.push(new URL(text));
    }
  }
  return { mirrors, isInsecure: (domain) => insecure.some((entry) => covers(entry, domain)) };
}

/** A name with or without port, or a range of addresses: `10.0.0.0/8`. */
function covers(entry: string, domain: string): boolean {
  return entry === domain || isInRange(hostName(domain), entry);
}
