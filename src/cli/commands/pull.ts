import { isOcupError } from '../../base/errors.ts';
import { isBuilt } from '../../compose/pin-images.ts';
import { imageKey, imagesOf } from '../../plan/observed.ts';
import { getService, selectServices } from '../../plan/selection.ts';
import { type CommandDefinition, option } from '../command.ts';
import type { PullRequest } from '../execute/pull.ts';
import { pullAll } from '../execute/pull-all.ts';

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
      for (const { image, platform, isOwn } of imagesOf(service)) {
        const isLeftOut =
          isBuilt(service) || (service.hasBuild && options.flag('ignore-buildable'));
        if (isOwn && isLeftOut) continue;
        requests.set(imageKey(image, platform), { image, platform, policy });
      }
    }
    const isForgiving = options.flag('ignore-pull-failures');
    const { failures } = await pullAll(session, [...requests.values()], {
      isQuiet: options.flag('quiet'),
      isForgiving,
    });
    const fatal = failures.find((error) => !isForgiving || isOcupError(error, 'E_CANCELLED'));
    if (fatal !== undefined) throw fatal;
    return 0;
  },
};
