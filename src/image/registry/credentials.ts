import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { OcupError, findErrno, messageOf } from '../../base/errors.ts';
import { askCredentialHelper } from './credential-helper.ts';

/** What proves to a registry who is asking. */
export type Credential =
  | { readonly kind: 'password'; readonly username: string; readonly password: string }
  /** A refresh token for the token server. */
  | { readonly kind: 'identity'; readonly token: string }
  /** A bearer token that is sent as it is. */
  | { readonly kind: 'registry'; readonly token: string };

/** Who knows what to tell registries. */
export interface Credentials {
  find(domain: string, repository: string, signal: AbortSignal): Promise<Credential | undefined>;
}

type Env = Readonly<Record<string, string | undefined>>;

/**
 * Finds credentials in the files of Docker and of containers/image, the more particular file first. Files are read
 * anew each time, so that a login is seen at once.
 * @see containers-auth.json(5); Docker CLI reference, "Credential stores"
 */
export class CredentialStore implements Credentials {
  private readonly env: Env;

  constructor(env: Env) {
    this.env = env;
  }

  /** @throws E_IMAGE_DENIED when a helper fails or a file cannot be read */
  async find(
    domain: string,
    repository: string,
    signal: AbortSignal,
  ): Promise<Credential | undefined> {
    for (const path of this.paths()) {
      const file = await readAuthFile(path);
      if (file === undefined) continue;
      const found = await findInFile(file, domain, repository, { env: this.env, signal });
      if (found !== undefined) return found;
    }
    return undefined;
  }

  private paths(): string[] {
    const { env } = this;
    const home = env['HOME'] ?? '/root';
    const under = (folder: string | undefined, ...names: string[]): string[] =>
      folder === undefined || folder === '' ? [] : [join(folder, ...names)];
    return [
      ...under(env['REGISTRY_AUTH_FILE']),
      ...under(env['XDG_RUNTIME_DIR'], 'containers/auth.json'),
      ...under(env['XDG_CONFIG_HOME'] ?? join(home, '.config'), 'containers/auth.json'),
      ...under(env['DOCKER_CONFIG'] ?? join(home, '.docker'), 'config.json'),
      join(home, '.dockercfg'),
    ];
  }
}

interface AuthFile {
  readonly path: string;
  readonly auths: Readonly<Record<string, AuthEntry>>;
  readonly helpers: Readonly<Record<string, string>>;
  readonly store: string | undefined;
}

interface AuthEntry {
  readonly auth: string | undefined;
  readonly identityToken: string | undefined;
  readonly registryToken: string | undefined;
}

async function readAuthFile(path: string): Promise<AuthFile | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'EACCES'].includes(findErrno(error) ?? '')) return undefined;
    throw unreadable(path, error);
  }
  try {
    return parseAuthFile(path, JSON.parse(text));
  } catch (error) {
    throw unreadable(path, error);
  }
}

function unreadable(path: string, cause: unknown): OcupError {
  // The text of a syntax error quotes the file, and the file holds secrets.
  const reason = cause instanceof SyntaxError ? 'it is not JSON' : messageOf(cause);
  return new OcupError('E_IMAGE_DENIED', `cannot read credentials in ${path}: ${reason}`);
}

function parseAuthFile(path: string, value: unknown): AuthFile {
  const fields = object(value);
  // The oldest form has the entries at the top.
  const auths =
    fields['auths'] === undefined && path.endsWith('.dockercfg') ? fields : object(fields['auths']);
  const entries = Object.entries(auths).map(([key, item]) => [key, parseEntry(item)] as const);
  const helpers = Object.entries(object(fields['credHelpers'])).flatMap(([key, name]) =>
    typeof name === 'string' ? [[key, name] as const] : [],
  );
  return {
    path,
    auths: Object.fromEntries(entries),
    helpers: Object.fromEntries(helpers),
    store: text(fields['credsStore']),
  };
}

function parseEntry(value: unknown): AuthEntry {
  const fields = object(value);
  const [username, password] = [text(fields['username']), text(fields['password'])];
  const written = text(fields['auth']);
  const joined =
    username === undefined || password === undefined
      ? undefined
      : Buffer.from(`${username}:${password}`).toString('base64');
  return {
    auth: written ?? joined,
    identityToken: text(fields['identitytoken']),
    registryToken: text(fields['registrytoken']),
  };
}

async function findInFile(
  file: AuthFile,
  domain: string,
  repository: string,
  context: { readonly env: Env; readonly signal: AbortSignal },
): Promise<Credential | undefined> {
  const hosts = domain === 'docker.io' ? ['https://index.docker.io/v1/', 'docker.io'] : [domain];
  for (const host of hosts) {
    const helper = file.helpers[host] ?? file.store;
    if (helper === undefined) continue;
    const found = await askCredentialHelper(helper, host, context);
    if (found !== undefined) return found;
  }
  for (const key of entryKeys(domain, repository)) {
    const found = Object.entries(file.auths).find(([name]) => normalizeKey(name) === key);
    const credential = found === undefined ? undefined : toCredential(found[1]);
    if (credential !== undefined) return credential;
  }
  return undefined;
}

/** `host/a/b`, `host/a`, `host`: the longest that is there wins. */
function entryKeys(domain: string, repository: string): string[] {
  const parts = repository.split('/');
  const paths = parts.map(
    (_, index) => `${domain}/${parts.slice(0, parts.length - index).join('/')}`,
  );
  return [...paths, domain];
}

/** Docker's keys may be addresses: `https://index.docker.io/v1/`. */
export function normalizeKey(key: string): string {
  const isUrl = /^https?:\/\//.test(key);
  const plain = key.replace(/^https?:\/\//, '').replace(/\/+$/, '');
  const host = isUrl || /\/v[12]$/.test(plain) ? plain.replace(/\/.*$/, '') : plain;
  return host.replace(/^(?:index\.docker\.io|registry-1\.docker\.io)(?=\/|$)/, 'docker.io');
}

function toCredential(entry: AuthEntry): Credential | undefined {
  if (entry.registryToken !== undefined) return { kind: 'registry', token: entry.registryToken };
  if (entry.identityToken !== undefined) return { kind: 'identity', token: entry.identityToken };
  if (entry.auth === undefined) return undefined;
  const decoded = Buffer.from(entry.auth, 'base64').toString('utf8');
  const colon = decoded.indexOf(':');
  if (colon < 0) return undefined;
  const password = decoded.slice(colon + 1).replace(/\0+$/, '');
  return { kind: 'password', username: decoded.slice(0, colon), password };
}

function object(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {};
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
