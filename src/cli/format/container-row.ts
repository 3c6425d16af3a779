import { unreachable } from '../../base/unreachable.ts';
import type { Container, Mount } from '../../model/container.ts';
import { explainExit } from '../../model/exit-cause.ts';
import { LABEL } from '../../model/labels.ts';
import { formatAgo, formatDuration, formatTimestamp } from './duration.ts';
import { formatPorts, publishersOf } from './ports.ts';
import { ellipsis } from './table.ts';
import type { Row } from './template.ts';

/** The code that stands for an exit nobody saw. */
const UNKNOWN_EXIT_CODE = 255;

/** `Up 5 minutes (healthy)`, `Exited (137) 2 minutes ago`, in docker's words. */
export function formatStatus(container: Container, nowMs: number): string {
  const { state, exit } = container;
  switch (state) {
    case 'running':
      return `Up ${upTime(container, nowMs)}${healthText(container)}`;
    case 'paused':
      return `Up ${upTime(container, nowMs)} (Paused)`;
    case 'restarting':
      return `Restarting (${exitText(container)}) ${formatAgo(exit?.at, nowMs)}`.trimEnd();
    case 'exited':
      return (
        `Exited (${exitText(container)}) ${formatAgo(exit?.at, nowMs)}`.trimEnd() + causeText(exit)
      );
    case 'created':
      return 'Created';
    case 'removing':
      return 'Removal In Progress';
    case 'dead':
      return 'Dead';
    default:
      return unreachable(state);
  }
}

/** The row of `ps`: docker compose's keys, in alphabetical order. */
export function containerRow(
  container: Container,
  options: { readonly nowMs: number; readonly isTruncated: boolean },
): Row {
  const { config } = container;
  const publishers = publishersOf(container);
  const command = quotedCommand(container.args);
  return {
    Command: JSON.stringify(options.isTruncated ? ellipsis(command, 20) : command),
    CreatedAt: formatTimestamp(container.createdAt),
    ExitCode: exitCode(container),
    Health: container.health === 'none' ? '' : container.health,
    ID: container.id,
    Image: config.image,
    Labels: formatLabels(config.labels),
    LocalVolumes: String(container.mounts.filter((mount) => mount.kind === 'volume').length),
    Mounts: container.mounts.flatMap(mountName).join(','),
    Name: config.name,
    Names: config.name,
    Networks: networkNames(container).join(','),
    Ports: formatPorts(publishers),
    Project: config.labels[LABEL.project] ?? '',
    Publishers: publishers,
    RunningFor: formatAgo(container.createdAt, options.nowMs),
    Service: config.labels[LABEL.service] ?? '',
    Size: '0B',
    State: container.state,
    Status: formatStatus(container, options.nowMs),
  };
}

/** The cause in short, where the code does not tell it. */
function causeText(exit: Container['exit']): string {
  if (exit === undefined) return '';
  const { isExpected, short } = explainExit(exit);
  return isExpected || exit.code === undefined || short === `code ${exit.code}`
    ? ''
    : ` (${short})`;
}

/** As docker shows it: arguments with a space in quotes. */
function quotedCommand([program = '', ...args]: readonly string[]): string {
  return [program, ...args.map((arg) => (arg.includes(' ') ? `'${arg}'` : arg))].join(' ');
}

function upTime(container: Container, nowMs: number): string {
  return formatDuration(Math.max(0, nowMs - Date.parse(container.startedAt ?? '')) || 0);
}

function healthText({ health }: Container): string {
  if (health === 'none') return '';
  return health === 'starting' ? ' (health: starting)' : ` (${health})`;
}

function exitText({ exit }: Container): string {
  return exit?.code === undefined ? 'unknown' : String(exit.code);
}

function exitCode({ exit, state }: Container): number {
  if (exit === undefined || state === 'running' || state === 'paused') return 0;
  return exit.code ?? UNKNOWN_EXIT_CODE;
}

/** Without ocup's own label, which only its planner reads. */
function formatLabels(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .filter(([name]) => name !== LABEL.fingerprint)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}=${value}`)
    .join(',');
}

function mountName(mount: Mount): string[] {
  if (mount.kind === 'bind') return [mount.source];
  return mount.kind === 'volume' && mount.volume !== undefined ? [mount.volume] : [];
}

function networkNames(container: Container): string[] {
  const mode = container.config.networkMode;
  if (mode.kind === 'networks') return mode.endpoints.map((item) => item.network).sort();
  return mode.kind === 'container' ? [] : [mode.kind];
}
