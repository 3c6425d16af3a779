import { createHash } from 'node:crypto';
import type { Json, JsonObject, Service } from '../model/project.ts';

/** Keys that may change without making a new container. */
const WITHOUT_EFFECT = [
  'attach',
  'build',
  'depends_on',
  'deploy.mode',
  'deploy.replicas',
  'develop',
  'profiles',
  'pull_policy',
  'pull_refresh_after',
  'scale',
];
/** Keys of `x-ocup` that a container is made from; other extensions say nothing of it. */
const OWN_KEYS = ['x-ocup.ready', 'x-ocup.strict'];

/** `path → hash` for each key of a service; maps are entered, lists are one value. */
export type Fingerprint = Readonly<Record<string, string>>;

/** The fingerprint of a service in canonical form. A hash of 32 bits: it names changes, it does not find them. */
export function fingerprint(canonical: JsonObject): Fingerprint {
  const hashes: Record<string, string> = {};
  for (const [path, value] of leaves(canonical, '')) hashes[path] = shortHash(value);
  return hashes;
}

/** That of a service, with what it works on and the content of its files that the project has. */
export function serviceFingerprint({ canonical, container, once }: Service): Fingerprint {
  const contents = container.mounts.flatMap((mount): [string, string][] =>
    mount.kind === 'file' ? [[`content of ${mount.target}`, shortHash(mount.content)]] : [],
  );
  const inputs = once?.inputs;
  return {
    ...fingerprint(canonical),
    ...Object.fromEntries(contents),
    ...(inputs !== undefined && { 'x-ocup.once.inputs': shortHash(inputs) }),
  };
}

/** A fingerprint as a label holds it. */
export function formatFingerprint(value: Fingerprint): string {
  return JSON.stringify(value);
}

/** The fingerprint of a label; undefined if there is none, or one that this version cannot read. */
export function findFingerprint(label: string | undefined): Fingerprint | undefined {
  if (label === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(label);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
    return Object.fromEntries(Object.entries(value).map(([path, hash]) => [path, String(hash)]));
  } catch {
    return undefined;
  }
}

/** Paths that were added, removed or changed, sorted: the innermost ones. */
export function changedKeys(before: Fingerprint, now: Fingerprint): string[] {
  const paths = new Set([...Object.keys(before), ...Object.keys(now)]);
  const changed = [...paths].filter((path) => before[path] !== now[path]).sort();
  // `environment: {}` that became `environment: { FOO: 1 }` changed in FOO.
  return changed.filter((path) => !changed.some((other) => other.startsWith(`${path}.`)));
}

function* leaves(value: JsonObject, prefix: string): Generator<[string, Json]> {
  for (const [key, child] of Object.entries(value)) {
    const path = prefix === '' ? key : `${prefix}.${key}`;
    if (WITHOUT_EFFECT.includes(path) || isWithoutMeaning(path)) continue;
    if (isJsonObject(child) && Object.keys(child).length > 0) yield* leaves(child, path);
    else yield [path, child];
  }
}

function isWithoutMeaning(path: string): boolean {
  if (!path.startsWith('x-') || path === 'x-ocup') return false;
  return !OWN_KEYS.some((key) => path === key || path.startsWith(`${key}.`));
}

function isJsonObject(value: Json): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function shortHash(value: Json): string {
  return createHash('sha256').update(canonicalText(value)).digest('hex').slice(0, 8);
}

function canonicalText(value: Json): string {
  if (Array.isArray(value)) return `[${value.map((item: Json) => canonicalText(item)).join(',')}]`;
  if (!isJsonObject(value)) return JSON.stringify(value);
  const keys = Object.keys(value).sort();
  return `{${keys.map((key) => `${JSON.stringify(key)}:${canonicalText(value[key] ?? null)}`).join(',')}}`;
}
