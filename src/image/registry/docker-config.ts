import { readFile, realpath } from 'node:fs/promises';
import { join } from 'node:path';

import { writeFileAtomic } from '../../base/atomic-file.ts';
import { OcupError, findErrno, messageOf } from '../../base/errors.ts';
import { eraseFromHelper, storeInHelper } from './credential-helper.ts';
import { normalizeKey } from './credentials.ts';

type Env = Readonly<Record<string, string | undefined>>;

export interface LoginContext {
  /** Of the user who logs in. */
  readonly env: Env;
  readonly signal: AbortSignal;
}

/** Where a password went. */
export interface StoredLogin {
  /** The configuration file of Docker. */
  readonly path: string;
  /** The helper that keeps it; undefined: it is in the file, not encrypted. */
  readonly helper: string | undefined;
}

/**
 * Keeps a user and password as `docker login` does: with the helper that Docker's configuration names, or in that
 * file, which nobody else may read. What else stands in the file stays.
 *
 * @throws E_IMAGE_DENIED when the helper fails or the file is damaged or cannot be written
 * @see Docker CLI reference, "Credential stores"
 */
export async function storeLogin(
  domain: string,
  login: { readonly username: string; readonly password: string },
  context: LoginContext,
): Promise<StoredLogin> {
  const file = await readConfig(context.env);
  const key = keyOf(domain);
  const helper = file.helperFor(domain);
  const joined = `${login.username}:${login.password}`;
  if (helper !== undefined) await storeInHelper(helper, { server: key, ...login }, context);
  const entry = helper === undefined ? { auth: Buffer.from(joined).toString('base64') } : {};
  await file.write({ ...file.auths, [key]: entry });
  return { path: file.path, helper };
}

/** Forgets a login. False: there was none. @throws as `storeLogin` */
export async function eraseLogin(domain: string, context: LoginContext): Promise<boolean> {
  const file = await readConfig(context.env);
  const kept = Object.entries(file.auths).filter(([key]) => normalizeKey(key) !== domain);
  const isInFile = kept.length < Object.keys(file.auths).length;
  const helper = file.helperFor(domain);
  if (helper !== undefined) await eraseFromHelper(helper, keyOf(domain), context);
  if (isInFile) await file.write(Object.fromEntries(kept));
  return isInFile;
}

interface ConfigFile {
  readonly path: string;
  readonly auths: Readonly<Record<string, unknown>>;
  helperFor(domain: string): string | undefined;
  write(auths: Readonly<Record<string, unknown>>): Promise<void>;
}

function keyOf(domain: string): string {
  return domain === 'docker.io' ? 'https://index.docker.io/v1/' : domain;
}

async function readConfig(env: Env): Promise<ConfigFile> {
  const folder = setOf(env['DOCKER_CONFIG']) ?? join(setOf(env['HOME']) ?? '/root', '.docker');
  const path = await resolved(join(folder, 'config.json'));
  const fields = await readFields(path);
  const helpers = fieldsOf(fields['credHelpers']);
  return {
    path,
    auths: fieldsOf(fields['auths']),
    helperFor(domain) {
      const found = helpers[keyOf(domain)] ?? helpers[domain] ?? fields['credsStore'];
      return typeof found === 'string' && found !== '' ? found : undefined;
    },
    async write(auths) {
      const text = JSON.stringify({ ...fields, auths }, undefined, '\t');
      try {
        await writeFileAtomic(path, text, { mode: 0o600 });
      } catch (error) {
        throw failed('write', path, messageOf(error));
      }
    },
  };
}

/** The file may be a link, such as into a folder of dotfiles: what it leads to is replaced. */
async function resolved(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    if (findErrno(error) === 'ENOENT') return path;
    throw failed('read', path, messageOf(error));
  }
}

async function readFields(path: string): Promise<Record<string, unknown>> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (findErrno(error) === 'ENOENT') return {};
    throw failed('read', path, messageOf(error));
  }
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
  } catch {
    // The text of the error would quote the file.
  }
  throw failed('read', path, 'it is not JSON');
}

function failed(verb: string, path: string, why: string): OcupError {
  return new OcupError('E_IMAGE_DENIED', `cannot ${verb} credentials in ${path}: ${why}`);
}

function fieldsOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {};
}

function setOf(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}
