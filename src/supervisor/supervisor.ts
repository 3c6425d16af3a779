import { chmod, mkdir, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { basename, join as joinPath } from 'node:path';
import { Calm } from '../base/calm.ts';
import { messageOf, OcupError } from '../base/errors.ts';
import type { Logger } from '../base/logger.ts';
import type { ImageUser } from '../image/image-users.ts';
import { probeHost, specHost } from '../host/facts.ts';
import type { HostPaths } from '../host/paths.ts';
import type { SpecHost } from '../model/spec-host.ts';
import { openNetworks } from '../network/networks.ts';
import { serveCalls } from '../wire/server.ts';
import { etcFilesOf, hostnameOf, type JoinTarget } from './bundle-writer.ts';
import { timestamp } from './clock.ts';
import { spreadSubfolders } from '../native/trees.ts';
import { CommandHost } from './command-host.ts';
import { Containers } from './containers.ts';
import { EventLog } from './event-log.ts';
import { makeHandlers, makeStreamHandlers } from './handlers.ts';
import { IdleWatch } from './idle-watch.ts';
import type { ImagesPort } from './images-port.ts';
import { Launcher } from './launcher.ts';
import { findRuntime } from './oci-runtime.ts';
import { admitPeer } from './peer.ts';
import { RecordStore } from './record-store.ts';
import { recover } from './recovery.ts';
import { removeEnded } from './remove-container.ts';
import type { Rooms } from './rooms.ts';
import { ShimClient } from './shim-client.ts';
import { Timelines } from './timelines.ts';
import { Volumes } from './volumes.ts';

export interface SupervisorOptions {
  readonly paths: HostPaths;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly logger: Logger;
  /** Opens the image store; `users` gives the containers that images were used for. */
  readonly openImages: (users: () => readonly ImageUser[]) => Promise<ImagesPort>;
  /** How long it stays when nothing runs and nobody calls, in milliseconds. */
  readonly idleMs: number;
}

export interface Supervisor {
  /** Resolves when it should end: nothing to do, or it was asked to. */
  readonly ended: Promise<void>;
  /** Asks it to end. Containers run on. */
  readonly requestShutdown: () => void;
  /** Takes no more calls and lets go of everything. Whether a container still runs. */
  close(): Promise<{ readonly hasContainers: boolean }>;
}

/** One that was started ahead, for a command that then came to nothing, does not stay as long as one that was asked. */
const UNCALLED_MS = 1000;
/** A call that is being answered gets this long when the supervisor is asked to end. */
const LAST_CALLS_MS = 500;

/** Recovers what an earlier supervisor left, and takes calls. The caller holds the lock. */
export async function openSupervisor(options: SupervisorOptions): Promise<Supervisor> {
  const { paths, logger } = options;
  const signals = makeSignals();
  const { rooms, close } = await openRooms(options, signals);
  await recover({
    ...rooms,
    runFolder: joinPath(paths.runDir, 'containers'),
    runtime: () => findRuntime({ wanted: undefined, searchPath: '', root: paths.runtimeRoot }),
  });
  removeEnded(rooms);
  let openConnections = 0;
  let hasRun = false;
  let isCalled = false;
  const commandHost: CommandHost = new CommandHost({
    socketPath: paths.commandSocket,
    environment: options.environment,
    logger,
    // Also for a while after the last one has ended: the next `up` is likely then.
    isWanted: () => (hasRun ||= rooms.containers.hasActive),
    onChange: () => idle.update(),
  });
  const idle: IdleWatch = new IdleWatch({
    idleMs: () => (isCalled ? options.idleMs : Math.min(options.idleMs, UNCALLED_MS)),
    isBusy: () => openConnections > 0 || rooms.containers.hasActive || commandHost.isBusy,
    onIdle: signals.requestShutdown,
  });
  const calm = new Calm();
  const update = (): void => {
    calm.stir();
    idle.update();
    commandHost.update();
  };
  signals.onChange = update;
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  serveCalls(server, {
    handlers: makeHandlers(rooms),
    streams: makeStreamHandlers(rooms),
    admit: admitPeer,
    onConnections: (open) => {
      openConnections = open;
      isCalled = true;
      update();
    },
    onBug: (method, error) => {
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
      logger.error(`${method} failed: ${text}`);
    },
  });
  await listen(server, paths.supervisorSocket);
  update();
  return {
    ended: signals.ended,
    requestShutdown: signals.requestShutdown,
    close: async () => {
      idle.stop();
      await commandHost.close();
      await rm(paths.supervisorSocket, { force: true });
      await closeServer(server, sockets);
      for (const container of rooms.containers.all()) container.detach();
      await close();
      return { hasContainers: rooms.containers.hasActive };
    },
  };
}

interface Signals {
  readonly ended: Promise<void>;
  readonly requestShutdown: () => void;
  onChange: () => void;
}

function makeSignals(): Signals {
  let requestShutdown = (): void => undefined;
  const ended = new Promise<void>((resolve) => {
    requestShutdown = resolve;
  });
  return { ended, requestShutdown, onChange: () => undefined };
}

async function openRooms(
  options: SupervisorOptions,
  signals: Signals,
): Promise<{ readonly rooms: Rooms; readonly close: () => Promise<void> }> {
  const { paths, logger, environment } = options;
  const { dataDir, runDir, runtimeRoot } = paths;
  const runFolder = joinPath(runDir, 'containers');
  await mkdir(runFolder, { recursive: true, mode: 0o700 });
  spreadSubfolders(runFolder);
  const store = new RecordStore(dataDir);
  const events = new EventLog();
  const shims = new ShimClient(runFolder);
  const host = cachedHost(dataDir);
  const damaged: string[] = [];
  const usersOfVolume = (name: string): readonly string[] => containers.usersOfVolume(name);
  const usersOfImages = (): readonly ImageUser[] => containers.usersOfImages();
  const [loaded, volumes, networks, images] = await Promise.all([
    store.load(),
    Volumes.open(dataDir, usersOfVolume, damaged),
    openNetworks({ dataDir, logger }),
    options.openImages(usersOfImages),
  ]);
  const join = (key: string): JoinTarget => joinTarget(containers, launcher, key);
  const base = { dataDir, runDir, runtimeRoot, environment, shims, networks, volumes, host };
  const launcher = new Launcher({ ...base, join });
  const onChange = () => signals.onChange();
  const containers = new Containers({ store, events, launcher, shims, logger, onChange });
  for (const { record, life } of loaded.containers) {
    containers.reserveName(record.config.name, record.id);
    containers.add(record, life);
  }
  for (const name of loaded.strayVolumes) {
    if (volumes.find(name)?.isAnonymous === true) await volumes.remove(name);
  }
  const allDamaged = [...loaded.damaged, ...damaged];
  for (const sentence of allDamaged) logger.error(sentence);
  return {
    rooms: {
      ...base,
      startedAt: timestamp(),
      runtimeName: basename(environment['OCUP_RUNTIME'] ?? 'ocup-runtime'),
      damaged: allDamaged,
      images,
      containers,
      store,
      launcher,
      events,
      timelines: new Timelines(runDir),
      logger,
      requestShutdown: signals.requestShutdown,
    },
    close: async () => {
      await networks.close();
      shims[Symbol.dispose]();
    },
  };
}

/** The machine is looked at once, when a container is first made. */
function cachedHost(dataDir: string): () => Promise<SpecHost> {
  let found: Promise<SpecHost> | undefined;
  return () => (found ??= probeHost({ dataDir }).then(specHost));
}

/** @throws E_CONTAINER_START when it does not run */
function joinTarget(containers: Containers, launcher: Launcher, key: string): JoinTarget {
  const { id, name, record, phase } = containers.get(key);
  if (phase.status !== 'running') {
    throw new OcupError(
      'E_CONTAINER_START',
      `cannot join namespace of a non running container: ${name}`,
      { hint: 'Start that container first.' },
    );
  }
  const join = (other: string): JoinTarget => joinTarget(containers, launcher, other);
  return {
    pid: phase.pid,
    hostname: hostnameOf(record, join),
    etcFiles: etcFilesOf(record.config, launcher.paths(id), join),
  };
}

/** @throws E_WIRE_CONNECT */
async function listen(server: Server, path: string): Promise<void> {
  await rm(path, { force: true }); // left by one that was killed: the lock is ours
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) => {
      const message = `cannot listen on ${path}: ${messageOf(cause)}`;
      reject(new OcupError('E_WIRE_CONNECT', message, { cause }));
    });
    server.listen(path, resolve);
  });
  await chmod(path, 0o600);
}

async function closeServer(server: Server, sockets: ReadonlySet<Socket>): Promise<void> {
  const closed = new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
  const timer = setTimeout(() => {
    for (const socket of sockets) socket.destroy();
  }, LAST_CALLS_MS);
  await closed;
  clearTimeout(timer);
}
