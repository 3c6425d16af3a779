import { execFileSync, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Certificate } from './certificate.ts';
import { eventually } from './eventually.ts';
import { freePort } from './ports.ts';
import type { TokenServer } from './token-server.ts';

/** A real registry server on loopback with a storage of its own. */
export interface Registry {
  /** `127.0.0.1:PORT`. */
  readonly host: string;
  /** Ends the server and removes its storage. */
  stop(): Promise<void>;
}

export interface RegistryOptions {
  /** Only this user gets in. */
  readonly user?: { readonly name: string; readonly password: string };
  /** It speaks TLS with this certificate. */
  readonly tls?: Certificate;
  /** Whose tokens it takes. */
  readonly tokens?: TokenServer;
}

/** Starts Debian's `docker-registry` and waits until it answers. */
export async function startRegistry({
  user,
  tls,
  tokens,
}: RegistryOptions = {}): Promise<Registry> {
  const folder = await mkdtemp(join(tmpdir(), 'ocup-registry-'));
  const host = `127.0.0.1:${await freePort()}`;
  const config = join(folder, 'config.yml');
  const text = {
    version: 0.1,
    log: { level: 'error' },
    storage: { filesystem: { rootdirectory: join(folder, 'data') }, delete: { enabled: true } },
    http: { addr: host, ...(tls !== undefined && { tls }) },
    ...(user !== undefined && {
      auth: { htpasswd: { realm: 'test', path: join(folder, 'htpasswd') } },
    }),
    ...(tokens !== undefined && {
      auth: {
        token: {
          realm: tokens.realm,
          service: tokens.service,
          issuer: tokens.issuer,
          rootcertbundle: tokens.certificate.certificate,
        },
      },
    }),
  };
  const isOpen = user === undefined && tokens === undefined;
  if (user !== undefined) {
    const hash = hashPassword(user.password);
    await writeFile(join(folder, 'htpasswd'), `${user.name}:${hash}\n`);
  }
  await writeFile(config, JSON.stringify(text));
  const server = spawn('docker-registry', ['serve', config], { stdio: 'ignore' });
  const ended = new Promise<void>((done) => {
    server.once('close', () => done());
    server.once('error', () => done());
  });
  const stop = async (): Promise<void> => {
    server.kill('SIGKILL');
    await ended;
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await eventually(
      async () => {
        const answer = await fetch(`http://${host}/v2/`).catch(() => undefined);
        // One that speaks TLS says that this is not the way to ask it.
        return answer?.status === (tls !== undefined ? 400 : isOpen ? 200 : 401);
      },
      10_000,
      'registry',
    );
  } catch (error) {
    await stop();
    throw error;
  }
  return { host, stop };
}

/** bcrypt, which is all that the registry takes. */
function hashPassword(password: string): string {
  const script = 'print crypt($ARGV[0], q($2b$05$abcdefghijklmnopqrstuu))';
  return execFileSync('perl', ['-e', script, password]).toString();
}
