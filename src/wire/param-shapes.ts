import {
  count,
  flag,
  listOf,
  mapOf,
  objectOf,
  oneOf,
  optional,
  type Shape,
  text,
} from '../base/shape.ts';
import type { PruneFilter } from '../model/prune-filter.ts';
import { containerConfigShape, networkConfigShape, volumeConfigShape } from './config-shape.ts';
import { IMAGE_PARAM_SHAPES } from './image-shapes.ts';
import { timelineShape } from './timeline-shape.ts';
import type {
  CopyParams,
  ExecParams,
  LogParams,
  MethodName,
  Params,
  StreamMethodName,
  StreamMethods,
  TerminalSize,
} from './protocol.ts';

const none = objectOf<Readonly<Record<string, never>>>({});
const byContainer = objectOf<{ readonly container: string }>({ container: text });
const byName = objectOf<{ readonly name: string }>({ name: text });
const byLabels = objectOf<{ readonly labels: Readonly<Record<string, string>> }>({
  labels: mapOf(text),
});

const pruneFilter = objectOf<PruneFilter>({
  createdBefore: optional(text),
  labels: listOf(text),
  withoutLabels: listOf(text),
});

const byFilter = objectOf<{ readonly filter: PruneFilter }>({ filter: pruneFilter });

/** What each method takes. */
export const PARAM_SHAPES: { readonly [M in MethodName]: Shape<Params<M>> } = {
  'system.info': none,
  'system.shutdown': none,
  'image.pull': objectOf<Params<'image.pull'>>({
    image: text,
    platform: optional(text),
    policy: oneOf('always', 'missing', 'never'),
    environment: mapOf(text),
  }),
  'image.find': objectOf<Params<'image.find'>>({ image: text, platform: optional(text) }),
  'image.list': none,
  'image.remove': objectOf<Params<'image.remove'>>({ image: text, force: flag }),
  'image.prune': objectOf<Params<'image.prune'>>({ all: flag, filter: pruneFilter }),
  'container.prune': byFilter,
  'network.prune': byFilter,
  'volume.prune': byFilter,
  ...IMAGE_PARAM_SHAPES,
  'network.create': objectOf<Params<'network.create'>>({ config: networkConfigShape }),
  'network.list': none,
  'network.remove': byName,
  'volume.create': objectOf<Params<'volume.create'>>({ config: volumeConfigShape }),
  'volume.list': none,
  'volume.remove': byName,
  'container.create': objectOf<Params<'container.create'>>({
    config: containerConfigShape,
    inheritVolumesOf: optional(text),
  }),
  'container.start': byContainer,
  'container.stop': objectOf<Params<'container.stop'>>({
    container: text,
    timeoutMs: optional(count),
  }),
  'container.kill': objectOf<Params<'container.kill'>>({ container: text, signal: text }),
  'container.pause': byContainer,
  'container.unpause': byContainer,
  'container.rename': objectOf<Params<'container.rename'>>({ container: text, name: text }),
  'container.inheritLog': objectOf<Params<'container.inheritLog'>>({
    container: text,
    from: text,
  }),
  'container.remove': objectOf<Params<'container.remove'>>({
    container: text,
    force: flag,
    volumes: flag,
  }),
  'container.inspect': byContainer,
  'container.list': byLabels,
  'container.wait': objectOf<Params<'container.wait'>>({
    container: text,
    condition: oneOf('running', 'healthy', 'exited', 'removed'),
  }),
  'container.logs': objectOf<LogParams>({
    containers: listOf(text),
    follow: flag,
    tail: optional(count),
    since: optional(text),
    until: optional(text),
    withHistory: optional(flag),
  }),
  'events.follow': objectOf<Params<'events.follow'>>({
    labels: mapOf(text),
    since: optional(text),
  }),
  'timeline.keep': timelineShape,
  'timeline.find': objectOf<Params<'timeline.find'>>({ project: text }),
  'bundle.create': objectOf<Params<'bundle.create'>>({
    config: containerConfigShape,
    path: optional(text),
    archive: optional(text),
    isDigested: flag,
  }),
};

export const terminalSizeShape: Shape<TerminalSize> = objectOf<TerminalSize>({
  rows: count,
  columns: count,
});

/** What each streaming method takes. */
export const STREAM_PARAM_SHAPES: {
  readonly [M in StreamMethodName]: Shape<StreamMethods[M]>;
} = {
  'container.exec': objectOf<ExecParams>({
    container: text,
    command: listOf(text),
    environment: mapOf(text),
    user: optional(text),
    workingDir: optional(text),
    hasTty: flag,
    isPrivileged: flag,
    hasStdin: flag,
    size: optional(terminalSizeShape),
  }),
  'container.copy': objectOf<CopyParams>({
    container: text,
    operation: oneOf('read', 'write', 'remove'),
    path: text,
    followsLink: flag,
    keepsOwner: flag,
    isPlainArchive: flag,
  }),
  'container.log': objectOf<StreamMethods['container.log']>({
    container: text,
    tail: optional(count),
    withHistory: optional(flag),
  }),
  'container.attach': objectOf<StreamMethods['container.attach']>({
    container: text,
    hasStdin: flag,
  }),
};
