import type { Project } from '../../model/project.ts';
import type { UpOptions } from '../../plan/up-options.ts';
import type { Session } from '../session.ts';
import { executeActions } from './executor.ts';
import { prepareUp, printDryPlan } from './prepare-up.ts';

/**
 * Plans and carries out without staying, or prints the plan with `--dry-run`; `operation` is what progress calls it.
 * @throws as `planUp` and the supervisor do
 */
export async function bringUp(
  session: Session,
  project: Project,
  operation: string,
  options: UpOptions,
): Promise<void> {
  if (session.globals.dryRun) {
    await printDryPlan(session, project, options);
    return;
  }
  const client = await session.supervisor();
  const view = session.openView(operation);
  const { signal } = session;
  try {
    const plan = await prepareUp(session, { client, view, project, options });
    for (const warning of plan.warnings) view.warn(warning);
    const { parallel } = session.globals;
    await executeActions(plan.actions, { client, view, signal, parallel, showsCauses: true });
  } finally {
    view.end();
  }
}
