import { join } from 'node:path';

/** Where a container's things are. */
export interface ContainerPaths {
  /** Survives a reboot. */
  readonly folder: string;
  readonly record: string;
  readonly state: string;
  readonly log: string;
  /** What the containers wrote that it has taken the place of. */
  readonly history: string;
  readonly upper: string;
  readonly work: string;
  readonly bundle: string;
  readonly spec: string;
  readonly rootfs: string;
  readonly hosts: string;
  readonly hostname: string;
  readonly resolvConf: string;
  /** Files whose content the config gives. */
  readonly files: string;
  /** Gone at boot, and after every exit. */
  readonly runFolder: string;
  readonly shimConfig: string;
  readonly shimExit: string;
}

export function containerPaths(
  dirs: { readonly dataDir: string; readonly runDir: string },
  id: string,
): ContainerPaths {
  const folder = join(dirs.dataDir, 'containers', id);
  const runFolder = join(dirs.runDir, 'containers', id);
  const bundle = join(folder, 'bundle');
  return {
    folder,
    record: join(folder, 'record.json'),
    state: join(folder, 'state.json'),
    log: join(folder, 'log'),
    history: join(folder, 'history'),
    upper: join(folder, 'upper'),
    work: join(folder, 'work'),
    bundle,
    spec: join(bundle, 'config.json'),
    rootfs: join(bundle, 'rootfs'),
    hosts: join(folder, 'hosts'),
    hostname: join(folder, 'hostname'),
    resolvConf: join(folder, 'resolv.conf'),
    files: join(folder, 'files'),
    runFolder,
    shimConfig: join(runFolder, 'shim.json'),
    shimExit: join(runFolder, 'exit.json'),
  };
}
