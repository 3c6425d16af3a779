import { readFileSync, writeFileSync } from 'node:fs';
import {
  containerResolvConf,
  formatHostname,
  formatHosts,
  formatResolvConf,
  parseResolvConf,
} from '../bundle/container-files.ts';
import type { EndpointState } from '../model/container.ts';
import type { ContainerPaths } from './container-paths.ts';
import type { ContainerRecord } from './record.ts';

/**
 * Writes `hosts`, `hostname` and `resolv.conf` of a container that has them of its own. They are written in
 * place, so that a bind mount of them shows the new content.
 *
 * @throws E_BUNDLE_INVALID for `host-gateway` without a way to the host
 */
export function writeEtcFiles(
  record: ContainerRecord,
  paths: ContainerPaths,
  hostname: string,
): void {
  const { config } = record;
  const hostConf = parseResolvConf(readFileIfThere('/etc/resolv.conf'));
  const hasNames = config.networkMode.kind === 'networks';
  writeFileSync(paths.hostname, formatHostname(hostname));
  const resolvConf = containerResolvConf(config, hostConf, hasNames);
  writeFileSync(paths.resolvConf, formatResolvConf(resolvConf));
  // Until the addresses are known; the mount needs the file.
  writeFileSync(paths.hosts, '');
}

/** Fills in `hosts`, once the addresses are known. */
export function writeHosts(
  record: ContainerRecord,
  paths: ContainerPaths,
  names: { readonly hostname: string; readonly endpoints: readonly EndpointState[] },
): void {
  const { config } = record;
  const { hostname, endpoints } = names;
  const isOnHost = config.networkMode.kind === 'host';
  const content = formatHosts({
    hostname,
    domainname: config.domainname,
    extraHosts: config.extraHosts,
    hostGateway: isOnHost
      ? '127.0.0.1'
      : endpoints.find(({ gateway }) => gateway !== undefined)?.gateway,
    addresses: endpoints.flatMap(({ ipv4Address, ipv6Address }) =>
      [ipv4Address, ipv6Address].filter((address) => address !== undefined),
    ),
  });
  const hosts = isOnHost ? readFileIfThere('/etc/hosts') : '';
  writeFileSync(paths.hosts, `${hosts}${content}`);
}

function readFileIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
