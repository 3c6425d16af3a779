import { defaultSpec, type TestMount } from '../../support/bundle.ts';

/** A JSON merge patch (RFC 7396): objects are merged, `null` takes a member away, the rest replaces. */
export interface Patch {
  readonly [member: string]: unknown;
}

/** A bundle, what is done with it, and what is looked at. In texts for the shell `$ID` names the container. */
export interface Case {
  readonly name: string;
  /** Changes of config.json; `@ID@` and `@BUNDLE@` stand for the container and its folder. */
  readonly patch?: Patch;
  /** Added to the mounts that every case has. */
  readonly mounts?: readonly TestMount[];
  /** What the probe is asked for beyond what it always shows, see native/test/probe.cc. */
  readonly probe?: string;
  /** The whole of config.json, where no patch makes it wrong enough. */
  readonly text?: string;
  /** Shell lines that are run in the bundle before the first step. */
  readonly prepare?: string;
  /** Calls of the runtime, `run` alone unless given; or `host …`, `ready`, `stopped`: see run-corpus.sh. */
  readonly steps?: readonly string[];
  /** Shell lines that take away what `prepare` has made outside of the bundle. */
  readonly cleanup?: string;
  /** It says something only in that layout of cgroups. */
  readonly only?: 'v1' | 'v2';
  /** One of the few that the hybrid layout runs too. */
  readonly isBrief?: boolean;
}

/** New namespaces of these kinds, as `linux.namespaces` has them; `net=/path` joins one. */
export function namespaces(...kinds: readonly string[]): { type: string; path?: string }[] {
  return kinds.map((kind) => {
    const [type = '', path] = kind.split('=');
    return path === undefined ? { type } : { type, path };
  });
}

/** The kinds that a case has unless it says otherwise. */
export const USUAL_NAMESPACES = ['mount', 'network', 'uts', 'pid', 'ipc'] as const;

/** The text of its config.json. */
export function configOf(item: Case): string {
  if (item.text !== undefined) return item.text;
  const spec = defaultSpec();
  spec.process.args = [
    '/bin/probe',
    ...(item.probe ?? '').split(' ').filter((word) => word !== ''),
  ];
  spec.mounts.push(...(item.mounts ?? []));
  return JSON.stringify(mergePatch(spec, item.patch ?? {}), undefined, 1);
}

/** @see RFC 7396 section 2 */
function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isTree(patch)) return patch;
  const merged: Record<string, unknown> = isTree(target) ? { ...target } : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) Reflect.deleteProperty(merged, name);
    else merged[name] = mergePatch(merged[name], value);
  }
  return merged;
}

function isTree(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The shell script of its steps. */
export function stepsOf(item: Case): string {
  return (item.steps ?? ['run']).map(stepLine).join('\n') + '\n';
}

function stepLine(step: string): string {
  const [word = '', ...rest] = step.split(' ');
  if (word === 'host') return `host '${rest.join(' ').replaceAll("'", `'\\''`)}'`;
  if (['ready', 'stopped'].includes(word)) return step;
  if (rest.length > 0) return `step ${step}`;
  return ['run', 'create'].includes(word) ? `step ${word} -b . "$ID"` : `step ${word} "$ID"`;
}
