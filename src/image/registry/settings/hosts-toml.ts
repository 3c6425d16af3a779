import { readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';

import { messageOf } from '../../../base/errors.ts';
import type { Reference } from '../../../model/reference.ts';
import type { OwnTls } from '../certificates.ts';
import { type Endpoint, endpointAt } from './endpoint.ts';
import {
  badSettings,
  fieldsOf,
  readToml,
  settingsFolders,
  stringsOf,
  textOf,
} from './settings-file.ts';

type Fields = Readonly<Record<string, unknown>>;

/** What containerd's settings say of a registry. */
export interface HostsToml {
  readonly endpoints: readonly Endpoint[];
  /** Whether the registry itself is among them, so that nobody else is to be asked. */
  readonly isComplete: boolean;
}

/**
 * The `hosts.toml` of a reference's registry, or of `_default`, in the folders that containerd and nerdctl look into.
 * @throws E_IMAGE_REGISTRY when it cannot be used
 * @see containerd docs/hosts.md
 */
export async function findHostsToml(
  reference: Reference,
  env: Readonly<Record<string, string | undefined>>,
): Promise<HostsToml | undefined> {
  const folders = settingsFolders(env).map((folder) => join(folder, 'containerd/certs.d'));
  for (const name of [...folderNames(reference.domain), '_default']) {
    for (const folder of folders) {
      const path = join(folder, name, 'hosts.toml');
      const fields = await readToml(path);
      if (fields !== undefined) return readHosts(fields, path, reference);
    }
  }
  return undefined;
}

/** A colon is awkward in a path: `host:5000` may be written `host_5000_`. */
function folderNames(domain: string): string[] {
  const match = /^(.*):(\d+)$/.exec(domain);
  return match === null ? [domain] : [domain, `${match[1] ?? ''}_${match[2] ?? ''}_`];
}

async function readHosts(fields: Fields, path: string, reference: Reference): Promise<HostsToml> {
  const endpoints: Endpoint[] = [];
  for (const [address, host] of Object.entries(fieldsOf(fields['host']))) {
    endpoints.push(await readHost(address, fieldsOf(host), path, reference));
  }
  const server = textOf(fields['server']);
  const isComplete = server !== undefined;
  if (server !== undefined) endpoints.push(await readHost(server, fields, path, reference));
  return { endpoints, isComplete };
}

async function readHost(
  address: string,
  fields: Fields,
  path: string,
  { domain, repository }: Reference,
): Promise<Endpoint> {
  const url = parseAddress(address, path);
  const isOwn = url.host === (domain === 'docker.io' ? 'registry-1.docker.io' : domain);
  const stated = fields['capabilities'];
  const capabilities = stated === undefined ? ['pull', 'resolve'] : stringsOf(stated);
  const below = url.pathname.replace(/\/+$/, '');
  const isWhole = fields['override_path'] === true || below.endsWith('/v2');
  return endpointAt({
    url,
    repository,
    isInsecure: fields['skip_verify'] === true,
    apiPath: isWhole ? below : `${below}/v2`,
    namespace: isOwn ? undefined : domain,
    resolves: capabilities.includes('resolve'),
    pulls: capabilities.includes('pull'),
    tls: await readTls(fields, path),
    headers: headersOf(fieldsOf(fields['header'])),
  });
}

function parseAddress(address: string, path: string): URL {
  const text = address.includes('://') ? address : `https://${address}`;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol === 'https:' || url?.protocol === 'http:') return url;
  throw badSettings(path, `${address} is not the address of a registry`);
}

/** `ca`: files; `client`: files with certificate and key in one, or pairs of them. Paths are relative to the file. */
async function readTls(fields: Fields, path: string): Promise<OwnTls | undefined> {
  const authorities = stringsOf(fields['ca']);
  const pairs: unknown[] = Array.isArray(fields['client']) ? fields['client'] : [fields['client']];
  const [certificate, key] = pairs.flatMap((pair) => [stringsOf(pair)])[0] ?? [];
  if (authorities.length === 0 && certificate === undefined) return undefined;
  const read = async (name: string): Promise<string> => {
    const file = resolve(dirname(path), name);
    try {
      return await readFile(file, 'utf8');
    } catch (error) {
      throw badSettings(path, messageOf(error), error);
    }
  };
  return {
    authorities: await Promise.all(authorities.map(read)),
    certificate: certificate === undefined ? undefined : await read(certificate),
    key: certificate === undefined ? undefined : await read(key ?? certificate),
  };
}

function headersOf(fields: Fields): Record<string, string> {
  const entries = Object.entries(fields).map(([name, value]) => [
    name,
    stringsOf(value).join(', '),
  ]);
  return Object.fromEntries(entries) as Record<string, string>;
}
