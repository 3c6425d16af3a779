import { isIP } from 'node:net';

import type { Reference } from '../../model/reference.ts';

/** Where the API of a registry is. */
export interface RegistryHost {
  /** As in references: `docker.io`, `localhost:5000`. */
  readonly domain: string;
  /** `https://registry-1.docker.io`. */
  readonly origin: string;
  /** Whether plain HTTP and unverified certificates are accepted. */
  readonly isInsecure: boolean;
}

/**
 * The API of the registry that a reference names. Plain HTTP, and HTTPS with a certificate that is not verified, are
 * spoken to loopback, to those that are allowed to be insecure, and to nobody else.
 */
export function registryHost(
  reference: Reference,
  mayBeInsecure: boolean,
  hasTls = false,
): RegistryHost {
  const { domain } = reference;
  const host = domain === 'docker.io' ? 'registry-1.docker.io' : domain;
  const isInsecure = isLoopback(hostName(host)) || mayBeInsecure;
  const scheme = isInsecure && !hasTls ? 'http' : 'https';
  return { domain, origin: `${scheme}://${host}`, isInsecure };
}

/** The name or address in `host[:port]`, without the brackets of an IPv6 address. */
export function hostName(host: string): string {
  return host.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
}

/** Whether the name or literal address is this machine. */
export function isLoopback(name: string): boolean {
  if (isIP(name) === 4) return name.startsWith('127.');
  return name === 'localhost' || name.endsWith('.localhost') || name === '::1';
}

const PRIVATE_IPV4 =
  /^(?:0|10|127)\.|^169\.254\.|^192\.168\.|^172\.(?:1[6-9]|2\d|3[01])\.|^100\.(?:6[4-9]|[7-9]\d|1[01]\d|12[0-7])\./;

/** Whether a literal address, or `localhost`, is not of the public internet. */
export function isPrivateAddress(name: string): boolean {
  if (isLoopback(name)) return true;
  if (isIP(name) === 4) return PRIVATE_IPV4.test(name);
  if (isIP(name) !== 6) return false;
  const lower = name.toLowerCase();
  const embedded = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(lower)?.[1];
  if (embedded !== undefined) return PRIVATE_IPV4.test(embedded);
  return lower === '::' || /^f[cd]|^fe[89ab]|^::ffff:/.test(lower);
}

/** Names in `OCUP_INSECURE_REGISTRIES`: `host[:port]`, separated by commas or blanks. */
export function parseInsecureRegistries(text: string | undefined): Set<string> {
  return new Set((text ?? '').split(/[\s,]+/).filter((name) => name !== ''));
}
