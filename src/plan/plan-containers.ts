import type { Container } from '../model/container.ts';
import { LABEL } from '../model/labels.ts';
import { type ActionId, after, type Edge, type PlannedAction } from './action.ts';
import type { Replica, ServiceDecision } from './decide.ts';
import { isHalfReplaced, temporaryName } from './names.ts';
import { imageKey, imagesOf } from './observed.ts';
import { preStopOf } from './plan-stop.ts';
import { afterPreStart, choosePreStart, type Preparable } from './pre-start.ts';
import { networksOf, volumesOf } from './plan-resources.ts';
import type { UpOptions } from './up-options.ts';

export interface ContainerPlanInput {
  readonly options: UpOptions;
  /** Networks that are removed and made again between the replacements and the starts. */
  readonly changedNetworks: ReadonlyMap<string, readonly string[]>;
  /** Ids of pulls and of networks and volumes that are made. */
  readonly made: ReadonlySet<ActionId>;
  /** What goes: it may hold a name or a port that what comes needs. */
  readonly removals: readonly PlannedAction[];
}

export interface ContainerActions {
  readonly creates: readonly PlannedAction[];
  readonly replaces: readonly PlannedAction[];
  readonly starts: readonly PlannedAction[];
}

/** The actions that carry out `decisions`, which are in dependency order. */
export function containerActions(
  decisions: readonly ServiceDecision[],
  input: ContainerPlanInput,
): ContainerActions {
  const pairs = decisions.flatMap((decision) =>
    decision.replicas.map((replica) => ({ decision, replica })),
  );
  return {
    creates: pairs.flatMap(({ decision, replica }) => createAction(decision, replica, input)),
    replaces: pairs
      .flatMap(({ decision, replica }) => replaceAction(decision, replica, { decisions, input }))
      .reverse(),
    starts: pairs.flatMap(({ decision, replica }) =>
      startAction(decision, replica, { decisions, input }),
    ),
  };
}

interface Known {
  readonly decisions: readonly ServiceDecision[];
  readonly input: ContainerPlanInput;
}

function createAction(
  decision: ServiceDecision,
  replica: Replica,
  input: ContainerPlanInput,
): PlannedAction[] {
  const { verdict, name, cause } = replica;
  if (verdict.kind !== 'create' && verdict.kind !== 'replace') return [];
  const { service } = decision;
  const needed = [
    `image.pull ${imageKey(verdict.config.image, verdict.config.platform)}`,
    // A network that is made anew exists already, and its new form depends on the replacement.
    ...networksOf(service)
      .filter((item) => verdict.kind === 'create' || !input.changedNetworks.has(item))
      .map((item) => `network.create ${item}`),
    ...volumesOf(service).map((item) => `volume.create ${item}`),
  ];
  const isReplacing = verdict.kind === 'replace';
  const config = isReplacing
    ? {
        ...verdict.config,
        name: temporaryName(verdict.old.id, name),
        labels: { ...verdict.config.labels, [LABEL.replace]: name },
      }
    : verdict.config;
  return [
    {
      kind: 'container.create',
      id: `container.create ${name}`,
      service: service.name,
      config,
      finalName: name,
      inheritVolumesOf: isReplacing && !input.options.renewVolumes ? verdict.old.id : undefined,
      cause,
      dependsOn: [
        ...needed.filter((id) => isMade(id, input)),
        ...input.removals.filter((removal) => holdsName(removal, name)).map((item) => item.id),
      ].map(after),
    },
  ];
}

function holdsName(removal: PlannedAction, name: string): boolean {
  return removal.kind === 'container.remove' && removal.name === name;
}

function isMade(id: ActionId, input: ContainerPlanInput): boolean {
  const names = [...input.changedNetworks.keys()];
  return input.made.has(id) || names.some((name) => id === `network.create ${name}`);
}

function replaceAction(decision: ServiceDecision, replica: Replica, known: Known): PlannedAction[] {
  const { verdict, name, cause } = replica;
  const { service } = decision;
  if (verdict.kind === 'restart') return [stopAction(decision, replica, known, verdict.old)];
  if (verdict.kind !== 'replace') {
    if (verdict.kind === 'create' || !isHalfReplaced(verdict.old)) return [];
    return [
      {
        kind: 'container.rename',
        id: `container.rename ${name}`,
        service: service.name,
        container: verdict.old.id,
        name: verdict.old.config.name,
        newName: name,
        cause: 'left over from a replacement',
        dependsOn: [],
      },
    ];
  }
  return [
    {
      kind: 'container.replace',
      id: `container.replace ${name}`,
      service: service.name,
      name,
      oldContainer: verdict.old.id,
      temporaryName: temporaryName(verdict.old.id, name),
      timeoutMs: known.input.options.timeoutMs,
      ...preStopOf(verdict.old),
      removeVolumes: known.input.options.renewVolumes,
      cause,
      dependsOn: [
        after(`container.create ${name}`),
        // Dependants go before what they depend on.
        ...dependantEnds(service.name, known.decisions).map(after),
      ],
    },
  ];
}

/** The first half of a restart. */
function stopAction(
  { service }: ServiceDecision,
  { name, cause }: Replica,
  known: Known,
  old: Container,
): PlannedAction {
  return {
    kind: 'container.stop',
    id: `container.stop ${name}`,
    service: service.name,
    container: old.id,
    name,
    timeoutMs: known.input.options.timeoutMs,
    ...preStopOf(old),
    cause,
    dependsOn: dependantEnds(service.name, known.decisions).map(after),
  };
}

/** What ends the containers of dependants that are replaced or restarted. */
function dependantEnds(service: string, decisions: readonly ServiceDecision[]): ActionId[] {
  return decisions
    .filter((item) => item.service.dependsOn.some((edge) => edge.service === service))
    .flatMap((item) => item.replicas)
    .flatMap(({ verdict, name }) => {
      if (verdict.kind === 'replace') return [`container.replace ${name}`];
      return verdict.kind === 'restart' ? [`container.stop ${name}`] : [];
    });
}

function startAction(decision: ServiceDecision, replica: Replica, known: Known): PlannedAction[] {
  const { verdict, name } = replica;
  const { options } = known.input;
  const service = decision.service.name;
  const cause = startCause(replica);
  const isStanding =
    verdict.kind === 'keep' || verdict.kind === 'unpause' || verdict.kind === 'restart';
  const container = isStanding ? verdict.old.id : name;
  const common = { id: startId(replica), service, container, name, cause };
  if (verdict.kind === 'keep') {
    const hasEnded = verdict.old.state === 'exited';
    return [{ kind: 'container.keep', ...common, ...(hasEnded && { hasEnded }), dependsOn: [] }];
  }
  if (!options.start) return [];
  const dependsOn = [...ownEdges(decision, replica, known), ...dependencyEdges(decision, known)];
  if (verdict.kind === 'unpause') return [{ kind: 'container.unpause', ...common, dependsOn }];
  const chosen = choosePreStart(decision.replicas.map(toPreparable));
  const images = imagesOf(decision.service)
    .map((item) => `image.pull ${imageKey(item.image, item.platform)}`)
    .filter((id) => isMade(id, known.input))
    .map(after);
  return afterPreStart({ kind: 'container.start', ...common, dependsOn }, chosen, images);
}

function toPreparable({ verdict, name }: Replica): Preparable {
  const config = 'config' in verdict ? verdict.config : verdict.old.config;
  const isFresh = 'config' in verdict || verdict.old.state === 'created';
  return { name, isFresh, hooks: config.hooks?.preStart ?? [] };
}

function startCause({ verdict, cause }: Replica): string {
  if (verdict.kind === 'create') return 'new';
  return verdict.kind === 'replace' ? 'replaced' : cause;
}

/** The last action on a replica, which its dependants wait for. */
function startId(replica: Replica): ActionId {
  const { kind } = replica.verdict;
  const verb = kind === 'keep' || kind === 'unpause' ? kind : 'start';
  return `container.${verb} ${replica.name}`;
}

function ownEdges(decision: ServiceDecision, replica: Replica, known: Known): Edge[] {
  const { verdict, name } = replica;
  const edges = known.input.removals.map((removal) => after(removal.id));
  if (verdict.kind === 'create') edges.push(after(`container.create ${name}`));
  else if (verdict.kind === 'replace') edges.push(after(`container.replace ${name}`));
  else if (verdict.kind === 'restart') edges.push(after(`container.stop ${name}`));
  else if (isHalfReplaced(verdict.old)) edges.push(after(`container.rename ${name}`));
  for (const network of networksOf(decision.service)) {
    const id = `network.create ${network}`;
    if (isMade(id, known.input)) edges.push(after(id));
  }
  return edges;
}

function dependencyEdges(decision: ServiceDecision, known: Known): Edge[] {
  return decision.service.dependsOn.flatMap((dependency) => {
    const found = known.decisions.find((item) => item.service.name === dependency.service);
    return (found?.replicas ?? []).map((replica): Edge => {
      const condition = {
        kind: dependency.condition,
        service: dependency.service,
        container: replica.name,
        isRequired: dependency.isRequired,
      };
      return { action: startId(replica), condition };
    });
  });
}
