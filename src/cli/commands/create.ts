import { getService } from '../../plan/selection.ts';
import type { Project } from '../../model/project.ts';
import type { UpOptions } from '../../plan/up-options.ts';
import { type CommandDefinition, option } from '../command.ts';
import { executeActions } from '../execute/executor.ts';
import { prepareUp, printDryPlan, upDefaults } from '../execute/prepare-up.ts';
import type { Session } from '../session.ts';
import { CREATE_OPTIONS, parseCreateOptions, parseScale } from './create-options.ts';

export const createCommand: CommandDefinition = {
  name: 'create',
  usage: '[SERVICE...]',
  summary: 'Create containers without starting them',
  options: CREATE_OPTIONS,
  async run(session, { args, options: raw }) {
    const project = await session.loadProject({ services: args });
    for (const name of args) getService(project, name);
    const { environment } = session.context;
    await bringUp(session, project, {
      ...upDefaults(session),
      ...parseCreateOptions(raw, environment, project),
      services: args,
      start: false,
    });
    return 0;
  },
};

export const scaleCommand: CommandDefinition = {
  name: 'scale',
  usage: '<SERVICE=NUMBER...>',
  summary: 'Set how many containers services have',
  options: [option('--no-deps', 'leave alone what the services depend on')],
  examples: [['ocup scale web=3', 'run three containers of web']],
  async run(session, { args, options: raw }) {
    const project = await session.loadProject();
    const scale = parseScale(args, project);
    await bringUp(session, project, {
      ...upDefaults(session),
      scale,
      services: Object.keys(scale),
      withDependencies: !raw.flag('no-deps'),
    });
    return 0;
  },
};

/** Plans and carries out, or prints the plan with `--dry-run`. */
async function bringUp(session: Session, project: Project, options: UpOptions): Promise<void> {
  if (session.globals.dryRun) {
    await printDryPlan(session, project, options);
    return;
  }
  const client = await session.supervisor();
  const view = session.openView('create');
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
