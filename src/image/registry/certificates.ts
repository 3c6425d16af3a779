import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';

import { findErrno } from '../../base/errors.ts';

/** Where Docker and containers/image look for a registry's own authorities. */
const FOLDERS = ['/etc/docker/certs.d', '/etc/containers/certs.d'];
/** The machine's authorities, where distributions keep them. */
const BUNDLES = ['/etc/ssl/certs/ca-certificates.crt', '/etc/pki/tls/certs/ca-bundle.crt'];

/** The authorities that are trusted for one registry (`host[:port]`) only. @see containers-certs.d(5) */
export function ownCertificates(host: string): string[] {
  return FOLDERS.flatMap((folder) => {
    const path = join(folder, host);
    const names = readOrNothing(() => readdirSync(path)) ?? [];
    const found = names.filter((name) => name.endsWith('.crt')).sort();
    return found.flatMap(
      (name) => readOrNothing(() => readFileSync(join(path, name), 'utf8')) ?? [],
    );
  });
}

/** All authorities: those of Node.js, of the machine (or of `SSL_CERT_FILE`), and `own`. */
export function trustedCertificates(
  own: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): string[] {
  const named = env['SSL_CERT_FILE'];
  const paths = named === undefined || named === '' ? BUNDLES : [named];
  const bundles = paths.flatMap((path) => readOrNothing(() => readFileSync(path, 'utf8')) ?? []);
  return [...rootCertificates, ...bundles, ...own];
}

function readOrNothing<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'EACCES'].includes(findErrno(error) ?? '')) return undefined;
    throw error;
  }
}
