import type { Place, Problems } from './problems.ts';
import { type RawMap, findChild, findMap } from './raw-tree.ts';

/** Tells a cycle of dependencies that can be reached from each service, once. */
export function checkCycles(root: RawMap, problems: Problems): void {
  const services = findMap(root, 'services');
  const done = new Set<string>();
  for (const start of namesAt(services)) {
    if (done.has(start)) continue;
    // The way from `start` down, each step with the dependencies that have not been looked at.
    const way = [{ name: start, rest: dependenciesOf(services, start) }];
    const names = new Set([start]);
    for (let step = way.at(-1); step !== undefined; step = way.at(-1)) {
      const next = step.rest.shift();
      if (next === undefined) {
        way.pop();
        names.delete(step.name);
        done.add(step.name);
      } else if (names.has(next)) tellCycle([...names], next, { services, problems });
      else if (!done.has(next)) {
        way.push({ name: next, rest: dependenciesOf(services, next) });
        names.add(next);
      }
    }
  }
}

function tellCycle(
  way: readonly string[],
  name: string,
  { services, problems }: { services: RawMap | undefined; problems: Problems },
): void {
  const cycle = [...way.slice(way.indexOf(name)), name].join(' -> ');
  const message = `dependency cycle detected: ${cycle}`;
  problems.error(placeOf(services, way.at(-1) ?? name, name), message);
}

function dependenciesOf(services: RawMap | undefined, name: string): string[] {
  return [...namesAt(findMap(findChild(services, name), 'depends_on'))];
}

function namesAt(map: RawMap | undefined): readonly string[] {
  return [...(map?.entries.keys() ?? [])].sort();
}

function placeOf(services: RawMap | undefined, from: string, to: string): Place {
  const dependsOn = findMap(findChild(services, from), 'depends_on');
  return {
    position: dependsOn?.entries.get(to)?.position,
    path: ['services', from, 'depends_on', to],
  };
}
