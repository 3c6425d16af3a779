import { OcupError } from '../base/errors.ts';
import type { Container, ContainerConfig } from '../model/container.ts';
import { LABEL } from '../model/labels.ts';
import type { Project, Service } from '../model/project.ts';
import { toContainerConfig } from './container-config.ts';
import { changedKeys, findFingerprint, serviceFingerprint } from './fingerprint.ts';
import { containerName, isHalfReplaced, isOneOff, numberOf, serviceOf } from './names.ts';
import { imageFact, imageKey, type ObservedState } from './observed.ts';
import { networksOf } from './plan-resources.ts';
import { isAlive } from './plan-stop.ts';
import type { UpOptions } from './up-options.ts';

/** What becomes of one container that a service shall have. */
export type Verdict =
  | { readonly kind: 'create'; readonly config: ContainerConfig }
  | { readonly kind: 'replace'; readonly config: ContainerConfig; readonly old: Container }
  /** Stopped before what it depends on is replaced, and started after: it asked for that by `restart: true`. */
  | { readonly kind: 'restart'; readonly old: Container }
  | { readonly kind: 'start' | 'unpause' | 'keep'; readonly old: Container };

export interface Replica {
  readonly verdict: Verdict;
  readonly cause: string;
  /** The name it has in the end. */
  readonly name: string;
}

export interface ServiceDecision {
  readonly service: Service;
  readonly replicas: readonly Replica[];
  readonly surplus: readonly { readonly container: Container; readonly cause: string }[];
}

export interface DecisionInput {
  readonly project: Project;
  readonly observed: ObservedState;
  readonly options: UpOptions;
  /** In dependency order. */
  readonly services: readonly Service[];
  /** Networks that are made anew, by name, and which of their keys have changed. */
  readonly changedNetworks: ReadonlyMap<string, readonly string[]>;
  /** `imageKey`s that are pulled as part of the plan. */
  readonly pulling: ReadonlySet<string>;
}

/** Decides for each container of each service. @throws E_USAGE for several containers of one fixed name */
export function decideContainers(input: DecisionInput): ServiceDecision[] {
  const renewed = new Map<string, Renewal>();
  return input.services.map((service) => {
    const decision = decideService(input, service, renewed);
    const kinds = decision.replicas.map((replica) => replica.verdict.kind);
    if (kinds.includes('replace')) renewed.set(service.name, 'recreated');
    else if (kinds.includes('restart')) renewed.set(service.name, 'restarted');
    return decision;
  });
}

/** What becomes of a service that others depend on. */
type Renewal = 'recreated' | 'restarted';

function decideService(
  input: DecisionInput,
  service: Service,
  renewed: ReadonlyMap<string, Renewal>,
): ServiceDecision {
  const scale = input.options.scale[service.name] ?? service.scale;
  checkScale(service, scale);
  const { replicas: existing, leftovers } = findReplicas(service, input.observed.containers);
  const kept = existing.slice(0, scale);
  const replicas = kept.map((old) => decideExisting(input, service, { old, renewed }));
  const free = freeNumbers(kept.map(numberOf), scale - kept.length);
  return {
    service,
    replicas: [
      ...replicas,
      ...free.map((number): Replica => {
        const config = makeConfig(input, service, number);
        const verdict: Verdict = { kind: 'create', config };
        return { verdict, cause: 'no existing container', name: config.name };
      }),
    ],
    surplus: [
      ...existing.slice(scale).map((container) => ({
        container,
        cause: `scale down ${existing.length} → ${scale}`,
      })),
      ...leftovers.map((container) => ({ container, cause: 'left over from a replacement' })),
    ],
  };
}

function checkScale(service: Service, scale: number): void {
  if (service.containerName === undefined || scale <= 1) return;
  throw new OcupError(
    'E_USAGE',
    `service "${service.name}" uses the container name "${service.containerName}" and cannot have ${scale} containers: container names are unique`,
    { hint: 'remove container_name to scale the service' },
  );
}

interface Existing {
  readonly replicas: readonly Container[];
  /** Made for a replacement that was broken off before the old one was removed. */
  readonly leftovers: readonly Container[];
}

function findReplicas(service: Service, containers: readonly Container[]): Existing {
  const own = containers.filter((item) => serviceOf(item) === service.name && !isOneOff(item));
  const finished = new Set(
    own.filter((item) => !isHalfReplaced(item)).map((item) => item.config.name),
  );
  const isLeftover = (item: Container): boolean =>
    isHalfReplaced(item) && finished.has(item.config.labels[LABEL.replace] ?? '');
  return {
    replicas: own
      .filter((item) => !isLeftover(item))
      .sort((a, b) => numberOf(a) - numberOf(b) || (a.config.name < b.config.name ? -1 : 1)),
    leftovers: own.filter(isLeftover),
  };
}

function decideExisting(
  input: DecisionInput,
  service: Service,
  known: { readonly old: Container; readonly renewed: ReadonlyMap<string, Renewal> },
): Replica {
  const { old } = known;
  const causes = replaceCauses(input, service, old);
  if (causes.length > 0) {
    const config = makeConfig(input, service, Math.max(1, numberOf(old)));
    return {
      verdict: { kind: 'replace', config, old },
      cause: causes.join('; '),
      name: config.name,
    };
  }
  const name = isHalfReplaced(old)
    ? containerName(input.project.name, service, numberOf(old))
    : old.config.name;
  const restart = restartCauses(service, known.renewed);
  if (restart.length > 0 && input.options.start && isAlive(old)) {
    return { verdict: { kind: 'restart', old }, cause: restart.join('; '), name };
  }
  if (old.state === 'paused') return { verdict: { kind: 'unpause', old }, cause: 'paused', name };
  if (old.state === 'restarting') {
    const code = old.exit?.code;
    const cause = `about to be started again${code === undefined ? '' : ` after code ${code}`}`;
    return { verdict: { kind: 'keep', old }, cause, name };
  }
  if (old.state === 'running') {
    return { verdict: { kind: 'keep', old }, cause: keepCause(input, service), name };
  }
  if (service.once !== undefined && old.state === 'exited' && old.exit?.code === 0) {
    return { verdict: { kind: 'keep', old }, cause: 'has done its work once', name };
  }
  return { verdict: { kind: 'start', old }, cause: 'not running', name };
}

function keepCause(input: DecisionInput, service: Service): string {
  const { image, platform } = service.container;
  const isPulling = input.pulling.has(imageKey(image, platform));
  return isPulling ? 'running; replaced if the pulled image differs' : 'running';
}

function replaceCauses(input: DecisionInput, service: Service, old: Container): string[] {
  const { options } = input;
  if (old.state === 'dead' || old.state === 'removing') return [`container is ${old.state}`];
  if (options.recreate === 'never') return [];
  const isNamed = options.services.length === 0 || options.services.includes(service.name);
  if (isNamed && options.recreate === 'force') return ['forced by --force-recreate'];
  if (!isNamed && options.recreateDependencies === 'force') {
    return ['forced by --always-recreate-deps'];
  }
  return [
    ...configCauses(service, old),
    ...imageCauses(input, service, old),
    ...networksOf(service).flatMap((name) => {
      const keys = input.changedNetworks.get(name);
      return keys === undefined ? [] : [`network ${name} config changed: ${keys.join(', ')}`];
    }),
  ];
}

/** @see compose-spec 05-services.md#depends_on, `restart` */
function restartCauses(service: Service, renewed: ReadonlyMap<string, Renewal>): string[] {
  return service.dependsOn.flatMap((item) => {
    const renewal = item.restart ? renewed.get(item.service) : undefined;
    return renewal === undefined ? [] : [`dependency ${item.service} is ${renewal}`];
  });
}

function configCauses(service: Service, old: Container): string[] {
  const { labels } = old.config;
  if (labels[LABEL.configHash] === service.configHash) return [];
  const before = findFingerprint(labels[LABEL.fingerprint]);
  const keys = before === undefined ? [] : changedKeys(before, serviceFingerprint(service));
  return [keys.length === 0 ? 'config hash diverged' : `config hash diverged: ${keys.join(', ')}`];
}

function imageCauses(input: DecisionInput, service: Service, old: Container): string[] {
  const fact = imageFact(input.observed, service.container);
  if (fact.status !== 'present' || fact.id === old.imageId) return [];
  // Another image name has been told as a changed key; the digest that a lock adds to it has not.
  const isOther = service.container.image !== old.config.image;
  if (isOther && old.config.labels[LABEL.configHash] !== service.configHash) return [];
  return [`image digest ${shortDigest(old.imageId)} → ${shortDigest(fact.id)}`];
}

function shortDigest(digest: string): string {
  return digest.slice(0, 'sha256:'.length + 12);
}

function makeConfig(input: DecisionInput, service: Service, number: number): ContainerConfig {
  const fact = imageFact(input.observed, service.container);
  return toContainerConfig(input.project, service, {
    number,
    version: input.options.version,
    imageId: fact.status === 'present' ? fact.id : undefined,
  });
}

function freeNumbers(used: readonly number[], count: number): number[] {
  const free: number[] = [];
  for (let number = 1; free.length < count; number += 1) {
    if (!used.includes(number)) free.push(number);
  }
  return free;
}
