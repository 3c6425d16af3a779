import { mkdirSync, writeFileSync } from 'node:fs';
import { isOcupError, OcupError } from '../base/errors.ts';
import { KeyedMutex } from '../base/keyed-mutex.ts';
import { Scope } from '../base/scope.ts';
import { Semaphore } from '../base/semaphore.ts';
import type { EndpointState, PublishedPort } from '../model/container.ts';
import type { SpecHost } from '../model/spec-host.ts';
import type { CopyRoot } from '../native/copy-process.ts';
import { removeTree } from '../native/trees.ts';
import type { ConnectRequest } from '../network/connections.ts';
import type { Networks } from '../network/networks.ts';
import type { ShimConfig, ShimExit, ShimReady } from '../wire/shim.ts';
import { type BundleContext, hostnameOf, joinsOthers, writeBundle } from './bundle-writer.ts';
import { containerPaths, type ContainerPaths } from './container-paths.ts';
import { writeEtcFiles, writeHosts } from './etc-files.ts';
import { journalFields } from './journal.ts';
import { logLimits } from './log-limits.ts';
import {
  ensureMountSources,
  findCopyUps,
  type MountSources,
  toBundleMounts,
} from './mount-sources.ts';
import type { Life } from './life.ts';
import { deleteByForce, findRuntime, type OciRuntime } from './oci-runtime.ts';
import type { ContainerRecord } from './record.ts';
import type { ShimClient } from './shim-client.ts';
import { spawnShim } from './shim-process.ts';
import type { Volumes } from './volumes.ts';

export interface LauncherOptions {
  readonly dataDir: string;
  readonly runDir: string;
  readonly runtimeRoot: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly shims: ShimClient;
  readonly networks: Networks;
  readonly volumes: Volumes;
  readonly host: () => Promise<SpecHost>;
  readonly join: BundleContext['join'];
}

/** A container's process that runs. */
export interface Launched {
  readonly pid: number;
  /** See `ShimClient.watch`. */
  readonly ended: Promise<ShimExit | undefined>;
}

export interface LaunchOptions {
  readonly record: ContainerRecord;
  /** What it had before. */
  readonly previous: Pick<Life, 'endpoints' | 'ports'>;
  /** The networks are joined; to be written down before the process runs. */
  readonly onConnected: (
    endpoints: readonly EndpointState[],
    ports: readonly PublishedPort[],
  ) => Promise<void>;
  /** Its process waits for the start: who wants to hear it from its first byte on attaches now. */
  readonly onCreated: () => Promise<void>;
  /** Ends the watch. */
  readonly signal: AbortSignal;
}

/** So many containers are made at once; the others wait. */
const MAX_LAUNCHES = 16;

/** Makes the processes of containers. */
export class Launcher {
  private readonly options: LauncherOptions;
  private readonly slots = new Semaphore(MAX_LAUNCHES);
  /** One filler for a volume at a time. */
  private readonly copyUps = new KeyedMutex();

  constructor(options: LauncherOptions) {
    this.options = options;
  }

  paths(id: string): ContainerPaths {
    return containerPaths(this.options, id);
  }

  runtimeOf(record: ContainerRecord): Promise<OciRuntime> {
    const { environment, runtimeRoot } = this.options;
    return findRuntime({
      wanted: record.config.runtime ?? environment['OCUP_RUNTIME'],
      searchPath: environment['PATH'],
      root: runtimeRoot,
    });
  }

  /** Writes the bundle, for a look at what is asked before anything runs. @throws as `writeBundle` */
  async prepare(record: ContainerRecord): Promise<void> {
    const paths = this.paths(record.id);
    await this.runtimeOf(record);
    await ensureMountSources(this.sources(record));
    if (joinsOthers(record.config)) return; // their processes are known at the start
    await this.writeBundle(record, paths);
  }

  /**
   * Shim, runtime, networks, start. Undoes everything when it fails.
   *
   * @throws E_CONTAINER_START, E_CONTAINER_MOUNT, E_NETWORK_…, whose exit code `failedExit` tells
   */
  launch(options: LaunchOptions): Promise<Launched> {
    return this.slots.run(async () => {
      const { record } = options;
      const paths = this.paths(record.id);
      const hostname = hostnameOf(record, this.options.join);
      await using scope = new Scope();
      await this.makeFolders(record, paths, hostname);
      scope.defer(() => removeFolder(paths.runFolder));
      const ready = await this.makeContainer(record, paths);
      if ('error' in ready) throw startError(record, ready.error);
      scope.defer(() => this.endContainer(record));
      const endpoints = await this.connect(options, ready.pid, scope);
      if (record.config.networkMode.kind !== 'container') {
        writeHosts(record, paths, { hostname, endpoints });
      }
      await options.onCreated();
      const { ended } = await this.options.shims.start(record.id, options.signal);
      ended.catch(() => undefined); // whoever takes it over sees it
      scope.release();
      return { pid: ready.pid, ended };
    });
  }

  /**
   * Frees what is left of a container, whether it ran, ended or broke off: processes, mounts, the runtime's
   * state, its place on networks, its run folder. Idempotent. It goes as far as it can, and throws the first
   * failure then.
   */
  async release(record: ContainerRecord): Promise<void> {
    const { id } = record;
    await using scope = new Scope();
    scope.defer(() => removeFolder(this.paths(id).runFolder));
    scope.defer(() => this.options.networks.disconnect(id));
    await this.endContainer(record);
  }

  /** What the files of a container that does not run are made of. @throws E_CONTAINER_MOUNT, E_VOLUME_NOT_FOUND */
  async copyRoot(record: ContainerRecord): Promise<CopyRoot> {
    const paths = this.paths(record.id);
    const { upper, work, bundle } = paths;
    const sources = this.sources(record);
    await ensureMountSources(sources);
    const mounts = await toBundleMounts(sources);
    return {
      bundle,
      overlay: { lower: record.layers, upper, work },
      isReadOnly: record.config.isReadOnly,
      copyUps: await findCopyUps(record.mounts, this.options.volumes),
      mounts: mounts.flatMap((mount) => (mount.kind === 'bind' ? [mount] : [])),
    };
  }

  private async endContainer(record: ContainerRecord): Promise<void> {
    try {
      await this.options.shims.call(record.id, 'delete', {});
    } catch (error) {
      if (!isOcupError(error)) throw error;
      // The shim is gone, or does not do what it should: the runtime knows the process as well.
      await deleteByForce(await this.runtimeOf(record), record.id);
    }
  }

  private async makeFolders(
    record: ContainerRecord,
    paths: ContainerPaths,
    hostname: string,
  ): Promise<void> {
    const { upper, work, rootfs, runFolder } = paths;
    // Blocking: handing such small steps to threads and back costs more than they take.
    mkdirSync(runFolder, { recursive: true, mode: 0o700 });
    for (const folder of [upper, work, rootfs]) mkdirSync(folder, { recursive: true });
    await Promise.all([
      ensureMountSources(this.sources(record)),
      ...(joinsOthers(record.config) ? [this.writeBundle(record, paths)] : []),
    ]);
    if (record.config.networkMode.kind === 'container') return;
    writeEtcFiles(record, paths, hostname);
  }

  /** Volumes that the image fills are filled one container after the other. */
  private async makeContainer(record: ContainerRecord, paths: ContainerPaths): Promise<ShimReady> {
    const { volumes } = this.options;
    const locks = (await findCopyUps(record.mounts, volumes)).map(({ volume }) => volume).sort();
    const make = async (): Promise<ShimReady> => {
      const copyUps = locks.length === 0 ? [] : await findCopyUps(record.mounts, volumes);
      const config = await this.shimConfig(record, paths, copyUps);
      writeFileSync(paths.shimConfig, JSON.stringify(config), { mode: 0o600 });
      return spawnShim(paths.runFolder, { PATH: this.options.environment['PATH'] ?? '' });
    };
    const locked = locks.reduce<() => Promise<ShimReady>>(
      (inner, volume) => () => this.copyUps.run(volume, inner),
      make,
    );
    return locked();
  }

  private async shimConfig(
    record: ContainerRecord,
    paths: ContainerPaths,
    copyUps: ShimConfig['copyUps'],
  ): Promise<ShimConfig> {
    const runtime = await this.runtimeOf(record);
    const { config, layers } = record;
    const limits = logLimits(config.logging);
    return {
      id: record.id,
      bundle: paths.bundle,
      runtime: runtime.path,
      runtimeRoot: runtime.root,
      isOwnRuntime: runtime.isOwn,
      overlay: { lower: layers, upper: paths.upper, work: paths.work },
      copyUps,
      logPath: limits === undefined ? undefined : paths.log,
      logMaxBytes: limits?.maxBytes ?? 0,
      logMaxFiles: limits?.maxFiles ?? 0,
      journal: journalFields(record),
      hasTty: config.hasTty,
      isStdinOpen: config.isStdinOpen,
    };
  }

  private async connect(
    options: LaunchOptions,
    pid: number,
    scope: Scope,
  ): Promise<readonly EndpointState[]> {
    const request = connectRequest(options.record, { pid, ...options.previous });
    if (request === undefined) return [];
    const { endpoints, ports } = await this.options.networks.connect(request);
    scope.defer(() => this.options.networks.disconnect(options.record.id));
    await options.onConnected(endpoints, ports);
    return endpoints;
  }

  private async writeBundle(record: ContainerRecord, paths: ContainerPaths): Promise<void> {
    const { join, host } = this.options;
    const sources = this.sources(record);
    await writeBundle(record, { host: await host(), paths, sources, join });
  }

  private sources(record: ContainerRecord): MountSources {
    const { volumes } = this.options;
    return { mounts: record.mounts, volumes, filesFolder: this.paths(record.id).files };
  }
}

/** What the network room needs to know; undefined for a container without a network of its own. */
export function connectRequest(
  record: ContainerRecord,
  now: Pick<Life, 'endpoints' | 'ports'> & { readonly pid: number },
): ConnectRequest | undefined {
  const { id, config } = record;
  const { networkMode } = config;
  if (networkMode.kind !== 'networks' && networkMode.kind !== 'none') return undefined;
  const isConnected = networkMode.kind === 'networks';
  return {
    containerId: id,
    containerName: config.name,
    pid: now.pid,
    endpoints: isConnected ? networkMode.endpoints : [],
    ports: isConnected ? config.ports : [],
    dns: config.dns,
    previous: now.endpoints,
    previousPorts: now.ports,
  };
}

async function removeFolder(path: string): Promise<void> {
  await removeTree(path);
}

function startError(
  { config }: ContainerRecord,
  error: Extract<ShimReady, { readonly error: unknown }>['error'],
): OcupError {
  const code = error.kind === 'mount' ? 'E_CONTAINER_MOUNT' : 'E_CONTAINER_START';
  return new OcupError(code, `cannot start container ${config.name}: ${error.message}`, {
    details: { kind: error.kind },
  });
}
