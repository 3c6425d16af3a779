import {
  count,
  exactly,
  flag,
  listOf,
  mapOf,
  objectOf,
  oneOf,
  optional,
  parsedBy,
  parseShape,
  text,
  unionOf,
} from '../base/shape.ts';
import { messageOf, OcupError } from '../base/errors.ts';
import type { ResolvedUser } from '../bundle/resolve-user.ts';
import type {
  ContainerConfig,
  EndpointState,
  Exit,
  Mount,
  PublishedPort,
  SentSignal,
} from '../model/container.ts';
import { parseDigest } from '../model/digest.ts';
import type { ImageConfig, ImageHealthcheck } from '../model/image-config.ts';
import type { Platform } from '../model/platform.ts';
import { containerConfigShape, mountShape } from '../wire/config-shape.ts';
import type { HealthState } from './health.ts';
import type { Life, Phase } from './life.ts';

/**
 * What a container was made from: the file `record.json`. With it alone the container can be started, so
 * that an image whose name has moved on does no harm.
 */
export interface ContainerRecord {
  readonly version: 1;
  /** 64 hex digits. */
  readonly id: string;
  readonly createdAt: string;
  readonly config: ContainerConfig;
  readonly imageId: string;
  readonly image: ImageConfig;
  /** Absolute paths of the image's unpacked layers, top first. */
  readonly layers: readonly string[];
  readonly user: ResolvedUser;
  /** Those of the config and the image's volumes; every volume has a name. */
  readonly mounts: readonly Mount[];
}

/** What became of it: a line of the file `state.json`. */
export interface StateRecord {
  readonly version: 1;
  readonly life: Life;
}

/** @throws E_RECORD_DAMAGED */
export function parseRecord(content: string): ContainerRecord {
  return parseShape(recordShape, parseRecordJson(content), {
    code: 'E_RECORD_DAMAGED',
    name: 'record.json: record',
  });
}

/**
 * Reads a `state.json`: a line for each change, of which the last whole one counts.
 *
 * @throws E_RECORD_DAMAGED
 */
export function parseState(content: string): StateRecord {
  const end = content.lastIndexOf('\n');
  const line = end < 0 ? content : content.slice(content.lastIndexOf('\n', end - 1) + 1, end);
  return parseShape(stateShape, parseRecordJson(line), {
    code: 'E_RECORD_DAMAGED',
    name: 'state.json: record',
  });
}

/** @throws E_RECORD_DAMAGED */
export function parseRecordJson(content: string): unknown {
  try {
    return JSON.parse(content);
  } catch (cause) {
    throw new OcupError('E_RECORD_DAMAGED', `record is not JSON: ${messageOf(cause)}`, { cause });
  }
}

const texts = listOf(text);

const platformShape = objectOf<Required<Platform>>({
  os: text,
  architecture: text,
  variant: optional(text),
});

const imageHealthcheckShape = objectOf<ImageHealthcheck>({
  test: texts,
  intervalMs: optional(count),
  timeoutMs: optional(count),
  startPeriodMs: optional(count),
  startIntervalMs: optional(count),
  retries: optional(count),
});

const imageShape = objectOf<ImageConfig>({
  platform: platformShape,
  created: optional(text),
  author: optional(text),
  diffIds: listOf(parsedBy(parseDigest)),
  env: texts,
  entrypoint: texts,
  cmd: texts,
  workingDir: text,
  user: text,
  exposedPorts: texts,
  volumes: texts,
  stopSignal: optional(text),
  labels: mapOf(text),
  healthcheck: optional(imageHealthcheckShape),
  shell: texts,
});

const userShape = objectOf<ResolvedUser>({
  uid: count,
  gid: count,
  additionalGids: listOf(count),
  home: text,
});

const recordShape = objectOf<ContainerRecord>({
  version: exactly(1),
  id: text,
  createdAt: text,
  config: containerConfigShape,
  imageId: text,
  image: imageShape,
  layers: texts,
  user: userShape,
  mounts: listOf(mountShape),
});

const sentShape = objectOf<SentSignal>({
  signal: text,
  by: oneOf('kill', 'stop', 'force'),
  reason: optional(text),
});

type PhaseOf<Status extends Phase['status']> = Extract<Phase, { readonly status: Status }>;

const phaseShape = unionOf<Phase, 'status'>('status', {
  created: objectOf<PhaseOf<'created'>>({ status: oneOf('created') }),
  starting: objectOf<PhaseOf<'starting'>>({ status: oneOf('starting'), isRestart: flag }),
  running: objectOf<PhaseOf<'running'>>({
    status: oneOf('running'),
    pid: count,
    isPaused: flag,
    ending: optional(sentShape),
  }),
  waiting: objectOf<PhaseOf<'waiting'>>({ status: oneOf('waiting'), restartAt: text }),
  exited: objectOf<PhaseOf<'exited'>>({ status: oneOf('exited') }),
  removing: objectOf<PhaseOf<'removing'>>({ status: oneOf('removing') }),
});

const exitShape = objectOf<Exit>({
  pid: optional(count),
  code: optional(count),
  signal: optional(text),
  isOomKilled: flag,
  memoryLimitBytes: optional(count),
  memoryPeakBytes: optional(count),
  sent: optional(sentShape),
  at: text,
  reason: optional(text),
});

const healthShape = objectOf<HealthState>({
  status: oneOf('starting', 'healthy', 'unhealthy'),
  failingStreak: count,
  hasSucceeded: flag,
  slotMs: count,
  quickPauseMs: count,
});

const endpointShape = objectOf<EndpointState>({
  network: text,
  ipv4Address: optional(text),
  ipv6Address: optional(text),
  gateway: optional(text),
  macAddress: optional(text),
  aliases: texts,
});

const portShape = objectOf<PublishedPort>({
  hostIp: text,
  hostPort: count,
  containerPort: count,
  protocol: oneOf('tcp', 'udp'),
});

const lifeShape = objectOf<Life>({
  desired: oneOf('running', 'stopped'),
  phase: phaseShape,
  startedAt: optional(text),
  exit: optional(exitShape),
  restartCount: count,
  lastPauseMs: count,
  health: optional(healthShape),
  endpoints: listOf(endpointShape),
  ports: listOf(portShape),
});

const stateShape = objectOf<StateRecord>({ version: exactly(1), life: lifeShape });
