import { mkdirSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { hostname as hostnameOfMachine } from 'node:os';
import { messageOf, OcupError } from '../base/errors.ts';
import { buildSpec, type SpecInput } from '../bundle/build-spec.ts';
import { formatSpec } from '../bundle/format-spec.ts';
import type { NamespaceChoice, NamespaceChoices } from '../bundle/namespaces.ts';
import type { EtcFiles } from '../bundle/mounts.ts';
import { resolveArgs } from '../bundle/process-args.ts';
import { parseSecurityOptions } from '../bundle/security-options.ts';
import { listDevices, lookUpDevices } from '../host/devices.ts';
import type { ContainerConfig, NamespaceMode } from '../model/container.ts';
import type { RuntimeSpec } from '../model/runtime-spec.ts';
import type { SpecHost } from '../model/spec-host.ts';
import { executablePath } from '../native/executables.ts';
import type { ContainerPaths } from './container-paths.ts';
import { type MountSources, toBundleMounts } from './mount-sources.ts';
import type { ContainerRecord } from './record.ts';

/** A running container whose namespaces are joined. */
export interface JoinTarget {
  readonly pid: number;
  readonly hostname: string;
  readonly etcFiles: EtcFiles;
}

export interface BundleContext {
  readonly host: SpecHost;
  readonly paths: ContainerPaths;
  readonly sources: MountSources;
  /**
   * The container whose namespace a mode names. @throws E_CONTAINER_START when it does not run
   */
  readonly join: (container: string) => JoinTarget;
}

/** Whether the spec names processes of other containers, so that it holds for one start only. */
export function joinsOthers(config: ContainerConfig): boolean {
  const modes = [config.networkMode, config.pidMode, config.ipcMode, config.utsMode];
  return modes.some((mode) => mode.kind === 'container');
}

/** The name that the container has for itself. */
export function hostnameOf(
  record: Pick<ContainerRecord, 'id' | 'config'>,
  join: BundleContext['join'],
): string {
  const { id, config } = record;
  if (config.networkMode.kind === 'container') return join(config.networkMode.container).hostname;
  if (config.hostname !== undefined) return config.hostname;
  const isHosts = config.networkMode.kind === 'host' || config.utsMode.kind === 'host';
  return isHosts ? hostnameOfMachine() : id.slice(0, 12);
}

/** The files that are mounted into `/etc`: those of the container whose network is shared, else its own. */
export function etcFilesOf(
  config: ContainerConfig,
  paths: ContainerPaths,
  join: BundleContext['join'],
): EtcFiles {
  const { networkMode } = config;
  if (networkMode.kind === 'container') return join(networkMode.container).etcFiles;
  return { hosts: paths.hosts, hostname: paths.hostname, resolvConf: paths.resolvConf };
}

/**
 * Writes the bundle's `config.json`.
 * @throws E_BUNDLE_INVALID, E_CONTAINER_CREATE for a device, E_CONTAINER_START for a container to join
 */
export async function writeBundle(record: ContainerRecord, context: BundleContext): Promise<void> {
  const { config } = record;
  const { paths, join } = context;
  const spec = buildSpec({
    ...(await commonInput(record, context)),
    purpose: 'run',
    hostname: hostnameOf(record, join),
    etcFiles: etcFilesOf(config, paths, join),
    namespaces: chooseNamespaces(config, join),
    shmPath: config.ipcMode.kind === 'host' ? '/dev/shm' : undefined,
    cgroupsPath: cgroupsPathOf(record),
    initPath: config.hasInit ? executablePath('ocup-init') : undefined,
    host: context.host,
  });
  mkdirSync(paths.bundle, { recursive: true });
  writeFileSync(paths.spec, formatSpec(spec));
}

/** The spec of a bundle that other tools run. @throws as `writeBundle` */
export async function buildExportSpec(
  record: ContainerRecord,
  context: Pick<BundleContext, 'host' | 'sources'>,
): Promise<RuntimeSpec> {
  const { config } = record;
  return buildSpec({
    ...(await commonInput(record, context)),
    purpose: 'export',
    hostname: config.hostname ?? config.name,
    etcFiles: undefined,
    namespaces: chooseNamespaces(config, () => {
      throw new OcupError('E_BUNDLE_INVALID', 'a bundle cannot join a container', {
        hint: 'Remove network_mode, pid, ipc and uts that name a service or container.',
      });
    }),
    shmPath: undefined,
    cgroupsPath: undefined,
    initPath: undefined,
    host: context.host,
  });
}

type CommonInput = Pick<
  SpecInput,
  'config' | 'image' | 'args' | 'user' | 'mounts' | 'devices' | 'seccompProfile'
>;

async function commonInput(
  record: ContainerRecord,
  { sources }: Pick<BundleContext, 'sources'>,
): Promise<CommonInput> {
  const { config, image, user } = record;
  return {
    config,
    image,
    args: resolveArgs(config, image),
    user,
    mounts: await toBundleMounts(sources),
    devices: config.isPrivileged ? await listDevices() : await lookUpDevices(config.devices),
    seccompProfile: await readSeccompProfile(config),
  };
}

/** Containers of one parent are below it; ours are below `/ocup` unless the config says otherwise. */
function cgroupsPathOf({ id, config }: ContainerRecord): string {
  const parent = (config.cgroupParent ?? '/ocup').replace(/\/+$/, '');
  return parent.startsWith('/') ? `${parent}/${id}` : `/${parent}/${id}`;
}

function chooseNamespaces(config: ContainerConfig, join: BundleContext['join']): NamespaceChoices {
  const choose = (mode: NamespaceMode, file: string): NamespaceChoice =>
    mode.kind === 'container'
      ? { path: `/proc/${join(mode.container).pid}/ns/${file}` }
      : mode.kind;
  const { networkMode } = config;
  const hasOwnNetwork = networkMode.kind === 'networks' || networkMode.kind === 'none';
  return {
    network: hasOwnNetwork ? 'private' : choose(networkMode, 'net'),
    pid: choose(config.pidMode, 'pid'),
    ipc: choose(config.ipcMode, 'ipc'),
    uts: choose(config.utsMode, 'uts'),
  };
}

async function readSeccompProfile(config: ContainerConfig): Promise<string | undefined> {
  const { seccomp } = parseSecurityOptions(config.securityOptions).value;
  if (seccomp.kind !== 'profile') return undefined;
  try {
    return await readFile(seccomp.path, 'utf8');
  } catch (cause) {
    const message = `cannot read seccomp profile ${seccomp.path}: ${messageOf(cause)}`;
    throw new OcupError('E_BUNDLE_INVALID', message, { cause });
  }
}
