import { OcupError, isOcupError } from '../../base/errors.ts';
import { type Credential, CredentialStore } from './credentials.ts';
import { type LoginContext, type StoredLogin, eraseLogin, storeLogin } from './docker-config.ts';
import { RegistryClient } from './client.ts';

export interface LoginRequest {
  /** As it was typed: a host, or an address. Empty: Docker Hub. */
  readonly server: string;
  /** Undefined: what is kept already is tried. */
  readonly login: { readonly username: string; readonly password: string } | undefined;
}

export interface LoginResult extends StoredLogin {
  readonly domain: string;
}

/**
 * Asks the registry whether it knows the user, and keeps the password where it does.
 * @throws E_IMAGE_DENIED for a wrong password or when it cannot be kept, E_IMAGE_REGISTRY, E_CANCELLED
 */
export async function logIn(request: LoginRequest, context: LoginContext): Promise<LoginResult> {
  const domain = parseServer(request.server);
  const { login } = request;
  const credential = await getCredential(domain, login, context);
  const client = new RegistryClient({ env: context.env, credential });
  try {
    await client.check(domain, { signal: context.signal, onRetry: () => undefined });
  } catch (error) {
    if (!isOcupError(error, 'E_IMAGE_DENIED')) throw error;
    throw new OcupError('E_IMAGE_DENIED', `cannot log in to ${domain}: ${deniedWords(error)}`, {
      cause: error,
    });
  } finally {
    await client.close();
  }
  if (login === undefined) return { domain, path: '', helper: undefined };
  return { domain, ...(await storeLogin(domain, login, context)) };
}

/** Forgets what is kept for a registry. */
export async function logOut(
  server: string,
  context: LoginContext,
): Promise<{ readonly domain: string; readonly wasKnown: boolean }> {
  const domain = parseServer(server);
  return { domain, wasKnown: await eraseLogin(domain, context) };
}

/** What was asked for is in the cause; people know these words. */
function deniedWords(error: OcupError): string {
  return /status 40[13]|unauthorized|denied/.test(error.message)
    ? 'incorrect username or password'
    : error.message;
}

async function getCredential(
  domain: string,
  login: LoginRequest['login'],
  { env, signal }: LoginContext,
): Promise<Credential> {
  if (login !== undefined) return { kind: 'password', ...login };
  const known = await new CredentialStore(env).find(domain, '', signal);
  if (known !== undefined) return known;
  throw new OcupError('E_IMAGE_DENIED', `cannot log in to ${domain}: no user name is known`, {
    hint: 'Name one: ocup login --username NAME --password-stdin.',
  });
}

/** `https://index.docker.io/v1/` and `docker.io` are one registry. @throws E_USAGE */
function parseServer(text: string): string {
  const host = text
    .trim()
    .replace(/^https?:\/\//, '')
    .replace(/\/.*$/, '');
  if (['', 'docker.io', 'index.docker.io', 'registry-1.docker.io'].includes(host)) {
    return 'docker.io';
  }
  if (/^(?:[\w.-]+|\[[\da-fA-F:]+\])(?::\d+)?$/.test(host)) return host;
  throw new OcupError('E_USAGE', `not a registry: ${JSON.stringify(host)}`);
}
