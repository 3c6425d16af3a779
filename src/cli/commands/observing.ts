import { OcupError } from '../../base/errors.ts';
import { isOneOff, numberOf, serviceOf } from '../../plan/names.ts';
import { type CommandDefinition, option } from '../command.ts';
import { formatTable } from '../format/table.ts';
import { readProcesses } from '../process-table.ts';
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
