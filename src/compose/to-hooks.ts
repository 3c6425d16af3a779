import type { Hook, Hooks, PreStartHook } from '../model/container.ts';
import type { JsonObject } from '../model/project.ts';
import { booleanAt, mappingAt, objectsAt, textAt, textsAt } from './fields.ts';

/** The hooks of a service in canonical form; undefined where there are none. */
export function toHooks(service: JsonObject): Hooks | undefined {
  const preStart = objectsAt(service, 'pre_start').map(toPreStartHook);
  const postStart = objectsAt(service, 'post_start').map(toHook);
  const preStop = objectsAt(service, 'pre_stop').map(toHook);
  if (preStart.length + postStart.length + preStop.length === 0) return undefined;
  return { ...(preStart.length > 0 && { preStart }), postStart, preStop };
}

function toPreStartHook(hook: JsonObject): PreStartHook {
  return {
    ...toHook(hook),
    image: textAt(hook, 'image'),
    isPerReplica: booleanAt(hook, 'per_replica'),
  };
}

/** A command with its settings, as hooks and `develop.watch` write it. */
export function toHook(hook: JsonObject): Hook {
  return {
    command: textsAt(hook, 'command'),
    user: textAt(hook, 'user'),
    isPrivileged: booleanAt(hook, 'privileged'),
    workingDir: textAt(hook, 'working_dir'),
    environment: mappingAt(hook, 'environment'),
  };
}
