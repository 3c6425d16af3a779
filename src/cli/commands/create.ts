import { getService } from '../../plan/selection.ts';
import { type CommandDefinition, option } from '../command.ts';
import { bringUp } from '../execute/bring-up.ts';
import { upDefaults } from '../execute/prepare-up.ts';
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
    await bringUp(session, project, 'create', {
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
    await bringUp(session, project, 'create', {
      ...upDefaults(session),
      scale,
      services: Object.keys(scale),
      withDependencies: !raw.flag('no-deps'),
    });
    return 0;
  },
};
