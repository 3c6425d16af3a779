import { OcupError } from '../../base/errors.ts';
import { type CommandDefinition, hiddenOption } from '../command.ts';
import { getService } from '../../plan/selection.ts';

/** There is nothing to build for a project that builds nothing: scripts that always build go on. */
export const buildCommand: CommandDefinition = {
  name: 'build',
  usage: '[SERVICE...]',
  summary: 'Not supported yet, but where no service is built',
  isHidden: true,
  options: [
    hiddenOption('--build-arg <variable>...', 'of no use yet'),
    hiddenOption('--builder <name>', 'of no use yet'),
    hiddenOption('--check', 'of no use yet'),
    hiddenOption('-m, --memory <size>', 'of no use yet'),
    hiddenOption('--no-cache', 'of no use yet'),
    hiddenOption('--print', 'of no use yet'),
    hiddenOption('--provenance <value>', 'of no use yet'),
    hiddenOption('--pull', 'of no use yet'),
    hiddenOption('--push', 'of no use yet'),
    hiddenOption('-q, --quiet', 'of no use yet'),
    hiddenOption('--sbom <value>', 'of no use yet'),
    hiddenOption('--ssh <value>...', 'of no use yet'),
    hiddenOption('--with-dependencies', 'of no use yet'),
  ],
  async run(session, { args }) {
    const project = await session.loadProject({ services: args });
    const chosen =
      args.length === 0 ? project.services : args.map((name) => getService(project, name));
    const built = chosen.filter((service) => service.hasBuild).map((service) => service.name);
    if (built.length === 0) return 0;
    const message = `ocup build is not supported yet: it cannot build ${built.join(', ')}`;
    throw new OcupError('E_COMPOSE_UNSUPPORTED', message, {
      hint: 'build images with another tool and name them with image:, such as image: oci-archive:./app.tar',
    });
  },
};
