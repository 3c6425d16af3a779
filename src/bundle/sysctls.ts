import { OcupError } from '../base/errors.ts';
import type { ContainerConfig } from '../model/container.ts';
import type { NamespaceChoices } from './namespaces.ts';

/** Those of the IPC namespace. @see ipc_namespaces(7) */
const IPC_SYSCTLS: ReadonlySet<string> = new Set([
  ...['kernel.msgmax', 'kernel.msgmnb', 'kernel.msgmni', 'kernel.sem', 'kernel.shmall'],
  ...['kernel.shmmax', 'kernel.shmmni', 'kernel.shm_rmid_forced', 'kernel.msg_next_id'],
  ...['kernel.sem_next_id', 'kernel.shm_next_id'],
]);

/**
 * The sysctls of a container, by name. A network namespace of its own lets anyone send pings and bind
 * low ports, as Docker does; a domain name is set by sysctl since not every runtime knows the field.
 *
 * @throws E_BUNDLE_INVALID for one that is not part of a namespace of its own
 */
export function buildSysctls(
  config: Pick<ContainerConfig, 'sysctls' | 'domainname'>,
  namespaces: NamespaceChoices,
): Record<string, string> {
  const sysctls = new Map<string, string>();
  if (namespaces.network === 'private') {
    sysctls.set('net.ipv4.ip_unprivileged_port_start', '0');
    sysctls.set('net.ipv4.ping_group_range', '0 2147483647');
  }
  if (namespaces.uts === 'private' && (config.domainname ?? '') !== '') {
    sysctls.set('kernel.domainname', config.domainname ?? '');
  }
  for (const [written, value] of Object.entries(config.sysctls)) {
    const name = written.includes('.') ? written : written.replaceAll('/', '.');
    assertNamespaced(name, namespaces);
    sysctls.set(name, value);
  }
  return Object.fromEntries([...sysctls].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function assertNamespaced(name: string, namespaces: NamespaceChoices): void {
  const type = namespaceOf(name);
  if (type === undefined) {
    throw new OcupError(
      'E_BUNDLE_INVALID',
      `sysctl ${JSON.stringify(name)} is not in a separate kernel namespace`,
      { hint: 'Set it on the host: it holds for the whole machine.' },
    );
  }
  if (namespaces[type] === 'host') {
    throw new OcupError(
      'E_BUNDLE_INVALID',
      `sysctl ${JSON.stringify(name)} is not allowed with the host's ${type} namespace`,
      { hint: 'Leave it out, or give the container a namespace of its own.' },
    );
  }
}

function namespaceOf(name: string): 'network' | 'ipc' | 'uts' | undefined {
  if (name.startsWith('net.')) return 'network';
  if (IPC_SYSCTLS.has(name) || name.startsWith('fs.mqueue.')) return 'ipc';
  return name === 'kernel.domainname' ? 'uts' : undefined;
}
