import { type CommandDefinition, option } from '../command.ts';
import { NOTHING_OBSERVED, observe } from '../execute/observe.ts';
import { runPlan } from '../execute/run-plan.ts';
import { planDown } from '../../plan/plan-down.ts';
import { pickServices } from '../session.ts';

export const downCommand: CommandDefinition = {
  name: 'down',
  usage: '[SERVICE...]',
  summary: 'Stop and remove containers and networks',
  options: [
    option('-v, --volumes', 'remove named volumes of the project and anonymous ones, too'),
    option('--remove-orphans', 'remove containers of services that are gone'),
    option('-t, --timeout <seconds>', 'grace for containers that are stopped'),
    option('--rmi <type>', 'remove images: local (those without a name) or all'),
  ],
  examples: [
    ['ocup down', 'remove what up has made, but the volumes'],
    ['ocup down -v', 'and the volumes with their data'],
  ],
  async run(session, { args, options: raw }) {
    const images = raw.choice('rmi', ['local', 'all']) ?? 'none';
    const timeoutMs = raw.durationMs('timeout');
    const target = await session.target();
    const client = await session.existingSupervisor();
    const { signal } = session;
    const observed =
      client === undefined ? NOTHING_OBSERVED : await observe(client, target.name, { signal });
    pickServices(observed.containers, args, target);
    const options = {
      services: args,
      volumes: raw.flag('volumes'),
      removeOrphans: raw.flag('remove-orphans'),
      timeoutMs,
      images,
    } as const;
    await runPlan(session, 'down', planDown(target.name, target.project, { observed, options }));
    return 0;
  },
};
