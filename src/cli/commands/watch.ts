import { cancelled } from '../../base/abort.ts';
import { getService, selectServices } from '../../plan/selection.ts';
import { type CommandDefinition, hiddenOption, option } from '../command.ts';
import { bringUp } from '../execute/bring-up.ts';
import { upDefaults } from '../execute/prepare-up.ts';

export const watchCommand: CommandDefinition = {
  name: 'watch',
  usage: '[SERVICE...]',
  summary: 'Act on changes of files as develop.watch says',
  options: [
    option('--no-up', 'do not start services first'),
    option('--quiet', 'without messages'),
    hiddenOption('--prune', 'accepted, without effect: ocup builds no images'),
    hiddenOption('--no-prune', 'accepted, without effect'),
  ],
  examples: [
    ['ocup watch', 'start the project, and keep its containers up to date with its files'],
    ['ocup watch --no-up web', 'the same for one service that runs already'],
  ],
  async run(session, { args, options }) {
    const project = await session.loadProject({ services: args });
    for (const name of args) getService(project, name);
    const { getWatchRules, watchFiles } = await import('../watch/watch-session.ts');
    const rules = getWatchRules(selectServices(project, args, false));
    if (!options.flag('no-up')) {
      await bringUp(session, project, 'up', { ...upDefaults(session), services: args });
    }
    if (session.globals.dryRun) return 0;
    const { signal } = session;
    // It has no end of its own.
    await watchFiles(session, rules, {
      project: project.name,
      isQuiet: options.flag('quiet'),
      signal,
    });
    throw cancelled(signal);
  },
};
