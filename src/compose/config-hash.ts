import { createHash } from 'node:crypto';
import type { Mount } from '../model/container.ts';
import type { Json, JsonObject } from '../model/project.ts';
import { isList, isObject, objectAt } from './fields.ts';

/** What may change without a container having to be made anew. */
const IGNORED = new Set([
  'attach',
  'build',
  'depends_on',
  'develop',
  'profiles',
  'pull_policy',
  'pull_refresh_after',
  'scale',
]);

/**
 * SHA-256 over the canonical form of a service, without what does not concern its containers, and over the
 * files whose content comes from the project, and `inputs`; 64 hex digits. The order of keys does not matter.
 */
export function configHash(
  service: JsonObject,
  mounts: readonly Mount[] = [],
  inputs?: string,
): string {
  const kept = Object.entries(service).filter(
    ([key]) => !IGNORED.has(key) && !key.startsWith('x-'),
  );
  const relevant: Record<string, Json> = Object.fromEntries(kept);
  const { deploy } = relevant;
  if (isObject(deploy)) {
    const { replicas: _, ...others } = deploy;
    if (Object.keys(others).length > 0) relevant['deploy'] = others;
    else delete relevant['deploy'];
  }
  const own = ownSettings(service);
  if (own !== undefined) relevant['x-ocup'] = own;
  const contents = mounts.flatMap((mount) =>
    mount.kind === 'file' ? [`${mount.target}\0${mount.content}`] : [],
  );
  const text = JSON.stringify([
    sorted(relevant),
    contents,
    ...(inputs === undefined ? [] : [inputs]),
  ]);
  return createHash('sha256').update(text).digest('hex');
}

/** What `x-ocup` says of the probe. @see to-ready.ts */
function ownSettings(service: JsonObject): JsonObject | undefined {
  const own = objectAt(service, 'x-ocup');
  const { ready, strict } = own ?? {};
  if (ready === undefined && strict === undefined) return undefined;
  return { ready: ready ?? null, strict: strict ?? null };
}

function sorted(value: Json): Json {
  if (isObject(value)) {
    const keys = Object.keys(value).sort();
    return Object.fromEntries(keys.map((key) => [key, sorted(value[key] ?? null)]));
  }
  return isList(value) ? value.map(sorted) : value;
}
