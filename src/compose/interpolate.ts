import { type Lookup, substitute } from './template.ts';
import { type PathState, compilePaths } from './path-table.ts';
import type { Problems } from './problems.ts';
import type { Path, RawEntry, RawNode, RawScalar, ScalarValue } from './raw-tree.ts';
import { findInteger } from './yaml-scalar.ts';

/**
 * `root` with the variables in its values replaced, and texts at typed places made numbers and booleans.
 * Keys stay as they are. A variable without a value becomes the empty text, with a warning; other faults
 * go to `problems` (E_COMPOSE_INTERPOLATION).
 *
 * @see compose-spec 12-interpolation.md
 */
export function interpolate(root: RawNode, values: Values, problems: Problems): RawNode {
  return new Interpolation(values, problems).node(root, [], CASTS);
}

/** What variables stand for. */
export interface Values {
  readonly lookup: Lookup;
  /** The ids of the user, which shells know but do not pass on: for a plain `${UID}`. */
  readonly ids: Lookup;
}

type Cast = 'boolean' | 'integer' | 'number';

const SERVICE_CASTS: Readonly<Record<string, Cast>> = {
  cpu_count: 'integer',
  cpu_percent: 'number',
  cpu_period: 'integer',
  cpu_quota: 'integer',
  cpu_rt_period: 'integer',
  cpu_rt_runtime: 'integer',
  cpus: 'number',
  cpu_shares: 'integer',
  init: 'boolean',
  'deploy.replicas': 'integer',
  'deploy.update_config.parallelism': 'integer',
  'deploy.update_config.max_failure_ratio': 'number',
  'deploy.rollback_config.parallelism': 'integer',
  'deploy.rollback_config.max_failure_ratio': 'number',
  'deploy.restart_policy.max_attempts': 'integer',
  'deploy.placement.max_replicas_per_node': 'integer',
  'healthcheck.retries': 'integer',
  'healthcheck.disable': 'boolean',
  oom_kill_disable: 'boolean',
  oom_score_adj: 'integer',
  pids_limit: 'integer',
  'ports.*.target': 'integer',
  privileged: 'boolean',
  read_only: 'boolean',
  scale: 'integer',
  stdin_open: 'boolean',
  tty: 'boolean',
  'ulimits.*': 'integer',
  'ulimits.*.hard': 'integer',
  'ulimits.*.soft': 'integer',
  'volumes.*.read_only': 'boolean',
  'volumes.*.volume.nocopy': 'boolean',
};

const CASTS: PathState<Cast> = compilePaths({
  ...Object.fromEntries(
    Object.entries(SERVICE_CASTS).map(([path, cast]) => [`services.*.${path}`, cast]),
  ),
  'networks.*.external': 'boolean',
  'networks.*.internal': 'boolean',
  'networks.*.attachable': 'boolean',
  'volumes.*.external': 'boolean',
  'secrets.*.external': 'boolean',
  'configs.*.external': 'boolean',
});

class Interpolation {
  private readonly values: Values;
  private readonly problems: Problems;

  constructor(values: Values, problems: Problems) {
    this.values = values;
    this.problems = problems;
  }

  node(node: RawNode, path: Path, casts: PathState<Cast> | undefined): RawNode {
    switch (node.kind) {
      case 'scalar':
        return typeof node.value === 'string'
          ? this.text(node, node.value, path, casts?.rule)
          : node;
      case 'list':
        return {
          ...node,
          items: node.items.map((item, i) => this.node(item, [...path, i], casts?.next(i))),
        };
      case 'map': {
        const entries = new Map<string, RawEntry>();
        for (const [key, entry] of node.entries) {
          const made = this.node(entry.node, [...path, key], casts?.next(key));
          entries.set(key, made === entry.node ? entry : { ...entry, node: made });
        }
        return { ...node, entries };
      }
    }
  }

  private text(node: RawScalar, source: string, path: Path, cast: Cast | undefined): RawScalar {
    const { lookup, ids } = this.values;
    const { text, unset, implied, fault } = substitute(source, lookup, ids);
    const place = { position: node.position, path };
    if (fault !== undefined) {
      const isSyntax = fault.kind === 'syntax';
      const message = isSyntax
        ? `invalid interpolation format: ${fault.text}`
        : `error while interpolating: ${fault.text}`;
      const hint = isSyntax ? 'escape a $ that starts no variable with another $' : undefined;
      this.problems.error(place, message, { hint, code: 'E_COMPOSE_INTERPOLATION' });
      return { ...node, value: '' };
    }
    for (const name of unset) {
      const message = `The "${name}" variable is not set. Defaulting to a blank string.`;
      this.problems.warning(place, message, { topic: 'unset-variable' });
    }
    for (const name of implied) {
      const message = `The "${name}" variable is not set. Taking ${ids(name) ?? ''}, the id of the user.`;
      const hint = `other tools take a blank string: export ${name}, or put it into .env`;
      this.problems.warning(place, message, { hint, topic: 'user-ids' });
    }
    if (cast !== undefined) return { ...node, value: this.cast(cast, text, source, place) };
    return text === source ? node : { ...node, value: text };
  }

  private cast(
    cast: Cast,
    text: string,
    source: string,
    place: { position: RawScalar['position']; path: Path },
  ): ScalarValue {
    const value = findCast(cast, text);
    if (value !== undefined) return value;
    const noun = { boolean: 'a boolean', integer: 'a whole number', number: 'a number' }[cast];
    // The value may be a secret: the text of the file is shown, not what it became.
    const message = `error while interpolating: failed to cast to expected type: ${JSON.stringify(source)} is not ${noun}`;
    this.problems.error(place, message, { code: 'E_COMPOSE_INTERPOLATION' });
    return cast === 'boolean' ? false : 0;
  }
}

/** The boolean that `text` names: `true`, `yes`, `y`, `on` and their opposites, in any case. */
export function findBoolean(text: string): boolean | undefined {
  switch (text.toLowerCase()) {
    case 'true':
    case 'yes':
    case 'y':
    case 'on':
      return true;
    case 'false':
    case 'no':
    case 'n':
    case 'off':
      return false;
    default:
      return undefined;
  }
}

function findCast(cast: Cast, text: string): ScalarValue | undefined {
  if (cast === 'boolean') return findBoolean(text);
  if (cast === 'integer') {
    if (!/^[-+]?[0-9]+$/.test(text)) return undefined;
    return findInteger(text.replace(/^([-+]?)0+(?=[0-9])/, '$1'));
  }
  return /^[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?$/.test(text)
    ? Number(text)
    : undefined;
}
