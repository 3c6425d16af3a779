import { OcupError } from '../../base/errors.ts';
import type { Container, ContainerState } from '../../model/container.ts';
import { isOneOff, serviceOf } from '../../plan/names.ts';
import { type CommandDefinition, option } from '../command.ts';
import { containerRow } from '../format/container-row.ts';
import { formatRows, type ListFormat } from '../format/template.ts';
import type { RawOptions } from '../raw-options.ts';
import { pickServices, type Target } from '../session.ts';

const STATES: readonly ContainerState[] = [
  'created',
  'running',
  'paused',
  'restarting',
  'removing',
  'exited',
  'dead',
];

/** The columns of docker compose's `ps`. */
const PS_FORMAT: ListFormat = {
  columns: [
    { header: 'NAME', field: 'Name' },
    { header: 'IMAGE', field: 'Image' },
    { header: 'COMMAND', field: 'Command' },
    { header: 'SERVICE', field: 'Service' },
    { header: 'CREATED', field: 'RunningFor' },
    { header: 'STATUS', field: 'Status' },
    { header: 'PORTS', field: 'Ports' },
  ],
  headers: {
    ID: 'CONTAINER ID',
    Names: 'NAMES',
    CreatedAt: 'CREATED AT',
    RunningFor: 'CREATED',
    LocalVolumes: 'LOCAL VOLUMES',
    ExitCode: 'EXIT CODE',
  },
};

export const psCommand: CommandDefinition = {
  name: 'ps',
  usage: '[SERVICE...]',
  summary: 'List containers',
  options: [
    option('-a, --all', 'those that have ended and one-off ones, too'),
    option('-q, --quiet', 'only ids'),
    option('--services', 'only names of services'),
    option('--status <state>...', 'only containers in this state'),
    option('--filter <filter>...', 'status=STATE'),
    option('--format <format>', 'table, json, or a template such as {{.Name}}'),
    option('--no-trunc', 'do not cut commands'),
    option('--orphans', 'containers of services that are gone, too (default)'),
    option('--no-orphans', 'only containers of services of the project'),
  ],
  examples: [
    ['ocup ps -a', 'list containers that have ended, too'],
    ["ocup ps --format '{{.Name}} {{.Status}}'", 'print two fields of each'],
  ],
  async run(session, { args, options }) {
    const states = parseStates(options);
    const target = await session.target();
    const all = pickServices(await session.containers(target.name), args, target);
    const shown = all.filter((item) => isShown(item, target, { options, states }));
    if (options.flag('quiet')) {
      await session.print(shown.map((item) => `${item.id}\n`).join(''));
    } else if (options.flag('services')) {
      await session.print(`${[...new Set(shown.map(serviceOf))].join('\n')}\n`);
    } else {
      const nowMs = session.context.now();
      const isTruncated = !options.flag('no-trunc');
      const rows = shown.map((item) => containerRow(item, { nowMs, isTruncated }));
      await session.print(formatRows(rows, options.text('format'), PS_FORMAT));
    }
    return 0;
  },
};

function parseStates(options: RawOptions): ReadonlySet<string> {
  const filters = options.pairs('filter').map(([key, value = '']) => {
    if (key === 'status') return value;
    throw new OcupError('E_USAGE', `unknown filter ${JSON.stringify(key)}`, {
      hint: 'use status=STATE',
    });
  });
  const states = [...options.list('status'), ...filters];
  const unknown = states.find((state) => !STATES.some((known) => known === state));
  if (unknown === undefined) return new Set(states);
  throw new OcupError('E_USAGE', `unknown state ${JSON.stringify(unknown)}`, {
    hint: `use one of ${STATES.join(', ')}`,
  });
}

function isShown(
  container: Container,
  target: Target,
  { options, states }: { readonly options: RawOptions; readonly states: ReadonlySet<string> },
): boolean {
  if (options.flag('no-orphans') && isOrphan(container, target)) return false;
  if (states.size > 0) return states.has(container.state);
  if (options.flag('all')) return true;
  return container.state === 'running' ||
    container.state === 'paused' ||
    container.state === 'restarting'
    ? !isOneOff(container)
    : false;
}

function isOrphan(container: Container, { project }: Target): boolean {
  if (project === undefined) return false;
  const known = [...project.services.map((service) => service.name), ...project.disabledServices];
  return !known.includes(serviceOf(container));
}
