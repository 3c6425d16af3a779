import { OcupError } from '../base/errors.ts';
import { findClosestWord } from '../base/closest-word.ts';
import type { Project, Service } from '../model/project.ts';

/** A project's service of that name. @throws E_USAGE_NO_SUCH_SERVICE */
export function getService(project: Project, name: string): Service {
  const service = project.services.find((item) => item.name === name);
  if (service !== undefined) return service;
  throw noSuchService(
    name,
    project.services.map((item) => item.name),
  );
}

/** The error for a name that is nobody's, with the name that may have been meant. */
export function noSuchService(name: string, known: readonly string[]): OcupError {
  const meant = findClosestWord(name, known);
  return new OcupError('E_USAGE_NO_SUCH_SERVICE', `no such service: ${name}`, {
    hint: meant === undefined ? undefined : `did you mean "${meant}"?`,
  });
}

/**
 * The services a command is about: all if `names` is empty, else those, with what they depend on unless
 * `withDependencies` is false. In an order in which each comes after what it depends on.
 *
 * @throws E_USAGE_NO_SUCH_SERVICE, E_COMPOSE_INVALID for services that depend on each other
 */
export function selectServices(
  project: Project,
  names: readonly string[],
  withDependencies = true,
): Service[] {
  const roots = names.length === 0 ? project.services : names.map((n) => getService(project, n));
  const byName = new Map(project.services.map((service) => [service.name, service]));
  const ordered = orderByDependency(roots, (service) =>
    service.dependsOn.flatMap((item) => byName.get(item.service) ?? []),
  );
  if (withDependencies || names.length === 0) return ordered;
  return ordered.filter((service) => names.includes(service.name));
}

type Visit = 'open' | 'done';

function orderByDependency(
  roots: readonly Service[],
  dependenciesOf: (service: Service) => readonly Service[],
): Service[] {
  const state = new Map<Service, Visit>();
  const ordered: Service[] = [];
  const visit = (service: Service, path: readonly string[]): void => {
    const known = state.get(service);
    if (known === 'done') return;
    const here = [...path, service.name];
    if (known === 'open') {
      throw new OcupError('E_COMPOSE_INVALID', `dependency cycle detected: ${here.join(' -> ')}`);
    }
    state.set(service, 'open');
    for (const dependency of dependenciesOf(service)) visit(dependency, here);
    state.set(service, 'done');
    ordered.push(service);
  };
  for (const root of roots) visit(root, []);
  return ordered;
}
