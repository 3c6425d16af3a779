import { allOrAbort } from '../../base/all-or-abort.ts';
import { isOcupError } from '../../base/errors.ts';
import type { Project, Service } from '../../model/project.ts';
import { isOneOff, serviceOf } from '../../plan/names.ts';
import { getService } from '../../plan/selection.ts';
import { imageFact } from '../../plan/observed.ts';
import { type CommandDefinition, hiddenOption, option } from '../command.ts';
import type { SupervisorClient } from '../connection.ts';
import { conditionWaiter } from '../execute/conditions.ts';
import { executeActions } from '../execute/executor.ts';
import { observe, observeImages } from '../execute/observe.ts';
import { prepareUp, upDefaults } from '../execute/prepare-up.ts';
import { relayProcess } from '../process-stream.ts';
import type { RawOptions } from '../raw-options.ts';
import type { Session } from '../session.ts';
import { parseCreateOptions } from './create-options.ts';
import { wantsTty } from './exec.ts';
import { runConfig } from './run-config.ts';

export const runCommand: CommandDefinition = {
  name: 'run',
  usage: '<SERVICE> [COMMAND...]',
  summary: 'Run a command in a new container of a service',
  passesOptionsThrough: true,
  options: [
    option('--rm', 'remove the container when it ends'),
    option('-d, --detach', 'leave it running, and print its id'),
    option('-e, --env <name=value>...', 'set a variable'),
    option('--env-from-file <path>...', 'set the variables of a file'),
    option('--entrypoint <command>', 'instead of the image’s entrypoint'),
    option('--name <name>', 'name of the container'),
    option('--no-deps', 'do not start what the service depends on'),
    option('-p, --publish <port>...', 'publish a port'),
    option('-P, --service-ports', 'publish the ports of the service'),
    option('-T, --no-tty', 'without a terminal; the default where there is none'),
    option('--use-aliases', 'let others find it by the name of the service'),
    option('-u, --user <user>', 'as this user'),
    option('-v, --volume <volume>...', 'mount a volume or folder'),
    option('-w, --workdir <path>', 'in this folder'),
    option('-l, --label <name=value>...', 'set a label'),
    option('--cap-add <capability>...', 'add a capability'),
    option('--cap-drop <capability>...', 'take a capability away'),
    option('--pull <policy>', 'pull images: always, missing or never'),
    option('--build', 'build the image first (not supported yet)'),
    option('--remove-orphans', 'remove containers of services that are gone'),
    hiddenOption('-i, --interactive', 'with standard input; the default'),
    hiddenOption('-q, --quiet', 'accepted, without effect'),
    hiddenOption('--quiet-pull', 'accepted, without effect'),
    hiddenOption('--quiet-build', 'accepted, without effect'),
  ],
  examples: [
    ['ocup run --rm web sh', 'open a shell in a new container'],
    ['ocup run --rm --no-deps web npm test', 'run a command without its dependencies'],
  ],
  async run(session, { args, options }) {
    const [name = '', ...command] = args;
    session.expectSupervisor();
    const project = await session.loadProject({ services: [name] });
    const service = getService(project, name);
    const client = await session.supervisor();
    await prepare(session, { client, project, service, options });
    const images = await observeImages(client, project, session.signal);
    const fact = imageFact(
      { containers: [], networks: [], volumes: [], images },
      service.container,
    );
    const hasTty = wantsTty(session, options);
    const imageId = fact.status === 'present' ? fact.id : undefined;
    const input = { project, service, command, options, imageId, hasTty };
    const config = await runConfig(session, input);
    const { id } = await client.call('container.create', { config, inheritVolumesOf: undefined });
    if (options.flag('detach')) {
      await startDetached(session, client, { id, isRemoved: options.flag('rm') });
      return 0;
    }
    try {
      return await startAttached(session, client, { id, hasTty });
    } finally {
      // The supervisor removes it when it has ended; it may never have begun.
      if (options.flag('rm')) await removeContainer(client, id);
    }
  },
};

interface Preparation {
  readonly client: SupervisorClient;
  readonly project: Project;
  readonly service: Service;
  readonly options: RawOptions;
}

/** Makes what the service needs: image, networks, volumes, and, unless told not to, what it depends on. */
async function prepare(session: Session, known: Preparation): Promise<void> {
  const { client, project, service, options: raw } = known;
  const withDependencies = !raw.flag('no-deps');
  const view = session.openView('run');
  const { signal } = session;
  try {
    const options = {
      ...upDefaults(session),
      ...parseCreateOptions(raw, session.context.environment, project),
      services: [service.name],
      withDependencies,
      scale: { [service.name]: Math.max(1, service.scale) },
    };
    const plan = await prepareUp(session, { client, view, project, options });
    // The service's own containers stay as they are.
    const actions = plan.actions.filter(
      (action) => !('service' in action) || action.service !== service.name,
    );
    for (const warning of plan.warnings) view.warn(warning);
    await executeActions(actions, { client, view, signal, parallel: session.globals.parallel });
    if (!withDependencies) return;
    const { containers } = await observe(client, project.name, { signal });
    const conditions = service.dependsOn
      .filter((dependency) => dependency.isRequired)
      .flatMap((dependency) =>
        containers
          .filter((item) => serviceOf(item) === dependency.service && !isOneOff(item))
          .map((item) => ({
            kind: dependency.condition,
            service: dependency.service,
            container: item.config.name,
            isRequired: true,
          })),
      );
    await allOrAbort(
      conditions.map((item) => (either) => conditionWaiter(client, view, either)(item)),
      signal,
    );
  } finally {
    view.end();
  }
}

async function startDetached(
  session: Session,
  client: SupervisorClient,
  { id, isRemoved }: { readonly id: string; readonly isRemoved: boolean },
): Promise<void> {
  try {
    await client.call('container.start', { container: id });
  } catch (error) {
    if (isRemoved) await removeContainer(client, id);
    throw error;
  }
  await session.print(`${id}\n`);
}

async function startAttached(
  session: Session,
  client: SupervisorClient,
  { id, hasTty }: { readonly id: string; readonly hasTty: boolean },
): Promise<number> {
  // Attached before it starts: not a byte of what it writes is missed.
  const stream = await client.stream('container.attach', { container: id, hasStdin: true });
  try {
    await client.call('container.start', { container: id });
  } catch (error) {
    stream.close();
    throw error;
  }
  return relayProcess(stream, session.context, { hasStdin: true, hasTty, hasSignals: !hasTty });
}

async function removeContainer(client: SupervisorClient, id: string): Promise<void> {
  try {
    await client.call('container.remove', { container: id, force: true, volumes: true });
  } catch (error) {
    if (!isOcupError(error, 'E_CONTAINER_NOT_FOUND')) throw error;
  }
}
