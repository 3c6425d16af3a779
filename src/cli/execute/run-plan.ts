import type { Plan } from '../../plan/action.ts';
import { formatPlan } from '../../plan/format-plan.ts';
import type { Session } from '../session.ts';
import { executeActions } from './executor.ts';

/**
 * Carries out a plan under the progress heading `operation`, or, with `--dry-run`, prints it.
 * @throws the first failure of an action
 */
export async function runPlan(session: Session, operation: string, plan: Plan): Promise<void> {
  if (session.globals.dryRun) {
    await session.print(formatPlan(plan));
    return;
  }
  const view = session.openView(operation);
  try {
    for (const warning of plan.warnings) view.warn(warning);
    if (plan.actions.length === 0) return;
    await executeActions(plan.actions, {
      client: await session.supervisor(),
      view,
      signal: session.signal,
      parallel: session.globals.parallel,
    });
  } finally {
    view.end();
  }
}
