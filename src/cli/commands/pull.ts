import { allOrAbort } from '../../base/all-or-abort.ts';
import { isOcupError, messageOf } from '../../base/errors.ts';
import { imageKey } from '../../plan/observed.ts';
import { getService, selectServices } from '../../plan/selection.ts';
import { type CommandDefinition, option } from '../command.ts';
import { pullImage, type PullRequest } from '../execute/pull.ts';

export const pullCommand: CommandDefinition = {
  name: 'pull',
  usage: '[SERVICE...]',
  summary: 'Pull the images of services',
  options: [
    option('-q, --quiet', 'without progress'),
    option('--include-deps', 'and those of what they depend on'),
    option('--ignore-buildable', 'leave out services that can be built'),
    option('--ignore-pull-failures', 'pull what can be pulled'),
    option('--policy <policy>', 'always (default) or missing'),
  ],
  async run(session, { args, options }) {
    const policy = options.choice('policy', ['always', 'missing']) ?? 'always';
    const project = await session.loadProject({ services: args });
    for (const name of args) getService(project, name);
    const withDependencies = args.length === 0 || options.flag('include-deps');
    const requests = new Map<string, PullRequest>();
    for (const service of selectServices(project, args, withDependencies)) {
      const { image, platform } = service.container;
      const isBuilt = service.hasBuild && service.canonical['image'] === undefined;
      if (isBuilt || (service.hasBuild && options.flag('ignore-buildable'))) continue;
      requests.set(imageKey(image, platform), { image, platform, policy });
    }
    const client = await session.supervisor();
    const view = session.openView('pull', { isQuiet: options.flag('quiet') });
    const isForgiving = options.flag('ignore-pull-failures');
    const { signal } = session;
    try {
      await allOrAbort(
        [...requests.values()].map((request) => async (either) => {
          try {
            await pullImage(request, { client, view, signal: either });
          } catch (error) {
            if (isOcupError(error, 'E_CANCELLED')) throw error;
            const details = messageOf(error);
            view.show({ id: `Image ${request.image}`, status: 'error', text: 'Error', details });
            if (!isForgiving) throw error;
          }
        }),
        signal,
      );
    } finally {
      view.end();
    }
    return 0;
  },
};
