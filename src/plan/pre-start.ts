import type { Container, ContainerConfig, Labels, PreStartHook } from '../model/container.ts';
import type { HealthcheckConfig } from '../model/healthcheck.ts';
import { LABEL } from '../model/labels.ts';
import { type ActionId, after, type Edge, type PlannedAction } from './action.ts';
import { withoutAliases } from './container-config.ts';
import { numberOf, serviceOf } from './names.ts';
import { inEdgeOrder } from './order.ts';

/** A container that is about to be started, or stays as it is. */
export interface Preparable {
  readonly name: string;
  /** Whether it is started now for the first time. */
  readonly isFresh: boolean;
  readonly hooks: readonly PreStartHook[];
}

/**
 * Which `pre_start` hooks, by index, are run for which containers of one service, by name: those of each
 * replica wherever it is fresh; shared ones for the first replica, unless one of them has been started before.
 * So a hook runs again when the service is made anew or the hook failed, not on restarts, and not on scaling.
 * @see compose-spec 05-services.md#pre_start
 */
export function choosePreStart(
  replicas: readonly Preparable[],
): ReadonlyMap<string, readonly number[]> {
  const isNew = replicas.every((replica) => replica.isFresh);
  return new Map(
    replicas.flatMap(({ name, isFresh, hooks }, at) => {
      const chosen = hooks.flatMap((hook, index) =>
        isFresh && (hook.isPerReplica || (isNew && at === 0)) ? [index] : [],
      );
      return chosen.length > 0 ? [[name, chosen] as const] : [];
    }),
  );
}

type Start = Extract<PlannedAction, { kind: 'container.start' }>;

/**
 * A start with the hooks of `chosen` that run before it, which wait for all that the start waits for and for
 * `images`; every replica waits for all hooks of its service.
 */
export function afterPreStart(
  start: Start,
  chosen: ReadonlyMap<string, readonly number[]>,
  images: readonly Edge[] = [],
): PlannedAction[] {
  const { container, name, service, dependsOn } = start;
  const prepareId = (owner: string): ActionId => `container.prepare ${owner}`;
  const edges = [...chosen.keys()].map((owner) => after(prepareId(owner)));
  const waiting: Start = { ...start, dependsOn: [...dependsOn, ...edges] };
  const hooks = chosen.get(name);
  if (hooks === undefined) return [waiting];
  const prepare: PlannedAction = {
    kind: 'container.prepare',
    id: prepareId(name),
    container,
    name,
    service,
    hooks,
    cause: 'before its first start',
    dependsOn: [...dependsOn, ...images],
  };
  return [prepare, waiting];
}

/** `starts` with the hooks before them, in an order that respects every edge. `containers`: all of those services. */
export function withPreStart(
  starts: readonly PlannedAction[],
  containers: readonly Container[],
): readonly PlannedAction[] {
  const byNumber = [...containers].sort((a, b) => numberOf(a) - numberOf(b));
  const actions = starts.flatMap((start) => {
    if (start.kind !== 'container.start') return [start];
    const replicas = byNumber.filter((item) => serviceOf(item) === start.service);
    return afterPreStart(start, choosePreStart(replicas.map(toPreparable)));
  });
  // By name, `app-10` stands before the `app-2` whose hooks it waits for.
  return inEdgeOrder(actions);
}

function toPreparable({ config, state }: Container): Preparable {
  return {
    name: config.name,
    isFresh: state === 'created',
    hooks: config.hooks?.preStart ?? [],
  };
}

/** The name of the container in which a hook of `owner` runs: always the same one. */
function hookContainerName(owner: ContainerConfig, hook: PreStartHook, index: number): string {
  const service = `${owner.labels[LABEL.project] ?? ''}-${owner.labels[LABEL.service] ?? ''}`;
  return `${hook.isPerReplica ? owner.name : service}-pre_start-${index}`;
}

/**
 * What the container of a `pre_start` hook is made from: its owner with what the hook changes. It sees the
 * owner's volumes, anonymous ones too, and networks; nobody reaches it by the service's name.
 */
export function toPreStartConfig(owner: Container, index: number): ContainerConfig | undefined {
  const { config, mounts } = owner;
  const hook = config.hooks?.preStart?.[index];
  if (hook === undefined) return undefined;
  return {
    ...config,
    name: hookContainerName(config, hook, index),
    image: hook.image ?? config.image,
    // Another image has another program to begin with.
    entrypoint: hook.image === undefined ? config.entrypoint : undefined,
    command: commandOf(config, hook),
    environment: { ...config.environment, ...hook.environment },
    user: hook.user ?? config.user,
    workingDir: hook.workingDir ?? config.workingDir,
    isPrivileged: config.isPrivileged || hook.isPrivileged,
    mounts,
    networkMode: withoutAliases(config.networkMode),
    labels: hookLabels(config.labels),
    hasTty: false,
    isStdinOpen: false,
    ports: [],
    restart: { kind: 'no' },
    healthcheck: NO_HEALTHCHECK,
    hooks: undefined,
  };
}

function commandOf(config: ContainerConfig, hook: PreStartHook): readonly string[] | undefined {
  if (hook.command.length > 0) return hook.command;
  return hook.image === undefined ? config.command : undefined;
}

const NO_HEALTHCHECK: HealthcheckConfig = {
  test: ['NONE'],
  intervalMs: undefined,
  timeoutMs: undefined,
  startPeriodMs: undefined,
  startIntervalMs: undefined,
  retries: undefined,
  ready: undefined,
  isStrict: false,
};

const REPLICA_LABELS: readonly string[] = [
  LABEL.configHash,
  LABEL.containerNumber,
  LABEL.fingerprint,
  LABEL.image,
  LABEL.replace,
];

function hookLabels(labels: Labels): Labels {
  const kept = Object.entries(labels).filter(([name]) => !REPLICA_LABELS.includes(name));
  return { ...Object.fromEntries(kept), [LABEL.oneOff]: 'True', [LABEL.hook]: 'pre_start' };
}
