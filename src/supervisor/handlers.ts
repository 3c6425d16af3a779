import { findComparableTime } from '../base/comparable-time.ts';
import { OcupError } from '../base/errors.ts';
import { ocupVersion } from '../base/install-root.ts';
import { once } from 'node:events';
import type { Event } from '../model/event.ts';
import { parseImageSource } from '../model/reference.ts';
import type { ImageCalls } from '../wire/image-calls.ts';
import type { PruneCalls } from '../wire/prune-calls.ts';
import { type LogParams, PROTOCOL_VERSION } from '../wire/protocol.ts';
import type { Call, Handlers, StreamHandlers } from '../wire/server.ts';
import { exportBundle } from './bundle-export.ts';
import type { SupervisedContainer } from './container.ts';
import { makeContainer } from './container-maker.ts';
import { copyWithContainer } from './copy.ts';
import { logLimits } from './log-limits.ts';
import { followLogs, type LogSource, sendLogBytes, sendLogs } from './log-stream.ts';
import { pruneHandlers } from './prune.ts';
import { removeContainer } from './remove-container.ts';
import { transferHandlers } from './transfer-handlers.ts';
import { attachToContainer, execInContainer } from './streams.ts';
import type { Rooms } from './rooms.ts';

/** One entry a method, each a line or two over the rooms. */
export function makeHandlers(rooms: Rooms): Handlers {
  return {
    ...systemHandlers(rooms),
    ...imageHandlers(rooms),
    ...transferHandlers(rooms),
    ...pruneHandlers(rooms),
    ...networkHandlers(rooms),
    ...volumeHandlers(rooms),
    ...containerHandlers(rooms),
    'events.follow': async ({ labels, since }, call) => {
      const from = parseTime(since);
      const tell = (fact: Event): void => {
        if (isAbout(fact, labels)) void call.send({ kind: 'fact', fact }).catch(() => undefined);
      };
      const earlier = from === undefined ? [] : rooms.events.since(from);
      // Nothing is waited for in between: what happens from here on is neither lost nor told twice.
      const stop = rooms.events.follow(tell);
      for (const fact of earlier) tell(fact);
      await call.send({ kind: 'begun' });
      if (!call.signal.aborted) await once(call.signal, 'abort');
      stop();
      return {};
    },
    'timeline.keep': (timeline) => {
      rooms.timelines.keep(timeline);
      return Promise.resolve({});
    },
    'timeline.find': ({ project }) => Promise.resolve({ timeline: rooms.timelines.find(project) }),
    'bundle.create': (params, { signal }) => exportBundle(params, rooms, signal),
  };
}

export function makeStreamHandlers(rooms: Rooms): StreamHandlers {
  const { containers, shims, host, launcher } = rooms;
  return {
    'container.exec': (params, call) => {
      const container = containers.get(params.container);
      const specPath = launcher.paths(container.id).spec;
      return execInContainer(container, params, { shims, specPath, host, call });
    },
    'container.copy': (params, call) => copyWithContainer(containers, params, { launcher, call }),
    'container.log': ({ container, tail, withHistory }, call) =>
      sendLogBytes(toLogSource(rooms, containers.get(container), withHistory), tail, call),
    'container.attach': ({ container, hasStdin }, call) =>
      attachToContainer(containers.get(container), { hasStdin }, { shims, call }),
  };
}

type Part<Prefix extends string> = Omit<
  Pick<Handlers, Extract<keyof Handlers, `${Prefix}.${string}`>>,
  keyof ImageCalls | keyof PruneCalls
>;

function systemHandlers(rooms: Rooms): Part<'system'> {
  return {
    'system.info': () => {
      const all = rooms.containers.all();
      const running = all.filter(({ phase }) => phase.status === 'running').length;
      const { dataDir, runDir, startedAt, runtimeName, damaged } = rooms;
      return Promise.resolve({
        version: ocupVersion(),
        protocolVersion: PROTOCOL_VERSION,
        pid: process.pid,
        startedAt,
        dataDir,
        runDir,
        runtime: runtimeName,
        containers: { running, total: all.length },
        damaged,
      });
    },
    'system.shutdown': () => {
      rooms.requestShutdown();
      return Promise.resolve({});
    },
  };
}

function imageHandlers({ images, events }: Rooms): Part<'image'> {
  const tell = (action: 'pull' | 'untag' | 'destroy', names: readonly string[]): void => {
    for (const name of names) events.tell({ kind: 'image', action, name });
  };
  return {
    'image.pull': async ({ image, platform, policy, environment: env }, call) => {
      const pulled = await images.pull({
        source: parseImageSource(image),
        platform,
        policy,
        env,
        signal: call.signal,
        onProgress: (progress) => void call.send(progress).catch(() => undefined),
      });
      tell('pull', [image]);
      return pulled;
    },
    'image.find': async ({ image, platform }) => ({
      image: await images.find(parseImageSource(image), platform),
    }),
    'image.list': async () => ({ images: await images.list(), damaged: await images.damaged() }),
    'image.remove': async ({ image, force }) => {
      const removed = await images.remove(image, { force });
      tell('untag', removed.untagged);
      tell('destroy', removed.deleted);
      return removed;
    },
  };
}

function networkHandlers({ networks, events }: Rooms): Part<'network'> {
  return {
    'network.create': async ({ config }) => {
      const network = await networks.create(config);
      events.tell({ kind: 'network', action: 'create', name: config.name });
      return network;
    },
    'network.list': () => Promise.resolve({ networks: networks.list() }),
    'network.remove': async ({ name }) => {
      await networks.remove(name);
      events.tell({ kind: 'network', action: 'destroy', name });
      return {};
    },
  };
}

function volumeHandlers({ volumes, events }: Rooms): Part<'volume'> {
  return {
    'volume.create': async ({ config }) => {
      const { volume, isNew } = await volumes.create(config);
      if (isNew) events.tell({ kind: 'volume', action: 'create', name: config.name });
      return volume;
    },
    'volume.list': () => Promise.resolve({ volumes: volumes.list() }),
    'volume.remove': async ({ name }) => {
      await volumes.remove(name);
      events.tell({ kind: 'volume', action: 'destroy', name });
      return {};
    },
  };
}

function containerHandlers(rooms: Rooms): Part<'container'> {
  const { containers } = rooms;
  const view = async (work: Promise<SupervisedContainer>) => (await work).view();
  return {
    'container.create': ({ config, inheritVolumesOf }) =>
      view(makeContainer(rooms, config, inheritVolumesOf)),
    'container.start': ({ container }) => view(containers.start(container)),
    'container.stop': async ({ container, timeoutMs }) => {
      const stopped = await containers.stop(container, timeoutMs);
      return { ...stopped, container: stopped.container.view() };
    },
    'container.kill': ({ container, signal }) => view(containers.kill(container, signal)),
    'container.pause': ({ container }) => view(containers.pause(container)),
    'container.unpause': ({ container }) => view(containers.unpause(container)),
    'container.rename': ({ container, name }) => view(containers.rename(container, name)),
    'container.inheritLog': async ({ container, from }) => {
      await containers.inheritLog(container, from);
      return {};
    },
    'container.remove': async ({ container, force, volumes }) => {
      await removeContainer(rooms, container, { force, volumes });
      return {};
    },
    'container.inspect': ({ container }) => Promise.resolve(containers.get(container).view()),
    'container.list': ({ labels }) => Promise.resolve({ containers: containers.list(labels) }),
    'container.wait': ({ container, condition }, call) =>
      containers.wait(container, condition, call.signal),
    'container.logs': async (params, call) => {
      await readLogs(rooms, params, call);
      return {};
    },
  };
}

type LogCall = Call<Parameters<Parameters<typeof sendLogs>[2]['send']>[0]>;

/** @throws E_USAGE for a time that is none */
async function readLogs(rooms: Rooms, params: LogParams, call: LogCall): Promise<void> {
  const sources = params.containers.map((key) =>
    toLogSource(rooms, rooms.containers.get(key), params.withHistory),
  );
  const range = {
    tail: params.tail,
    since: parseTime(params.since),
    until: parseTime(params.until),
  };
  const options = { send: call.send.bind(call), signal: call.signal };
  if (params.follow) await followLogs(sources, range, options);
  else await sendLogs(sources, range, options);
}

function toLogSource(
  { launcher }: Rooms,
  container: SupervisedContainer,
  withHistory = false,
): LogSource {
  const isKept = logLimits(container.record.config.logging) !== undefined;
  return {
    id: container.id,
    path: isKept ? launcher.paths(container.id).log : undefined,
    history: withHistory ? launcher.paths(container.id).history : undefined,
    mayWrite: () =>
      !container.isRemoved && (container.isActive || container.phase.status === 'created'),
    onChange: (listener) => container.onChange(listener),
  };
}

function parseTime(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const time = findComparableTime(text);
  if (time === undefined) throw new OcupError('E_USAGE', `not a time of RFC 3339: ${text}`);
  return time;
}

function isAbout(event: Event, labels: Readonly<Record<string, string>>): boolean {
  const wanted = Object.entries(labels);
  if (wanted.length === 0) return true;
  if (event.kind !== 'container') return false;
  return wanted.every(([key, value]) => event.labels[key] === value);
}
