import type { Hook, Hooks } from '../model/container.ts';
import type { JsonObject } from '../model/project.ts';
import { booleanAt, mappingAt, objectsAt, textAt, textsAt } from './fields.ts';

/** The hooks of a service in canonical form; undefined where there are none. */
export function toHooks(service: JsonObject): Hooks | undefined {
  const postStart = objectsAt(service, 'post_start').map(toHook);
  const preStop = objectsAt(service, 'pre_stop').map(toHook);
  return postStart.length + preStop.length === 0 ? undefined : { postStart, preStop };
}

function toHook(hook: JsonObject): Hook {
  return {
    command: textsAt(hook, 'command'),
    user: textAt(hook, 'user'),
    isPrivileged: booleanAt(hook, 'privileged'),
    workingDir: textAt(hook, 'working_dir'),
    environment: mappingAt(hook, 'environment'),
  };
}
