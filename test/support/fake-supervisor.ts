// A supervisor without a kernel: every method of the protocol on values in memory, behind a real socket. Tests
// say beforehand how containers behave, and end or heal them by hand.
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { OcupError } from '../../src/base/errors.ts';
import { ocupVersion } from '../../src/base/install-root.ts';
import {
  type Container,
  type ContainerConfig,
  type Exit,
  UNKNOWN_EXIT,
} from '../../src/model/container.ts';
import type { ContainerEvent, Event } from '../../src/model/event.ts';
import type { Image } from '../../src/model/image.ts';
import { emptyImageConfig } from '../../src/model/image-config.ts';
import type { Network, Volume } from '../../src/model/network.ts';
import { FRAME } from '../../src/wire/frames.ts';
import { type LogLine, PROTOCOL_VERSION, type WaitCondition } from '../../src/wire/protocol.ts';
import { type Handlers, serveCalls, type StreamHandlers } from '../../src/wire/server.ts';
import { FakeCopies } from './fake-copies.ts';
import { fakeTransfers } from './fake-transfers.ts';
import { container, hashOf } from './project-values.ts';

/** How containers of a service behave. */
export interface Behaviour {
  /** Ends with this code as soon as it has started. */
  readonly exitCode?: number;
  /** Its health once it runs; without one it has no probe. */
  readonly health?: 'starting' | 'healthy' | 'unhealthy';
  readonly startError?: OcupError;
  readonly writes?: readonly string[];
  /** Never ends by itself when it is asked to stop. */
  readonly ignoresStop?: boolean;
}

interface Held {
  view: Container;
  lines: LogLine[];
  isRemoved: boolean;
}

export class FakeSupervisor {
  readonly folder: string;
  readonly behaviours = new Map<string, Behaviour>();
  /** Images that a registry has; a pull of another one fails. */
  readonly registry = new Set<string>();
  readonly images = new Map<string, Image>();
  readonly networks = new Map<string, Network>();
  readonly volumes = new Map<string, Volume>();
  /** Every call but those that only look, in order: `container.start app-web-1`. */
  readonly calls: string[] = [];
  private readonly held = new Map<string, Held>();
  private readonly copies = new FakeCopies();
  private readonly listeners = new Set<() => void>();
  private readonly followers = new Set<(event: Event) => void>();
  private readonly server: Server;
  private made = 0;
  private sequence = 0;

  private constructor(folder: string) {
    this.folder = folder;
    this.server = createServer();
    serveCalls(this.server, {
      handlers: this.handlers(),
      streams: this.streams(),
      admit: () => undefined,
      onConnections: () => undefined,
      onBug: (method, error) => {
        throw new Error(`${method}: ${String(error)}`);
      },
    });
  }

  static async open(): Promise<FakeSupervisor> {
    const fake = new FakeSupervisor(await mkdtemp(join(tmpdir(), 'ocup-fake-')));
    // Something on disk, so that commands which only look ask at all.
    await mkdir(join(fake.folder, 'data/containers/x'), { recursive: true });
    await mkdir(join(fake.folder, 'run'));
    await new Promise<void>((done) =>
      fake.server.listen(join(fake.folder, 'run/supervisor.sock'), done),
    );
    return fake;
  }

  async close(): Promise<void> {
    await new Promise((done) => this.server.close(done));
    await rm(this.folder, { recursive: true });
  }

  get environment(): Record<string, string> {
    return {
      OCUP_DATA_DIR: join(this.folder, 'data'),
      OCUP_RUN_DIR: join(this.folder, 'run'),
    };
  }

  names(): string[] {
    return [...this.held.values()].map((item) => item.view.config.name).sort();
  }

  get(name: string): Container {
    return this.find(name).view;
  }

  /** Ends a container by itself. */
  end(name: string, code: number): void {
    const held = this.find(name);
    this.change(held, { state: 'exited', pid: undefined, exit: exitOf(code) });
    this.tell(held, { action: 'die', exit: exitOf(code), willRestart: false });
  }

  setHealth(name: string, health: Container['health']): void {
    const held = this.find(name);
    this.change(held, { health });
    this.tell(held, { action: 'health', health });
  }

  write(name: string, text: string, isComplete = true): void {
    const held = this.find(name);
    const number = String(held.lines.length).padStart(9, '0');
    const time = `2026-01-01T00:00:00.${number}Z`;
    held.lines.push({ id: held.view.id, stream: 'stdout', time, text, isComplete });
    this.notify();
  }

  /** Resolves once `check` holds after some change. */
  async when(check: () => boolean): Promise<void> {
    while (!check()) await this.nextChange();
  }

  private handlers(): Handlers {
    const note = (method: string, subject: string): void => {
      this.calls.push(`${method} ${subject}`);
    };
    const byKey = (method: string, key: string): Held => {
      const held = this.find(key);
      note(method, held.view.config.name);
      return held;
    };
    return {
      'system.info': () =>
        Promise.resolve({
          version: ocupVersion(),
          protocolVersion: PROTOCOL_VERSION,
          pid: process.pid,
          startedAt: '2026-01-01T00:00:00Z',
          dataDir: join(this.folder, 'data'),
          runDir: join(this.folder, 'run'),
          runtime: 'fake',
          containers: { running: 0, total: this.held.size },
          damaged: [],
        }),
      'system.shutdown': () => Promise.resolve({}),
      'image.pull': async ({ image, policy }, call) => {
        note('image.pull', image);
        const here = this.images.get(image);
        if (here !== undefined && policy !== 'always') return here;
        if (!this.registry.has(image)) {
          throw new OcupError('E_IMAGE_NOT_FOUND', `manifest unknown: ${image}`);
        }
        await call.send({ kind: 'resolving' });
        const made = imageOf(image);
        this.images.set(image, made);
        return made;
      },
      ...fakeTransfers(this.images),
      'image.find': ({ image }) => Promise.resolve({ image: this.images.get(image) }),
      'image.list': () => Promise.resolve({ images: [...this.images.values()], damaged: [] }),
      'image.remove': ({ image }) => {
        note('image.remove', image);
        if (!this.images.delete(image)) {
          throw new OcupError('E_IMAGE_NOT_FOUND', `no such image: ${image}`);
        }
        return Promise.resolve({ untagged: [image], deleted: [imageOf(image).id] });
      },
      'image.prune': () =>
        Promise.resolve({ untagged: [], deleted: [], freedBytes: 1_500_000, damaged: [] }),
      'container.prune': () => {
        const ended = [...this.held.values()].filter(({ view }) => view.state === 'exited');
        for (const { view } of ended) this.held.delete(view.id);
        return Promise.resolve({ deleted: ended.map(({ view }) => view.id), freedBytes: 0 });
      },
      'network.prune': () => Promise.resolve({ deleted: [] }),
      'volume.prune': () => Promise.resolve({ deleted: [], freedBytes: 0 }),
      'network.create': ({ config }) => {
        note('network.create', config.name);
        const network: Network = {
          id: hashOf(config.name),
          config,
          bridge: 'oc0',
          subnet: '172.18.0.0/16',
          gateway: '172.18.0.1',
          createdAt: '2026-01-01T00:00:00Z',
        };
        this.networks.set(config.name, network);
        return Promise.resolve(network);
      },
      'network.list': () => Promise.resolve({ networks: [...this.networks.values()] }),
      'network.remove': ({ name }) => {
        note('network.remove', name);
        const user = [...this.held.values()].find((item) => usesNetwork(item.view, name));
        if (user !== undefined) throw new OcupError('E_NETWORK_IN_USE', `${name} is in use`);
        this.networks.delete(name);
        return Promise.resolve({});
      },
      'volume.create': ({ config }) => {
        note('volume.create', config.name);
        const volume: Volume = { config, path: '/v', isAnonymous: false, createdAt: '' };
        this.volumes.set(config.name, volume);
        return Promise.resolve(volume);
      },
      'volume.list': () => Promise.resolve({ volumes: [...this.volumes.values()] }),
      'volume.remove': ({ name }) => {
        note('volume.remove', name);
        this.volumes.delete(name);
        return Promise.resolve({});
      },
      'container.create': ({ config }) => {
        note('container.create', config.name);
        return Promise.resolve(this.create(config));
      },
      'container.start': ({ container: key }) => {
        const held = byKey('container.start', key);
        const { startError } = this.behaviourOf(held);
        if (startError !== undefined) throw startError;
        return Promise.resolve(this.start(held));
      },
      'container.stop': ({ container: key }) => {
        const held = byKey('container.stop', key);
        return this.stop(held);
      },
      'container.kill': ({ container: key, signal }) => {
        const held = byKey(`container.kill ${signal}`, key);
        this.end(held.view.config.name, 137);
        return Promise.resolve(held.view);
      },
      'container.pause': ({ container: key }) =>
        Promise.resolve(this.change(byKey('container.pause', key), { state: 'paused' })),
      'container.unpause': ({ container: key }) =>
        Promise.resolve(this.change(byKey('container.unpause', key), { state: 'running' })),
      'container.rename': ({ container: key, name }) => {
        const held = byKey('container.rename', key);
        return Promise.resolve(this.change(held, { config: { ...held.view.config, name } }));
      },
      'container.inheritLog': () => Promise.resolve({}),
      'container.remove': ({ container: key }) => {
        const held = byKey('container.remove', key);
        this.held.delete(held.view.id);
        held.isRemoved = true;
        this.notify();
        return Promise.resolve({});
      },
      'container.inspect': ({ container: key }) => Promise.resolve(this.find(key).view),
      'container.list': ({ labels }) =>
        Promise.resolve({
          containers: [...this.held.values()]
            .map((item) => item.view)
            .filter((item) =>
              Object.entries(labels).every(([name, value]) => item.config.labels[name] === value),
            )
            .sort((a, b) => (a.config.name < b.config.name ? -1 : 1)),
        }),
      'container.wait': async ({ container: key, condition }, call) => {
        const held = this.find(key);
        for (;;) {
          const isMet = decide(held, condition);
          if (isMet !== undefined) return { isMet, container: held.view };
          if (call.signal.aborted) throw new OcupError('E_CANCELLED', 'cancelled');
          await this.nextChange(call.signal);
        }
      },
      'container.logs': async (params, call) => {
        const all = params.containers.map((key) => this.find(key));
        const sent = new Map<Held, number>();
        for (;;) {
          for (const held of all) {
            for (const line of held.lines.slice(sent.get(held) ?? 0)) await call.send(line);
            sent.set(held, held.lines.length);
          }
          const isOver = all.every((item) => item.isRemoved || item.view.state === 'exited');
          if (!params.follow || isOver || call.signal.aborted) return {};
          await this.nextChange(call.signal);
        }
      },
      'events.follow': async (_, call) => {
        await call.send({ kind: 'begun' });
        const follower = (fact: Event): void => void call.send({ kind: 'fact', fact });
        this.followers.add(follower);
        while (!call.signal.aborted) await this.nextChange(call.signal);
        this.followers.delete(follower);
        return {};
      },
      'timeline.keep': () => Promise.resolve({}),
      'timeline.find': () => Promise.resolve({ timeline: undefined }),
      'bundle.create': ({ config, path }) => {
        note('bundle.create', path ?? '-');
        return Promise.resolve({ path, digest: undefined, imageId: imageOf(config.image).id });
      },
    };
  }

  private streams(): StreamHandlers {
    return {
      'container.log': async ({ container: key }, call) => {
        const stream = call.upgrade({});
        for (const { time, stream: name, isComplete, text } of this.find(key).lines) {
          await stream.send(FRAME.stdout, `${time} ${name} ${isComplete ? 'F' : 'P'} ${text}\n`);
        }
        await stream.send(FRAME.exit, JSON.stringify({ exitCode: 0 }));
        stream.close();
      },
      /** Writes the command to its output, its environment's names to its errors, and ends as `exit N` says. */
      'container.exec': async ({ container: key, command, environment }, call) => {
        this.calls.push(`container.exec ${this.find(key).view.config.name} ${command.join(' ')}`);
        if (command[0] === 'missing') {
          throw new OcupError(
            'E_CONTAINER_EXEC_NOT_FOUND',
            'exec: "missing": executable file not found in $PATH',
          );
        }
        const stream = call.upgrade({});
        await stream.send(FRAME.stdout, `${command.join(' ')}\n`);
        await stream.send(FRAME.stderr, `${Object.keys(environment).join(' ')}\n`);
        const exitCode = command[0] === 'exit' ? Number(command[1]) : 0;
        await stream.send(FRAME.exit, JSON.stringify({ exitCode }));
        stream.close();
      },
      'container.copy': (params, call) =>
        this.copies.answer({ ...params, container: this.find(params.container).view.id }, call),
      /** Gives back what it reads, and ends with its container. */
      'container.attach': async ({ container: key }, call) => {
        const held = this.find(key);
        const stream = call.upgrade({});
        const echo = async (): Promise<void> => {
          for await (const frame of stream.frames) {
            if (frame.type === FRAME.stdin) await stream.send(FRAME.stdout, frame.payload);
            if (frame.type === FRAME.stdinEnd) this.end(held.view.config.name, 0);
          }
        };
        void echo();
        await this.when(() => held.view.state === 'exited' || held.isRemoved);
        const exitCode = held.view.exit?.code ?? 0;
        await stream.send(FRAME.exit, JSON.stringify({ exitCode }));
        stream.close();
      },
    };
  }

  private create(config: ContainerConfig): Container {
    if (this.names().includes(config.name)) {
      throw new OcupError('E_CONTAINER_EXISTS', `name ${config.name} is taken`);
    }
    if (!this.images.has(config.image)) {
      throw new OcupError('E_IMAGE_NOT_FOUND', `no such image: ${config.image}`);
    }
    this.made += 1;
    const id = hashOf(`${config.name} ${this.made}`);
    const view = container({
      id,
      config,
      imageId: imageOf(config.image).id,
      state: 'created',
      pid: undefined,
      startedAt: undefined,
    });
    this.held.set(id, { view, lines: [], isRemoved: false });
    this.notify();
    return view;
  }

  private start(held: Held): Container {
    const { exitCode, health = 'none', writes = [] } = this.behaviourOf(held);
    const { name } = held.view.config;
    this.change(held, {
      state: 'running',
      health,
      exit: undefined,
      startedAt: '2026-01-01T00:00:01Z',
    });
    this.tell(held, { action: 'start' });
    for (const text of writes) this.write(name, text);
    const started = held.view;
    if (exitCode !== undefined) this.end(name, exitCode);
    return started;
  }

  private async stop(held: Held): Promise<{
    wasRunning: boolean;
    reason: string | undefined;
    container: Container;
  }> {
    const wasRunning = held.view.state === 'running';
    if (this.behaviourOf(held).ignoresStop === true) {
      await this.when(() => held.view.state === 'exited');
    } else if (wasRunning) this.end(held.view.config.name, 143);
    return { wasRunning, reason: undefined, container: held.view };
  }

  private behaviourOf(held: Held): Behaviour {
    return this.behaviours.get(held.view.config.labels['com.docker.compose.service'] ?? '') ?? {};
  }

  private find(key: string): Held {
    const found =
      this.held.get(key) ?? [...this.held.values()].find((item) => item.view.config.name === key);
    if (found !== undefined) return found;
    throw new OcupError('E_CONTAINER_NOT_FOUND', `no such container: ${key}`);
  }

  private change(held: Held, changes: Partial<Container>): Container {
    held.view = { ...held.view, ...changes };
    this.notify();
    return held.view;
  }

  private tell(held: Held, fact: Partial<ContainerEvent>): void {
    this.sequence += 1;
    const { id, config } = held.view;
    const event = {
      kind: 'container',
      id,
      name: config.name,
      image: config.image,
      labels: config.labels,
      time: '2026-01-01T00:00:02Z',
      sequence: this.sequence,
      ...fact,
    } as Event;
    for (const follower of this.followers) follower(event);
  }

  private notify(): void {
    for (const listener of [...this.listeners]) listener();
  }

  private nextChange(signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        this.listeners.delete(wake);
        signal?.removeEventListener('abort', wake);
        resolve();
      };
      this.listeners.add(wake);
      signal?.addEventListener('abort', wake);
      if (signal?.aborted === true) wake();
    });
  }
}

function decide(held: Held, condition: WaitCondition): boolean | undefined {
  const { state, health } = held.view;
  if (held.isRemoved) return condition === 'removed';
  if (condition === 'exited') return state === 'exited' ? true : undefined;
  if (condition === 'running') return state === 'running' ? true : undefined;
  if (condition === 'removed') return undefined;
  if (state === 'exited') return false;
  return health === 'starting' ? undefined : health === 'healthy';
}

function usesNetwork({ config }: Container, name: string): boolean {
  const mode = config.networkMode;
  return mode.kind === 'networks' && mode.endpoints.some((item) => item.network === name);
}

function exitOf(code: number): Exit {
  return { ...UNKNOWN_EXIT, code, at: '2026-01-01T00:00:03Z' };
}

export function imageOf(name: string): Image {
  const id = `sha256:${hashOf(name)}` as Image['id'];
  return {
    id,
    manifestDigest: id,
    targetDigest: id,
    names: [name],
    config: emptyImageConfig({ os: 'linux', architecture: 'amd64' }),
    sizeBytes: 1_000_000,
    taggedAt: '2026-01-01T00:00:00Z',
  };
}
