import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';

import { findErrno } from '../../base/errors.ts';

/** Where Docker and containers/image look for a registry's own authorities. */
const FOLDERS = ['/etc/docker/certs.d', '/etc/containers/certs.d'];
/** The machine's authorities, where distributions keep them. */
const BUNDLES = ['/etc/ssl/certs/ca-certificates.crt', '/etc/pki/tls/certs/ca-bundle.crt'];

/** What TLS with one registry needs beside the machine's own authorities; all in PEM. */
export interface OwnTls {
  readonly authorities: readonly string[];
  /** What this client shows, and its key. */
  readonly certificate: string | undefined;
  readonly key: string | undefined;
}

/**
 * What is kept for one registry (`host[:port]`) only: authorities in `*.crt`, and a client's `NAME.cert` with `NAME.key`.
 * Undefined where there is nothing. @see containers-certs.d(5)
 */
export function ownTls(host: string): OwnTls | undefined {
  const paths = FOLDERS.flatMap((folder) => {
    const path = join(folder, host);
    const names = readOrNothing(() => readdirSync(path)) ?? [];
    return names.sort().map((name) => join(path, name));
  });
  const read = (path: string): string | undefined =>
    readOrNothing(() => readFileSync(path, 'utf8'));
  const authorities = paths
    .filter((path) => path.endsWith('.crt'))
    .flatMap((path) => read(path) ?? []);
  const shown = paths.find((path) => path.endsWith('.cert'));
  if (authorities.length === 0 && shown === undefined) return undefined;
  return {
    authorities,
    certificate: shown === undefined ? undefined : read(shown),
    key: shown === undefined ? undefined : read(shown.replace(/\.cert$/, '.key')),
  };
}

/** All authorities: those of Node.js, of the machine (or of `SSL_CERT_FILE`), of `NODE_EXTRA_CA_CERTS`, and `own`. */
export function trustedCertificates(
  own: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): string[] {
  const named = env['SSL_CERT_FILE'];
  const extra = env['NODE_EXTRA_CA_CERTS'];
  const paths = [
    ...(named === undefined || named === '' ? BUNDLES : [named]),
    ...(extra === undefined || extra === '' ? [] : [extra]),
  ];
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
