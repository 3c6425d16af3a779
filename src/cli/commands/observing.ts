import { OcupError } from '../../base/errors.ts';
import type { ContainerEvent, Event } from '../../model/event.ts';
import { LABEL } from '../../model/labels.ts';
import { isOneOff, numberOf, serviceOf } from '../../plan/names.ts';
import { type CommandDefinition, option } from '../command.ts';
import { formatTable } from '../format/table.ts';
import { parseTimeBound } from '../logs/time-bound.ts';
import { readProcesses } from '../process-table.ts';
import { relayProcess } from '../process-stream.ts';
import { getRunning, pickServices } from '../session.ts';
import { planDown } from '../../plan/plan-down.ts';
import { observe } from '../execute/observe.ts';
import { runPlan } from '../execute/run-plan.ts';

export const waitCommand: CommandDefinition = {
  name: 'wait',
  usage: '<SERVICE...>',
  summary: 'Wait until the first container of the services ends',
  options: [option('--down-project', 'then remove the project')],
  async run(session, { args, options }) {
    const { signal } = session;
    const target = await session.target();
    const picked = pickServices(await session.containers(target.name), args, target);
    const first = picked[0];
    if (first === undefined) {
      throw new OcupError('E_CONTAINER_STATE', 'no containers for this project to wait for');
    }
    const client = await session.supervisor();
    const leave = new AbortController();
    const either = AbortSignal.any([signal, leave.signal]);
    const waits = picked.map(({ id }) =>
      client.call('container.wait', { container: id, condition: 'exited' }, { signal: either }),
    );
    const { container } = await Promise.race(waits);
    leave.abort();
    await Promise.allSettled(waits);
    const code = container.exit?.code ?? 255;
    await session.print(`container "${container.id}" exited with status code ${code}\n`);
    if (options.flag('down-project')) {
      const observed = await observe(client, target.name, { signal });
      const down = { services: [], volumes: false, removeOrphans: false, timeoutMs: undefined };
      const known = { observed, options: { ...down, images: 'none' as const } };
      await runPlan(session, 'down', planDown(target.name, target.project, known));
    }
    return code;
  },
};

export const portCommand: CommandDefinition = {
  name: 'port',
  usage: '<SERVICE> <PORT>',
  summary: 'Print where a port of a container is published',
  options: [
    option('--protocol <protocol>', 'tcp (default) or udp'),
    option('--index <number>', 'of this replica of the service'),
  ],
  examples: [['ocup port web 80', 'prints an address such as 0.0.0.0:8080']],
  async run(session, { args, options }) {
    const [service = '', port = ''] = args;
    const [number = '', written] = port.split('/');
    const protocol = written ?? options.choice('protocol', ['tcp', 'udp']) ?? 'tcp';
    const target = await session.target();
    const all = pickServices(await session.containers(target.name), [service], target);
    const container = getRunning(all, service, options.count('index'));
    const found = container.ports.filter(
      (item) => String(item.containerPort) === number && item.protocol === protocol,
    );
    const first = found.find((item) => !item.hostIp.includes(':')) ?? found[0];
    if (first === undefined) {
      throw new OcupError(
        'E_USAGE',
        `no port ${number}/${protocol} for container ${container.config.name}`,
      );
    }
    const host = first.hostIp.includes(':') ? `[${first.hostIp}]` : first.hostIp;
    await session.print(`${host}:${first.hostPort}\n`);
    return 0;
  },
};

export const topCommand: CommandDefinition = {
  name: 'top',
  usage: '[SERVICE...]',
  summary: 'List the processes of containers',
  options: [],
  async run(session, { args }) {
    const target = await session.target();
    const all = pickServices(await session.containers(target.name), args, target);
    const rows = all
      .filter((item) => item.state === 'running' || item.state === 'paused')
      .flatMap((item) =>
        readProcesses(item, session.context.now()).map((process) => [
          serviceOf(item),
          isOneOff(item) ? item.config.name : String(numberOf(item)),
          ...process,
        ]),
      );
    if (rows.length === 0) return 0;
    const header = ['SERVICE', '#', 'UID', 'PID', 'PPID', 'C', 'STIME', 'TTY', 'TIME', 'CMD'];
    await session.print(formatTable([header, ...rows], { minWidth: 4, padding: 2 }));
    return 0;
  },
};

export const eventsCommand: CommandDefinition = {
  name: 'events',
  usage: '[SERVICE...]',
  summary: 'Print what happens to containers, as it happens',
  options: [
    option('--json', 'an object of JSON for each event'),
    option('--until <time>', 'end at this time'),
  ],
  async run(session, { args, options }) {
    const { context, signal } = session;
    const until = parseTimeBound(options.text('until'), context.now());
    const target = await session.target();
    const client = await session.supervisor();
    const limitMs = until === undefined ? undefined : Date.parse(until) - context.now();
    const limit = limitMs === undefined ? [] : [AbortSignal.timeout(Math.max(0, limitMs))];
    const labels = { [LABEL.project]: target.name };
    const format = options.flag('json') ? jsonEvent : textEvent;
    const whole = AbortSignal.any([signal, ...limit]);
    const onEvent = (item: { kind: 'begun' } | { kind: 'fact'; fact: Event }): void => {
      if (item.kind !== 'fact' || item.fact.kind !== 'container') return;
      if (args.length > 0 && !args.includes(item.fact.labels[LABEL.service] ?? '')) return;
      void session.print(`${format(item.fact)}\n`);
    };
    try {
      await client.call('events.follow', { labels }, { signal: whole, onEvent });
    } catch (error) {
      if (!whole.aborted) throw error;
    }
    return signal.aborted ? 130 : 0;
  },
};

type ContainerFact = ContainerEvent & { readonly time: string };

function attributesOf(fact: ContainerFact): Record<string, string> {
  const base = { name: fact.name };
  if (fact.action === 'die') return { ...base, exitCode: String(fact.exit.code ?? 'unknown') };
  if (fact.action === 'kill' || fact.action === 'stop') return { ...base, signal: fact.signal };
  return base;
}

function actionOf(fact: ContainerFact): string {
  if (fact.action === 'health') return `health_status: ${fact.health}`;
  return fact.action === 'exec' ? `exec_start: ${fact.command.join(' ')}` : fact.action;
}

function jsonEvent(fact: ContainerFact): string {
  return JSON.stringify({
    action: actionOf(fact),
    attributes: attributesOf(fact),
    id: fact.id,
    service: fact.labels[LABEL.service] ?? '',
    time: fact.time,
    type: 'container',
  });
}

function textEvent(fact: ContainerFact): string {
  const attributes = Object.entries(attributesOf(fact)).map(([name, value]) => `${name}=${value}`);
  return `${fact.time} container ${actionOf(fact)} ${fact.id} (${attributes.join(', ')})`;
}

export const attachCommand: CommandDefinition = {
  name: 'attach',
  usage: '<SERVICE>',
  summary: 'Connect the terminal with the main process of a container',
  options: [
    option('--index <number>', 'of this replica of the service'),
    option('--no-stdin', 'only output'),
    option('--sig-proxy', 'hand signals on (default)'),
    option('--no-sig-proxy', 'keep signals here'),
  ],
  async run(session, { args, options }) {
    const [service = ''] = args;
    const target = await session.target();
    const all = pickServices(await session.containers(target.name), [service], target);
    const container = getRunning(all, service, options.count('index'));
    const { hasTty, isStdinOpen } = container.config;
    const hasStdin = isStdinOpen && !options.flag('no-stdin');
    const client = await session.supervisor();
    const stream = await client.stream('container.attach', { container: container.id, hasStdin });
    const hasSignals = !options.flag('no-sig-proxy') && !hasTty;
    return relayProcess(stream, session.context, { hasStdin, hasTty, hasSignals });
  },
};
