import { cancelled } from '../../base/abort.ts';
import { isOcupError, messageOf } from '../../base/errors.ts';
import { Semaphore } from '../../base/semaphore.ts';
import type { Edge, PlannedAction } from '../../plan/action.ts';
import type { SupervisorClient } from '../connection.ts';
import type { ProgressView } from '../progress/progress.ts';
import { type ConditionWaiter, conditionWaiter } from './conditions.ts';
import type { OnHookLine } from './hooks.ts';
import { runStep, type StepResult } from './steps.ts';
import { rowOf } from './row.ts';
import { timeNow, type TimelineRecorder } from './timeline-recorder.ts';

export interface ExecuteOptions {
  readonly client: SupervisorClient;
  readonly view: ProgressView;
  readonly signal: AbortSignal;
  /** How many actions may go on at once; waiting for a condition is none. */
  readonly parallel: number;
  /** Whether each action is told with its cause. */
  readonly showsCauses?: boolean;
  /** Hears of each action that is done. */
  readonly onDone?: (action: PlannedAction, result: StepResult) => void;
  /** See `StepContext`. */
  readonly onHookLine?: OnHookLine | undefined;
  /** Writes down when each action began and ended. */
  readonly timeline?: TimelineRecorder | undefined;
}

/**
 * Carries out `actions`: each as soon as all it waits for is done, side by side where the edges allow it.
 * Edges to actions that are not among them count as met, but for their conditions.
 *
 * When one fails, those that have begun are seen to their end, waits and pulls are broken off, and no more
 * begin; what was made stays. A failure that only optional dependants wait for is a warning.
 *
 * @throws the first failure, E_CANCELLED
 */
export async function executeActions(
  actions: readonly PlannedAction[],
  options: ExecuteOptions,
): Promise<void> {
  const failed = new AbortController();
  const signal = AbortSignal.any([options.signal, failed.signal]);
  const run: Run = {
    options,
    signal,
    places: new Semaphore(options.parallel),
    waitFor: conditionWaiter(options.client, options.view, signal),
    optional: optionalActions(actions),
    outcomes: new Map(),
  };
  let first: { readonly error: unknown } | undefined;
  for (const action of actions) {
    const outcome = runAction(action, run);
    run.outcomes.set(action.id, outcome);
    outcome.catch((error: unknown) => {
      if (first !== undefined || run.optional.has(action.id)) return;
      first = { error };
      failed.abort();
    });
  }
  await Promise.allSettled(run.outcomes.values());
  if (options.signal.aborted) throw cancelled(options.signal);
  if (first !== undefined) throw first.error;
}

interface Run {
  readonly options: ExecuteOptions;
  readonly signal: AbortSignal;
  readonly places: Semaphore;
  readonly waitFor: ConditionWaiter;
  readonly optional: ReadonlySet<string>;
  readonly outcomes: Map<string, Promise<void>>;
}

async function runAction(action: PlannedAction, run: Run): Promise<void> {
  const { options, signal } = run;
  await Promise.all(action.dependsOn.map((edge) => meetEdge(edge, run)));
  await run.places.run(async () => {
    if (signal.aborted) throw cancelled(signal);
    const startMs = timeNow();
    try {
      const result = await runStep(action, { ...options, signal, interrupt: options.signal });
      options.onDone?.(action, result);
    } catch (error) {
      showFailure(action, error, options.view);
      throw error;
    } finally {
      options.timeline?.addAction(action, startMs);
    }
  }, signal);
}

async function meetEdge(edge: Edge, run: Run): Promise<void> {
  try {
    await run.outcomes.get(edge.action);
    if (edge.condition === undefined) return;
    const startMs = timeNow();
    await run.waitFor(edge.condition).finally(() => run.options.timeline?.addWait(edge, startMs));
  } catch (error) {
    if (edge.condition?.isRequired !== false || run.signal.aborted) throw error;
    const { service } = edge.condition;
    const problem = messageOf(error);
    run.options.view.warn(`optional dependency "${service}" failed to start: ${problem}`);
  }
}

/** Actions that others wait for, all of them only if it can be had. */
function optionalActions(actions: readonly PlannedAction[]): Set<string> {
  const edges = actions.flatMap((action) => action.dependsOn);
  const needed = new Set(
    edges.filter((edge) => edge.condition?.isRequired !== false).map((edge) => edge.action),
  );
  return new Set(edges.map((edge) => edge.action).filter((id) => !needed.has(id)));
}

function showFailure(action: PlannedAction, error: unknown, view: ProgressView): void {
  if (isOcupError(error, 'E_CANCELLED')) return;
  const details = messageOf(error);
  view.show({ id: rowOf(action), status: 'error', text: 'Error', details });
}
