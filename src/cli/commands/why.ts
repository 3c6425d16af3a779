import { findKernelWords } from '../../host/kernel-log.ts';
import type { Container } from '../../model/container.ts';
import type { Project } from '../../model/project.ts';
import { serviceOf } from '../../plan/names.ts';
import { type CommandDefinition, option } from '../command.ts';
import { explainContainer, type Explanation } from '../explain/explain-container.ts';
import { findObstacles, type Obstacle } from '../explain/explain-service.ts';
import { pickServices, type Session } from '../session.ts';

/** What is printed for a container. */
interface Answer extends Explanation {
  readonly service: string;
  /** What keeps it from being started. */
  readonly obstacles: readonly Obstacle[];
  /** What the kernel's log says of its process. */
  readonly kernel: readonly string[];
  readonly lastLines: readonly string[];
}

/** What is printed for a service that has no container. */
interface Absence {
  readonly service: string;
  readonly headline: string;
  readonly obstacles: readonly Obstacle[];
  readonly hint: string;
}

const LAST_LINES = 10;
/** More are read, since only those of standard error are shown where there are any. */
const READ_LINES = 200;

export const whyCommand: CommandDefinition = {
  name: 'why',
  usage: '[SERVICE...]',
  summary: 'Say why services are as they are: what ended them, what they wait for',
  options: [option('--format <format>', 'text or json')],
  examples: [['ocup why web', 'why web ended, or does not start']],
  async run(session, { args, options }) {
    const format = options.choice('format', ['text', 'json']) ?? 'text';
    const target = await session.target();
    const all = await session.containers(target.name);
    const picked = pickServices(all, args, target);
    const wanted =
      args.length > 0 ? args : (target.project?.services.map(({ name }) => name) ?? []);
    const known = { project: target.project, containers: all, nowMs: session.context.now() };
    const answers: Answer[] = [];
    for (const container of picked) answers.push(await answerFor(container, known, session));
    const absences = findAbsences(wanted, known);
    if (format === 'json') {
      const records = [...answers, ...absences].map((item) => `${JSON.stringify(item)}\n`);
      await session.print(records.join(''));
    } else {
      const blocks = [...answers.map(formatAnswer), ...absences.map(formatAbsence)];
      await session.print(blocks.join('\n'));
    }
    return 0;
  },
};

/** What answers are made from. */
interface Known {
  readonly project: Project | undefined;
  readonly containers: readonly Container[];
  readonly nowMs: number;
}

async function answerFor(container: Container, known: Known, session: Session): Promise<Answer> {
  const explanation = explainContainer(container, known.nowMs);
  const isWaiting = container.state === 'created' && container.exit === undefined;
  const pid = container.exit?.pid;
  const isStrange = !explanation.isFine && container.exit?.signal !== undefined;
  return {
    service: serviceOf(container),
    ...explanation,
    obstacles: isWaiting ? obstaclesOf(serviceOf(container), known) : [],
    kernel: isStrange && pid !== undefined ? findKernelWords(pid) : [],
    lastLines: explanation.isFine ? [] : await readLastLines(container, session),
  };
}

/** The last lines on standard error, or of both streams where there are none. */
async function readLastLines(container: Container, session: Session): Promise<readonly string[]> {
  const client = await session.supervisor();
  const lines: { readonly isError: boolean; readonly text: string }[] = [];
  const params = {
    containers: [container.id],
    follow: false,
    tail: READ_LINES,
    since: undefined,
    until: undefined,
  };
  await client.call('container.logs', params, {
    signal: session.signal,
    onEvent: ({ stream, text }) => lines.push({ isError: stream === 'stderr', text }),
  });
  const errors = lines.filter(({ isError }) => isError);
  return (errors.length > 0 ? errors : lines).slice(-LAST_LINES).map(({ text }) => text);
}

function obstaclesOf(name: string, { project, ...known }: Known): readonly Obstacle[] {
  const service = project?.services.find((item) => item.name === name);
  if (project === undefined || service === undefined) return [];
  return findObstacles(service, { project, ...known });
}

function findAbsences(services: readonly string[], known: Known): readonly Absence[] {
  const { project } = known;
  if (project === undefined) return [];
  return services.flatMap((name): Absence[] => {
    if (known.containers.some((container) => serviceOf(container) === name)) return [];
    const service = project.services.find((item) => item.name === name);
    if (service === undefined) {
      if (!project.disabledServices.includes(name)) return [];
      const hint = 'enable one of its profiles: --profile';
      return [
        {
          service: name,
          headline: `${name} is in no profile that is enabled`,
          obstacles: [],
          hint,
        },
      ];
    }
    const obstacles = obstaclesOf(name, known);
    const last = obstacles.at(-1);
    return [
      {
        service: name,
        headline: `${name} has no container`,
        obstacles,
        hint:
          last === undefined ? `make it: ocup up -d ${name}` : `ask on: ocup why ${last.service}`,
      },
    ];
  });
}

function formatAnswer(answer: Answer): string {
  const lines = [answer.headline, ...answer.details.map((text) => `  ${text}`)];
  lines.push(...answer.obstacles.map(formatObstacle));
  for (const text of answer.kernel) lines.push(`  the kernel says: ${text}`);
  if (answer.lastLines.length > 0) {
    lines.push('  the last it wrote:', ...answer.lastLines.map((text) => `    ${text}`));
  }
  if (answer.hint !== undefined) lines.push(`  hint: ${answer.hint}`);
  return `${lines.join('\n')}\n`;
}

function formatAbsence({ headline, obstacles, hint }: Absence): string {
  return `${[headline, ...obstacles.map(formatObstacle), `  hint: ${hint}`].join('\n')}\n`;
}

function formatObstacle({ service, condition, problem }: Obstacle): string {
  return `  it waits for ${service} (${condition}): ${problem}`;
}
