import { unreachable } from '../base/unreachable.ts';
import type { Edge, Plan, PlannedAction } from './action.ts';
import { hasChanges } from './action.ts';

/**
 * A plan as text, one line an action:
 *
 *     Plan for project app: 3 to create, 1 to replace, 2 unchanged
 *       + network app_default      not there yet
 *       + container app-db-1       no existing container
 *       ~ container app-web-1      config hash diverged: environment.FOO
 *       > start app-db-1           no existing container
 *       > start app-web-1          config hash diverged: environment.FOO (after db is healthy)
 *       = container app-cache-1    running
 */
export function formatPlan(plan: Plan): string {
  const rows = plan.actions.flatMap(planRow);
  const width = Math.max(0, ...rows.map((row) => row.subject.length));
  const lines = rows.map((row) => `  ${row.mark} ${row.subject.padEnd(width)}  ${row.cause}`);
  const warnings = plan.warnings.map((text) => `  ! ${text}`);
  return [`Plan for project ${plan.project}: ${summary(plan)}`, ...lines, ...warnings]
    .map((line) => `${line.trimEnd()}\n`)
    .join('');
}

interface Row {
  readonly mark: string;
  readonly subject: string;
  readonly cause: string;
}

function planRow(action: PlannedAction): Row[] {
  const row = (mark: string, subject: string): Row[] => [
    { mark, subject, cause: `${action.cause}${conditions(action.dependsOn)}` },
  ];
  switch (action.kind) {
    case 'image.pull':
      return row('v', `pull image ${action.image}`);
    case 'image.remove':
      return row('-', `image ${action.image}`);
    case 'network.create':
      return row('+', `network ${action.config.name}`);
    case 'network.remove':
      return row('-', `network ${action.name}`);
    case 'volume.create':
      return row('+', `volume ${action.config.name}`);
    case 'volume.remove':
      return row('-', `volume ${action.name}`);
    case 'container.create':
      // Its replacement has a line of its own.
      return isReplacement(action) ? [] : row('+', `container ${action.finalName}`);
    case 'container.replace':
      return row('~', `container ${action.name}`);
    case 'container.rename':
      return row('~', `rename ${action.name} to ${action.newName}`);
    case 'container.remove':
      return row('-', `container ${action.name}`);
    case 'container.prepare':
      return row('>', `run pre_start hooks of ${action.name}`);
    case 'container.start':
      return row('>', `start ${action.name}`);
    case 'container.unpause':
      return row('>', `unpause ${action.name}`);
    case 'container.pause':
      return row('.', `pause ${action.name}`);
    case 'container.stop':
      return row('.', `stop ${action.name}`);
    case 'container.kill':
      return row('.', `kill ${action.name} with ${action.signal}`);
    case 'container.keep':
      return row('=', `container ${action.name}`);
    default:
      return unreachable(action);
  }
}

function isReplacement(action: PlannedAction & { kind: 'container.create' }): boolean {
  return action.config.name !== action.finalName;
}

const CONDITION_WORDS = {
  service_started: 'has started',
  service_healthy: 'is healthy',
  service_completed_successfully: 'has completed',
} as const;

function conditions(edges: readonly Edge[]): string {
  const texts = edges.flatMap(({ condition }) =>
    condition === undefined ? [] : [`${condition.service} ${CONDITION_WORDS[condition.kind]}`],
  );
  return texts.length === 0 ? '' : ` (after ${[...new Set(texts)].join(', ')})`;
}

function summary(plan: Plan): string {
  const { actions } = plan;
  const replaced = actions.filter((action) => action.kind === 'container.replace').length;
  const created = actions.filter(
    (action) =>
      action.kind === 'network.create' ||
      action.kind === 'volume.create' ||
      (action.kind === 'container.create' && !isReplacement(action)),
  ).length;
  const count = (...kinds: PlannedAction['kind'][]): number =>
    actions.filter((action) => kinds.includes(action.kind)).length;
  const all: [number, string][] = [
    [count('image.pull'), 'to pull'],
    [created, 'to create'],
    [replaced, 'to replace'],
    [count('container.start', 'container.unpause'), 'to start'],
    [count('container.stop', 'container.kill', 'container.pause'), 'to stop'],
    [count('container.remove', 'network.remove', 'volume.remove', 'image.remove'), 'to remove'],
    [count('container.keep'), 'unchanged'],
  ];
  const parts = all.filter(([number]) => number > 0).map(([number, word]) => `${number} ${word}`);
  if (!hasChanges(plan)) return ['nothing to do', ...parts].join(', ');
  return parts.join(', ');
}
