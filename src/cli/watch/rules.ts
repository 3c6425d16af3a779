import { OcupError } from '../../base/errors.ts';
import { booleanAt, objectAt, objectsAt, textAt, textsAt } from '../../compose/fields.ts';
import { toHook } from '../../compose/to-hooks.ts';
import type { Hook } from '../../model/container.ts';
import type { JsonObject, Service } from '../../model/project.ts';

const ACTIONS = ['rebuild', 'restart', 'sync', 'sync+restart', 'sync+exec'] as const;

export type WatchAction = (typeof ACTIONS)[number];

/** @see compose-spec develop.md#watch */
export interface WatchRule {
  readonly service: string;
  readonly action: WatchAction;
  /** A file or folder of this machine, absolute. */
  readonly path: string;
  /** Where it goes in the container; undefined where nothing is copied. */
  readonly target: string | undefined;
  /** Copies everything when the watch begins. */
  readonly isInitial: boolean;
  /** Run after a `sync+exec`. */
  readonly hook: Hook | undefined;
  /** In the syntax of `.dockerignore`, relative to `path`. */
  readonly ignore: readonly string[];
  /** What alone counts; empty: everything. */
  readonly include: readonly string[];
  /** The folder whose `.dockerignore` holds as well. */
  readonly buildContext: string | undefined;
}

/**
 * The rules of services, in the order of the file.
 * @throws E_COMPOSE_INVALID for a service that is to be rebuilt and has nothing to be built from
 */
export function watchRules(services: readonly Service[]): WatchRule[] {
  return services.flatMap((service) => {
    const rules = objectsAt(objectAt(service.canonical, 'develop'), 'watch');
    return rules.map((rule) => toRule(service, rule));
  });
}

function toRule(service: Service, rule: JsonObject): WatchRule {
  // The schema knows no others.
  const action = ACTIONS.find((known) => known === textAt(rule, 'action')) ?? 'restart';
  if (action === 'rebuild' && !service.hasBuild) {
    const message = `can't watch service "${service.name}" with action ${action} without a build context`;
    throw new OcupError('E_COMPOSE_INVALID', message);
  }
  const exec = objectAt(rule, 'exec');
  return {
    service: service.name,
    action,
    path: textAt(rule, 'path') ?? '',
    target: action.startsWith('sync') ? textAt(rule, 'target') : undefined,
    isInitial: booleanAt(rule, 'initial_sync'),
    hook: action === 'sync+exec' && exec !== undefined ? toHook(exec) : undefined,
    ignore: textsAt(rule, 'ignore'),
    include: textsAt(rule, 'include'),
    buildContext: textAt(objectAt(service.canonical, 'build'), 'context'),
  };
}
