import { resolve } from 'node:path';
import { OcupError } from '../../base/errors.ts';
import { ocupVersion } from '../../base/install-root.ts';
import { Scope } from '../../base/scope.ts';
import { type ContainerConfig, plainContainerConfig } from '../../model/container.ts';
import { toContainerConfig } from '../../plan/container-config.ts';
import { getService } from '../../plan/selection.ts';
import { type Call, type CommandDefinition, option } from '../command.ts';
import { pullImage } from '../execute/pull.ts';
import { absoluteImage } from '../image-path.ts';
import { openMappedSupervisor } from '../mapped-supervisor.ts';
import type { ProgressView } from '../progress/progress.ts';
import type { Session } from '../session.ts';

export const bundleCommand: CommandDefinition = {
  name: 'bundle',
  usage: '[SERVICE]',
  summary: 'Write an OCI bundle that any OCI runtime starts',
  options: [
    option('-o, --output <path>', 'folder to write to; must be empty or missing'),
    option('--archive <file>', 'write it to a tar file, the same bytes each time'),
    option('--digest', 'print the digest of that archive'),
    option('--image <image>', 'of an image, without a compose file'),
    option('--platform <platform>', 'for this platform, such as linux/arm64'),
  ],
  examples: [
    ['ocup bundle web -o ./web', 'then: runc run --bundle ./web web'],
    ['ocup bundle --image alpine:3 -o ./alpine', 'the same for an image'],
  ],
  async run(session, call) {
    const output = call.options.text('output');
    const archive = call.options.text('archive');
    const isDigested = call.options.flag('digest');
    if (output === undefined && archive === undefined && !isDigested) {
      throw new OcupError('E_USAGE', 'bundle needs --output <path>, --archive <file> or --digest');
    }
    const { config, policy } = await bundleConfig(session, call);
    const client = await session.supervisor();
    const view = session.openView('bundle');
    const { image, platform } = config;
    const { signal } = session;
    await using scope = new Scope();
    // Its bytes hold the owners of files, which a user without privileges cannot give to them.
    const isPacked = isDigested || archive !== undefined;
    let maker = client;
    try {
      await pullImage({ image, platform, policy }, { client, view, signal });
      const mapped = isPacked ? await openMappedSupervisor(session, scope) : undefined;
      if (mapped !== undefined) {
        await pullImage({ image, platform, policy }, { client: mapped, view: NO_VIEW, signal });
        maker = mapped;
      }
    } finally {
      view.end();
    }
    const absolute = (name: string | undefined): string | undefined =>
      name === undefined ? undefined : resolve(session.context.workingDir, name);
    const params = { config, path: absolute(output), archive: absolute(archive), isDigested };
    const { digest, path } = await maker.call('bundle.create', params, { signal });
    const written = path ?? params.archive;
    const said = isDigested ? digest : written;
    await session.print(`${said ?? ''}\n`);
    return 0;
  },
};

/** The same pull was shown before. */
const NO_VIEW: ProgressView = {
  show: () => undefined,
  warn: () => undefined,
  end: () => undefined,
};

interface BundleSource {
  readonly config: ContainerConfig;
  readonly policy: 'missing' | 'never';
}

async function bundleConfig(session: Session, { args, options }: Call): Promise<BundleSource> {
  const image = options.text('image');
  const [name] = args;
  if ((image === undefined) === (name === undefined)) {
    throw new OcupError('E_USAGE', 'bundle needs either a service or --image <image>');
  }
  if (image !== undefined) {
    const absolute = absoluteImage(image, session.context.workingDir);
    const config = plainContainerConfig('bundle', absolute);
    return { config: { ...config, platform: options.text('platform') }, policy: 'missing' };
  }
  const project = await session.loadProject({ services: [name ?? ''] });
  const service = getService(project, name ?? '');
  const config = toContainerConfig(project, service, {
    number: 1,
    version: ocupVersion(),
    imageId: undefined,
  });
  const platform = options.text('platform') ?? config.platform;
  const policy = service.pullPolicy?.kind === 'never' ? 'never' : 'missing';
  return { config: { ...config, platform }, policy };
}
