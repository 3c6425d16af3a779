import { OcupError } from '../../base/errors.ts';
import type { Container } from '../../model/container.ts';
import { LABEL } from '../../model/labels.ts';
import { type CopyProcess, startCopy } from '../../native/copy-process.ts';
import { numberOf, serviceOf } from '../../plan/names.ts';
import { type Call, type CommandDefinition, hiddenOption, option } from '../command.ts';
import { type CopyPlace, parseCopyPlace } from '../copy-place.ts';
import {
  archiveOf,
  buffersOf,
  chunkTaker,
  killOnAbort,
  receiveArchive,
  sendArchive,
} from '../copy-stream.ts';
import { pickServices, type Session } from '../session.ts';

export const cpCommand: CommandDefinition = {
  name: 'cp',
  usage: '<SOURCE> <DESTINATION>',
  summary: 'Copy files between containers and this machine',
  options: [
    option('-a, --archive', 'keep owners and extended attributes'),
    option('-L, --follow-link', 'copy what a link at SOURCE points to'),
    option('--index <number>', 'with this replica of the service'),
    hiddenOption('--all', 'with one-off containers of the service, too'),
  ],
  examples: [
    ['ocup cp web:/var/log/app.log .', 'take a file out of a container'],
    ['ocup cp ./conf/. web:/etc/app', 'put what is in a folder into one of the container'],
    ['ocup cp web:/data - | tar -t', 'write a tar stream to standard output'],
  ],
  run: runCopy,
};

type ServicePlace = Extract<CopyPlace, { readonly kind: 'service' }>;
type OtherPlace = Exclude<CopyPlace, ServicePlace>;

async function runCopy(session: Session, call: Call): Promise<number> {
  const { workingDir } = session.context;
  const [source, destination] = call.args.map((text) => parseCopyPlace(text, workingDir));
  if (source === undefined || destination === undefined) {
    throw new OcupError('E_USAGE', 'cp needs a source and a destination');
  }
  if (source.kind === 'service' && destination.kind === 'service') {
    throw new OcupError('E_USAGE', 'copying between services is not supported', {
      hint: 'copy to this machine first',
    });
  }
  if (source.kind === 'service') {
    if (destination.kind !== 'service') await copyOut(session, call, { source, destination });
  } else if (destination.kind === 'service') {
    await copyIn(session, call, { source, destination });
  } else {
    throw new OcupError('E_USAGE', 'one of both must be in a container: SERVICE:PATH');
  }
  return 0;
}

async function copyOut(
  session: Session,
  call: Call,
  { source, destination }: { readonly source: ServicePlace; readonly destination: OtherPlace },
): Promise<void> {
  const [container] = await findContainers(session, call, source.service);
  if (container === undefined) throw noContainer(source.service);
  await showing(session, container, destination.kind === 'stream', async () => {
    const stream = await openCopy(session, call, container, {
      operation: 'read',
      path: source.path,
    });
    try {
      if (destination.kind === 'stream') {
        await receiveArchive(stream, (chunk) => session.print(chunk));
      } else {
        const writer = startCopy(localRequest(call, 'write', destination.path));
        writer.output.resume();
        await held(writer, session.signal, async () => {
          await receiveArchive(stream, chunkTaker(writer));
          writer.input.end();
          await writer.done;
        });
      }
    } finally {
      stream.close();
    }
  });
}

async function copyIn(
  session: Session,
  call: Call,
  { source, destination }: { readonly source: OtherPlace; readonly destination: ServicePlace },
): Promise<void> {
  const containers = await findContainers(session, call, destination.service);
  if (containers.length === 0) throw noContainer(destination.service);
  const targets = source.kind === 'stream' ? containers.slice(0, 1) : containers;
  for (const container of targets) {
    await showing(session, container, false, async () => {
      const stream = await openCopy(session, call, container, {
        operation: 'write',
        path: destination.path,
        isPlainArchive: source.kind === 'stream',
      });
      try {
        if (source.kind === 'stream') {
          await sendArchive(stream, buffersOf(session.context.stdin.stream));
        } else {
          const reader = startCopy(localRequest(call, 'read', source.path));
          await held(reader, session.signal, () => sendArchive(stream, archiveOf(reader)));
        }
      } finally {
        stream.close();
      }
    });
  }
}

/** Ends the copy process when `work` fails, and when the user gives up. */
async function held(
  process: CopyProcess,
  signal: AbortSignal,
  work: () => Promise<void>,
): Promise<void> {
  const release = killOnAbort(process, signal);
  try {
    await work();
  } finally {
    release();
    process.kill();
  }
}

function localRequest({ options }: Call, operation: 'read' | 'write', path: string) {
  const keepsOwner = options.flag('archive');
  const followsLink = options.flag('follow-link');
  return { operation, root: {}, path, followsLink, keepsOwner, isPlainArchive: false };
}

async function openCopy(
  session: Session,
  { options }: Call,
  container: Container,
  wanted: {
    readonly operation: 'read' | 'write';
    readonly path: string;
    readonly isPlainArchive?: boolean;
  },
) {
  const client = await session.supervisor();
  const params = {
    container: container.id,
    operation: wanted.operation,
    path: wanted.path,
    followsLink: options.flag('follow-link'),
    keepsOwner: options.flag('archive'),
    isPlainArchive: wanted.isPlainArchive === true,
  };
  return client.stream('container.copy', params, { signal: session.signal });
}

/** Shows the progress beside what is written to standard output, if that is asked for. */
async function showing(
  session: Session,
  container: Container,
  isQuiet: boolean,
  work: () => Promise<void>,
): Promise<void> {
  const view = session.openView('copy', isQuiet ? { isQuiet } : {});
  const id = `Container ${container.config.name}`;
  try {
    view.show({ id, status: 'working', text: 'Copying' });
    await work();
    view.show({ id, status: 'done', text: 'Copied' });
  } finally {
    view.end();
  }
}

/** Those of the service by number: the one asked for, or all. */
async function findContainers(
  session: Session,
  { options }: Call,
  service: string,
): Promise<Container[]> {
  const target = await session.target();
  const all = pickServices(await session.containers(target.name), [service], target);
  const index = options.count('index');
  const isWanted = (item: Container): boolean =>
    serviceOf(item) === service &&
    (options.flag('all') || item.config.labels[LABEL.oneOff] !== 'True') &&
    (index === undefined || index === 0 || numberOf(item) === index);
  return all.filter(isWanted).sort((a, b) => numberOf(a) - numberOf(b));
}

function noContainer(service: string): OcupError {
  return new OcupError('E_CONTAINER_STATE', `no container found for service "${service}"`, {
    hint: `make one: ocup create ${service}`,
  });
}
