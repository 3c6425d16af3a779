import { join } from 'node:path';

import { OcupError } from '../../../base/errors.ts';
import { type Reference, formatReference } from '../../../model/reference.ts';
import { hostName, isLoopback } from '../hosts.ts';
import { type Endpoint, endpointAt } from './endpoint.ts';
import {
  badSettings,
  fieldsOf,
  listConf,
  readToml,
  settingsFolders,
  textOf,
} from './settings-file.ts';

type Env = Readonly<Record<string, string | undefined>>;
type Fields = Readonly<Record<string, unknown>>;

/** What `registries.conf` says of a reference. */
export interface RegistriesConf {
  readonly mirrors: readonly Endpoint[];
  /** The reference as the registry is to be asked for it. */
  readonly upstream: Reference;
  readonly isInsecure: boolean;
}

interface Entry {
  readonly path: string;
  readonly prefix: string;
  readonly fields: Fields;
}

/** One file of settings, read. */
export interface ConfFile {
  readonly path: string;
  readonly fields: Fields;
}

/**
 * The `registries.conf` of `CONTAINERS_REGISTRIES_CONF`, the user or the machine, and what is in `registries.conf.d`
 * beside it; files that are read later stand above those before.
 * @throws E_IMAGE_REGISTRY when a file cannot be used
 * @see containers-registries.conf(5)
 */
export async function readRegistriesConf(env: Env): Promise<ConfFile[]> {
  const named = env['CONTAINERS_REGISTRIES_CONF'] ?? '';
  if (named !== '') return readFiles([named]);
  const folders = settingsFolders(env).map((folder) => join(folder, 'containers'));
  const dropIns: string[] = [];
  for (const folder of [...folders].reverse()) {
    dropIns.push(...(await listConf(join(folder, 'registries.conf.d'))));
  }
  const main = await readFiles(folders.map((folder) => join(folder, 'registries.conf')));
  // The user's file stands in for the machine's.
  return [...main.slice(0, 1), ...(await readFiles(dropIns))];
}

async function readFiles(paths: readonly string[]): Promise<ConfFile[]> {
  const files: ConfFile[] = [];
  for (const path of paths) {
    const fields = await readToml(path);
    if (fields !== undefined) files.push({ path, fields });
  }
  return files;
}

/**
 * What the `[[registry]]` says whose prefix fits a reference best.
 * @throws E_IMAGE_REGISTRY when it cannot be used, E_IMAGE_DENIED when the registry is blocked
 */
export function findRegistriesConf(
  reference: Reference,
  files: readonly ConfFile[],
): RegistriesConf | undefined {
  const name = formatReference(reference);
  let best: { readonly entry: Entry; readonly matched: string } | undefined;
  for (const entry of files.flatMap(entriesOf)) {
    const matched = matchPrefix(entry.prefix, name);
    const isBetter = matched !== undefined && matched.length >= (best?.matched.length ?? 0);
    if (isBetter) best = { entry, matched };
  }
  return best === undefined ? undefined : apply(best.entry, best.matched, reference);
}

function entriesOf({ path, fields: { registry: list } }: ConfFile): Entry[] {
  if (!Array.isArray(list)) return [];
  return list.map((item: unknown) => {
    const fields = fieldsOf(item);
    const prefix = textOf(fields['prefix']) ?? textOf(fields['location']);
    if (prefix === undefined) throw badSettings(path, 'a registry has neither prefix nor location');
    return { path, prefix: prefix.replace(/\/+$/, ''), fields };
  });
}

/** The part of `name` that the prefix stands for: whole components, or any host below `*.example.com`. */
function matchPrefix(prefix: string, name: string): string | undefined {
  if (prefix.startsWith('*.')) {
    const host = name.slice(0, name.indexOf('/'));
    return host.replace(/:\d+$/, '').endsWith(prefix.slice(1)) ? host : undefined;
  }
  if (!name.startsWith(prefix)) return undefined;
  const next = name.charAt(prefix.length);
  return next === '' || '/:@'.includes(next) ? prefix : undefined;
}

function apply(entry: Entry, matched: string, reference: Reference): RegistriesConf {
  const { fields, path } = entry;
  if (fields['blocked'] === true) {
    throw new OcupError(
      'E_IMAGE_DENIED',
      `cannot use ${formatReference(reference)}: ${entry.prefix} is blocked in ${path}`,
    );
  }
  const isInsecure = fields['insecure'] === true;
  // The registry as such is asked for, such as by a login.
  if (reference.repository === '') return { mirrors: [], upstream: reference, isInsecure };
  const repository = `${reference.domain}/${reference.repository}`;
  const rest = repository.slice(matched.length);
  const mirrors: unknown[] = Array.isArray(fields['mirror']) ? fields['mirror'] : [];
  const isByDigest = fields['mirror-by-digest-only'] === true;
  const isDigested = reference.digest !== undefined;
  const location = textOf(fields['location']);
  return {
    mirrors: mirrors.flatMap((item) =>
      mirrorOf(fieldsOf(item), rest, path, { isByDigest, isDigested }),
    ),
    upstream:
      location === undefined ? reference : { ...reference, ...split(location + rest, path) },
    isInsecure,
  };
}

/** `pull-from-mirror` is about how the user names the image: by a tag or by a digest. */
function mirrorOf(
  fields: Fields,
  rest: string,
  path: string,
  { isByDigest, isDigested }: { readonly isByDigest: boolean; readonly isDigested: boolean },
): Endpoint[] {
  const location = textOf(fields['location']);
  if (location === undefined) throw badSettings(path, 'a mirror has no location');
  const { domain, repository } = split(location + rest, path);
  const from = textOf(fields['pull-from-mirror']) ?? (isByDigest ? 'digest-only' : 'all');
  if (!['all', 'digest-only', 'tag-only'].includes(from)) {
    throw badSettings(path, `pull-from-mirror cannot be ${from}`);
  }
  const isAsked = from === 'all' || (from === 'digest-only') === isDigested;
  const host = domain === 'docker.io' ? 'registry-1.docker.io' : domain;
  const isInsecure = fields['insecure'] === true || isLoopback(hostName(domain));
  // Of an insecure one it is not known whether it speaks TLS.
  return (isInsecure ? ['https', 'http'] : ['https']).map((scheme) =>
    endpointAt({
      url: new URL(`${scheme}://${host}`),
      repository,
      isInsecure,
      resolves: isAsked,
      pulls: isAsked,
      isGuess: isInsecure && scheme === 'https',
    }),
  );
}

/** Locations are references without tag and digest. */
function split(location: string, path: string): { domain: string; repository: string } {
  const slash = location.indexOf('/');
  const domain = location.slice(0, slash);
  const repository = location.slice(slash + 1);
  if (slash > 0 && repository !== '' && URL.canParse(`https://${domain}`))
    return { domain, repository };
  throw badSettings(path, `${location} is not a location of images`);
}
