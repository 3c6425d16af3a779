import { ocupVersion } from '../../base/install-root.ts';
import { hasJournal } from '../../host/journal.ts';
import type { Project } from '../../model/project.ts';
import { formatPlan } from '../../plan/format-plan.ts';
import type { Plan, PlannedAction } from '../../plan/action.ts';
import { imageKey } from '../../plan/observed.ts';
import { decisivePulls, planUp } from '../../plan/plan-up.ts';
import { defaultUpOptions, type UpOptions } from '../../plan/up-options.ts';
import type { SupervisorClient } from '../connection.ts';
import type { ProgressView } from '../progress/progress.ts';
import type { Session } from '../session.ts';
import { timeNow, type TimelineRecorder } from './timeline-recorder.ts';
import { executeActions } from './executor.ts';
import { NOTHING_OBSERVED, observe, observeImages } from './observe.ts';

/** What a plain `up` asks for, now. */
export function upDefaults(session: Session): UpOptions {
  return defaultUpOptions({ version: ocupVersion(), nowMs: session.context.now() });
}

/** The plan of an `up` without doing anything: no supervisor is started where there is nothing to look at. */
export async function dryPlan(
  session: Session,
  project: Project,
  options: UpOptions,
): Promise<Plan> {
  const client = await session.existingSupervisor();
  const known = { project, signal: session.signal };
  const observed =
    client === undefined ? NOTHING_OBSERVED : await observe(client, project.name, known);
  return planUp(project, observed, options);
}

/** Prints the plan of an `up` and changes nothing. */
export async function printDryPlan(
  session: Session,
  project: Project,
  options: UpOptions,
): Promise<void> {
  await session.print(formatPlan(await dryPlan(session, project, options)));
}

export interface UpPreparation {
  readonly client: SupervisorClient;
  readonly view: ProgressView;
  readonly project: Project;
  readonly options: UpOptions;
  /** Writes down how it goes. */
  readonly timeline?: TimelineRecorder | undefined;
}

/**
 * The plan of an `up` that is carried out next. Pulls that decide whether a container is replaced are made
 * now, since only their outcome completes the plan.
 */
export async function prepareUp(session: Session, known: UpPreparation): Promise<Plan> {
  const { client, view, project, options, timeline } = known;
  const { signal } = session;
  for (const warning of journalWarnings(project)) view.warn(warning);
  const startMs = timeNow();
  const observed = await observe(client, project.name, { project, signal });
  const first = planUp(project, observed, options);
  const pulls = decisivePulls(first, project, observed.containers);
  const after = ['connect', ...pulls.map(({ id }) => id)];
  if (pulls.length === 0) {
    timeline?.addWhole('plan', startMs, after);
    return first;
  }
  await executeActions(pulls, {
    client,
    view,
    signal,
    parallel: session.globals.parallel,
    timeline,
  });
  const images = await observeImages(client, project, signal);
  const pulled = new Set(pulls.flatMap(pulledKey));
  timeline?.addWhole('plan', startMs, after);
  return planUp(project, { ...observed, images }, { ...options, pulled });
}

function journalWarnings({ services }: Project): string[] {
  const names = services
    .filter(({ container }) => container.logging?.driver === 'journald')
    .map(({ name }) => `"${name}"`);
  if (names.length === 0 || hasJournal()) return [];
  return [
    `this machine has no journal: the output of ${names.join(', ')} is kept in ocup's log alone`,
  ];
}

function pulledKey(action: PlannedAction): string[] {
  return action.kind === 'image.pull' ? [imageKey(action.image, action.platform)] : [];
}
