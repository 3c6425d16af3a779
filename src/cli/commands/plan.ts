import { hasChanges } from '../../plan/action.ts';
import { formatPlan } from '../../plan/format-plan.ts';
import { getService } from '../../plan/selection.ts';
import { type CommandDefinition, option } from '../command.ts';
import { dryPlan, upDefaults } from '../execute/prepare-up.ts';
import { CREATE_OPTIONS, parseCreateOptions } from './create-options.ts';

export const planCommand: CommandDefinition = {
  name: 'plan',
  usage: '[SERVICE...]',
  summary: 'Say what up would do, and why, and do nothing',
  options: [
    option('--detailed-exitcode', 'end with 2 when there is something to do'),
    option('--format <format>', 'text or json'),
    option('--no-deps', 'leave alone what the services depend on'),
    ...CREATE_OPTIONS,
  ],
  examples: [['ocup plan', 'after an edit: which containers are replaced, and for which key']],
  async run(session, { args, options: raw }) {
    const format = raw.choice('format', ['text', 'json']) ?? 'text';
    const project = await session.loadProject({ services: args });
    for (const name of args) getService(project, name);
    const plan = await dryPlan(session, project, {
      ...upDefaults(session),
      ...parseCreateOptions(raw, session.context.environment, project),
      services: args,
      withDependencies: !raw.flag('no-deps'),
    });
    await session.print(format === 'json' ? `${JSON.stringify(plan)}\n` : formatPlan(plan));
    return raw.flag('detailed-exitcode') && hasChanges(plan) ? 2 : 0;
  },
};
