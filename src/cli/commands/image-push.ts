import { allOrAbort } from '../../base/all-or-abort.ts';
import { isOcupError, messageOf, OcupError, toError } from '../../base/errors.ts';
import { formatReference, parseImageSource, parseReference } from '../../model/reference.ts';
import { getService, selectServices } from '../../plan/selection.ts';
import { type CommandDefinition, hiddenOption, option } from '../command.ts';
import { pushImage, type PushRequest } from '../execute/push.ts';
import { familiarName } from '../format/image-name.ts';
import { absoluteImage } from '../image-path.ts';
import type { Session } from '../session.ts';

export const imagePushCommand: CommandDefinition = {
  name: 'image push',
  usage: '<IMAGE> [DESTINATION]',
  summary: 'Push an image to a registry',
  options: [
    option('-a, --all-tags', 'all tags of the repository that are here'),
    option('--platform <platform>', 'only for this platform, such as linux/arm64'),
    option('-q, --quiet', 'without progress'),
    hiddenOption('--disable-content-trust', 'accepted, without effect'),
  ],
  examples: [
    ['ocup image push registry.example/team/app:1', 'to the registry that its name tells'],
    ['ocup image push app:1 registry.example/team/app:1', 'under another name'],
  ],
  async run(session, { args, options }) {
    const [image = '', destination] = args;
    const platform = options.text('platform');
    const named = absoluteImage(image, session.context.workingDir);
    const isQuiet = options.flag('quiet');
    const requests = options.flag('all-tags')
      ? await tagsOf(session, named, platform)
      : [{ image: named, destination: destinationOf(destination ?? image), platform }];
    const pushed = await pushAll(session, requests, { isQuiet, isForgiving: false });
    const lines = pushed.map(({ request, digest, sizeBytes }) =>
      isQuiet
        ? `${request.destination}\n`
        : `${tagOf(request.destination)}: digest: ${digest} size: ${sizeBytes}\n`,
    );
    await session.print(lines.join(''));
    return 0;
  },
};

export const pushCommand: CommandDefinition = {
  name: 'push',
  usage: '[SERVICE...]',
  summary: 'Push the images of services',
  options: [
    option('-q, --quiet', 'without progress'),
    option('--include-deps', 'and those of what they depend on'),
    option('--ignore-push-failures', 'push what can be pushed'),
  ],
  async run(session, { args, options }) {
    const project = await session.loadProject({ services: args, isUnlocked: true });
    for (const name of args) getService(project, name);
    const withDependencies = args.length === 0 || options.flag('include-deps');
    const requests = new Map<string, PushRequest>();
    for (const service of selectServices(project, args, withDependencies)) {
      const { image, platform } = service.container;
      // What has no name of its own, or is a file here, has nowhere to go.
      const isNamed = service.canonical['image'] !== undefined;
      if (!isNamed || parseImageSource(image).kind !== 'registry') continue;
      requests.set(image, { image, destination: destinationOf(image), platform });
    }
    const isForgiving = options.flag('ignore-push-failures');
    await pushAll(session, [...requests.values()], {
      isQuiet: options.flag('quiet'),
      isForgiving,
    });
    return 0;
  },
};

interface Pushed {
  readonly request: PushRequest;
  readonly digest: string;
  readonly sizeBytes: number;
}

/** Pushes side by side. @throws the first failure; with `isForgiving` only when cancelled */
async function pushAll(
  session: Session,
  requests: readonly PushRequest[],
  { isQuiet, isForgiving }: { readonly isQuiet: boolean; readonly isForgiving: boolean },
): Promise<Pushed[]> {
  const client = await session.supervisor();
  const view = session.openView('push', { isQuiet });
  const pushOne = async (request: PushRequest, signal: AbortSignal): Promise<Pushed[]> => {
    try {
      return [{ request, ...(await pushImage(request, { client, view, signal })) }];
    } catch (error) {
      const id = `Image ${request.destination}`;
      const isCancelled = isOcupError(error, 'E_CANCELLED');
      if (!isCancelled) {
        view.show({ id, status: 'error', text: 'Error', details: messageOf(error) });
      }
      if (!isForgiving || isCancelled) throw toError(error);
      return [];
    }
  };
  try {
    const works = requests.map((request) => (signal: AbortSignal) => pushOne(request, signal));
    return (await allOrAbort(works, session.signal)).flat();
  } finally {
    view.end();
  }
}

async function tagsOf(
  session: Session,
  image: string,
  platform: string | undefined,
): Promise<PushRequest[]> {
  const { domain, repository } = parseReference(image);
  const client = await session.supervisor();
  const { images } = await client.call('image.list', {}, { signal: session.signal });
  const prefix = `${domain}/${repository}:`;
  const names = images.flatMap((item) => item.names.filter((name) => name.startsWith(prefix)));
  if (names.length === 0) {
    throw new OcupError('E_IMAGE_NOT_FOUND', `no tag of ${familiarName(image)} is here`);
  }
  return names.map((name) => ({ image: name, destination: familiarName(name), platform }));
}

/** @throws E_USAGE for what is no name in a registry */
function destinationOf(text: string): string {
  const source = parseImageSource(text);
  if (source.kind === 'registry') return familiarName(formatReference(source.reference));
  throw new OcupError('E_USAGE', `cannot push to ${text}: it is no name in a registry`, {
    hint: 'Name the destination, or save to a file: ocup image save.',
  });
}

function tagOf(destination: string): string {
  const { tag, digest } = parseReference(destination);
  return tag ?? digest ?? '';
}
