import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { findErrno, OcupError } from '../../base/errors.ts';
import { ocupVersion } from '../../base/install-root.ts';
import { parseDotenv } from '../../compose/dotenv.ts';
import { parsePortSpec } from '../../compose/port-spec.ts';
import { splitShellWords } from '../../compose/shell-words.ts';
import { isHostPath, parseVolumeSpec } from '../../compose/volume-spec.ts';
import type { ContainerConfig, Environment, Mount, PortBinding } from '../../model/container.ts';
import type { Project, Service } from '../../model/project.ts';
import { toOneOffConfig } from '../../plan/container-config.ts';
import type { RawOptions } from '../raw-options.ts';
import type { Session } from '../session.ts';
import { environmentOf } from './exec.ts';

export interface RunInput {
  readonly project: Project;
  readonly service: Service;
  readonly command: readonly string[];
  readonly options: RawOptions;
  readonly imageId: string | undefined;
  readonly hasTty: boolean;
}

/**
 * What the one-off container of `ocup run` is made from: the service with what the command line changes.
 * @throws E_USAGE for a port, volume or entrypoint that cannot be read
 */
export async function runConfig(session: Session, input: RunInput): Promise<ContainerConfig> {
  const { project, service, command, options } = input;
  const { container } = service;
  const entrypoint = options.text('entrypoint');
  const hasOwnCommand = command.length > 0 || entrypoint !== undefined;
  const environment: Environment = {
    ...container.environment,
    ...(await environmentFiles(session, options)),
    ...environmentOf(session, options),
  };
  const isInteractive = !options.flag('detach');
  return toOneOffConfig(project, service, {
    version: ocupVersion(),
    imageId: input.imageId,
    slug: randomBytes(6).toString('hex'),
    name: options.text('name'),
    isRemovedAtEnd: options.flag('rm'),
    hasAliases: options.flag('use-aliases'),
    changes: {
      environment,
      command: hasOwnCommand ? command : container.command,
      entrypoint: entrypoint === undefined ? container.entrypoint : words(entrypoint),
      user: options.text('user') ?? container.user,
      workingDir: options.text('workdir') ?? container.workingDir,
      hasTty: isInteractive ? input.hasTty : container.hasTty,
      isStdinOpen: isInteractive || container.isStdinOpen,
      ports: [
        ...(options.flag('service-ports') ? container.ports : []),
        ...options.list('publish').flatMap(portBindings),
      ],
      mounts: withMounts(
        container.mounts,
        options.list('volume').map((item) => mount(session, project, item)),
      ),
      labels: { ...container.labels, ...labels(options) },
      capAdd: [...container.capAdd, ...options.list('cap-add')],
      capDrop: [...container.capDrop, ...options.list('cap-drop')],
    },
  });
}

async function environmentFiles(
  session: Session,
  options: RawOptions,
): Promise<Record<string, string>> {
  const { workingDir, environment } = session.context;
  const found: Record<string, string> = {};
  for (const path of options.list('env-from-file')) {
    const parsed = parseDotenv(
      await readEnvFile(resolve(workingDir, path)),
      (name) => environment[name],
    );
    if (parsed.fault !== undefined) {
      const { line, message } = parsed.fault;
      throw new OcupError('E_USAGE', `cannot read ${path}: line ${line}: ${message}`);
    }
    for (const { name, value } of parsed.entries) found[name] = value;
  }
  return found;
}

async function readEnvFile(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new OcupError('E_USAGE', `cannot read ${path}: ${findErrno(cause) ?? 'error'}`, {
      cause,
    });
  }
}

function words(line: string): readonly string[] {
  const split = splitShellWords(line);
  if (split.kind === 'words') return split.words;
  throw new OcupError('E_USAGE', `invalid --entrypoint ${JSON.stringify(line)}`);
}

function portBindings(text: string): PortBinding[] {
  const specs = parsePortSpec(text);
  if (specs.kind !== 'ports') {
    throw new OcupError('E_USAGE', `invalid --publish ${JSON.stringify(text)}: ${specs.reason}`);
  }
  return specs.ports.map((port) => {
    const [first, last] = (port.published ?? '').split('-').map(Number);
    if (port.protocol !== 'tcp' && port.protocol !== 'udp') {
      throw new OcupError('E_USAGE', `cannot publish ${text}: only tcp and udp are supported`);
    }
    return {
      hostIp: port.hostIp,
      hostPort: port.published === undefined ? undefined : first,
      hostPortEnd: last,
      containerPort: port.target,
      protocol: port.protocol,
    };
  });
}

function mount(session: Session, project: Project, text: string): Mount {
  const spec = parseVolumeSpec(text);
  if (spec.kind === 'invalid') throw new OcupError('E_USAGE', `invalid --volume: ${spec.reason}`);
  const { source, target, isReadOnly, noCopy } = spec;
  if (source !== undefined && isHostPath(source)) {
    const path = source.replace(/^~(?=\/|$)/, session.context.environment['HOME'] ?? '/');
    return {
      kind: 'bind',
      source: resolve(session.context.workingDir, path),
      target,
      isReadOnly,
      createHostPath: true,
      propagation: undefined,
      isRecursive: true,
    };
  }
  const volume = project.volumes.find((item) => item.key === source)?.config.name ?? source;
  return { kind: 'volume', volume, target, isReadOnly, noCopy, subpath: undefined };
}

/** What the command line mounts goes over what the service mounts at the same place. */
function withMounts(own: readonly Mount[], added: readonly Mount[]): readonly Mount[] {
  const targets = new Set(added.map((item) => item.target));
  return [...own.filter((item) => !targets.has(item.target)), ...added];
}

function labels(options: RawOptions): Record<string, string> {
  return Object.fromEntries(options.pairs('label').map(([name, value = '']) => [name, value]));
}
