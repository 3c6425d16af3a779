import { spawn } from 'node:child_process';

import { abortable } from '../../base/abort.ts';
import { OcupError, findErrno, messageOf } from '../../base/errors.ts';
import type { Credential } from './credentials.ts';
import { quoteServerText } from './redact.ts';
import { fieldsOf } from './settings/settings-file.ts';

const TIMEOUT_MS = 30_000;
const NOT_FOUND = 'credentials not found in native keychain';

/**
 * Asks `docker-credential-NAME` for what it keeps for a registry; undefined when it keeps nothing.
 *
 * @throws E_IMAGE_DENIED when the helper is missing or fails, E_CANCELLED
 * @see Docker CLI reference, "Credential helper protocol"
 */
export async function askCredentialHelper(
  name: string,
  server: string,
  context: HelperContext,
): Promise<Credential | undefined> {
  const program = `docker-credential-${name}`;
  const { code, output } = await tell(name, 'get', server, context);
  if (code === 0) return parseAnswer(program, output);
  if (output.includes(NOT_FOUND)) return undefined;
  throw failed(program, quoteServerText(output) || `it ended with ${code}`);
}

export interface HelperContext {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
}

/** Gives a helper a user and password to keep. @throws E_IMAGE_DENIED, E_CANCELLED */
export async function storeInHelper(
  name: string,
  login: { readonly server: string; readonly username: string; readonly password: string },
  context: HelperContext,
): Promise<void> {
  const { server, username, password } = login;
  const input = JSON.stringify({ ServerURL: server, Username: username, Secret: password });
  const { code, output } = await tell(name, 'store', input, context);
  // It may repeat what it was given.
  const said = quoteServerText(output.replaceAll(password, '…'));
  if (code !== 0) throw failed(`docker-credential-${name}`, said || `it ended with ${code}`);
}

/** Has a helper forget a registry; idempotent. @throws E_IMAGE_DENIED, E_CANCELLED */
export async function eraseFromHelper(
  name: string,
  server: string,
  context: HelperContext,
): Promise<void> {
  const { code, output } = await tell(name, 'erase', server, context);
  if (code === 0 || output.includes(NOT_FOUND)) return;
  throw failed(`docker-credential-${name}`, quoteServerText(output) || `it ended with ${code}`);
}

async function tell(
  name: string,
  action: HelperAction,
  input: string,
  context: HelperContext,
): Promise<{ readonly code: number; readonly output: string }> {
  const program = `docker-credential-${name}`;
  if (!/^[\w.-]+$/.test(name)) throw failed(program, 'its name is not valid');
  const signal = AbortSignal.any([context.signal, AbortSignal.timeout(TIMEOUT_MS)]);
  return abortable(run(program, action, input, { env: context.env, signal }), context.signal);
}

type HelperAction = 'get' | 'store' | 'erase';

function run(
  program: string,
  action: HelperAction,
  input: string,
  options: {
    readonly env: Readonly<Record<string, string | undefined>>;
    readonly signal: AbortSignal;
  },
): Promise<{ readonly code: number; readonly output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, [action], {
      ...options,
      stdio: ['pipe', 'pipe', 'ignore'],
      killSignal: 'SIGKILL',
    });
    const chunks: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.once('error', (error) => {
      const isAbsent = findErrno(error) === 'ENOENT';
      const why = isAbsent ? 'there is no such program in PATH' : messageOf(error);
      reject(failed(program, options.signal.aborted ? 'it takes too long' : why));
    });
    child.once('close', (code) =>
      resolve({ code: code ?? -1, output: Buffer.concat(chunks).toString('utf8') }),
    );
    child.stdin.on('error', () => undefined); // a helper may answer without reading
    child.stdin.end(input);
  });
}

function parseAnswer(program: string, output: string): Credential {
  let value: unknown;
  try {
    value = JSON.parse(output);
  } catch {
    throw failed(program, 'its answer is not JSON');
  }
  const { Username: username, Secret: secret } = fieldsOf(value);
  if (typeof username !== 'string' || typeof secret !== 'string') {
    throw failed(program, 'its answer has no user name and secret');
  }
  if (username === '<token>') return { kind: 'identity', token: secret };
  return { kind: 'password', username, password: secret };
}

function failed(program: string, why: string): OcupError {
  return new OcupError('E_IMAGE_DENIED', `cannot use the credential helper ${program}: ${why}`, {
    hint: 'Repair the helper, or take it out of credHelpers and credsStore in the configuration of Docker.',
  });
}
