import type { Timeline } from '../../model/timeline.ts';
import { OcupError } from '../../base/errors.ts';
import { type CommandDefinition, option } from '../command.ts';
import { isColored } from '../style.ts';
import { criticalPath } from '../timeline/critical-path.ts';
import { formatChromeTrace, formatTimeline } from '../timeline/format.ts';
import { readinessSpans } from '../timeline/readiness.ts';

const PLAIN_WIDTH = 100;

export const timelineCommand: CommandDefinition = {
  name: 'timeline',
  usage: '',
  summary: 'Show what the last up spent its time on, and what it waited for',
  options: [option('--format <format>', 'text, json, or chrome for chrome://tracing and Perfetto')],
  examples: [
    ['ocup timeline', 'each step of the last up, and its critical path'],
    ['ocup timeline --format chrome > up.json', 'to look at it in Perfetto'],
  ],
  async run(session, { options }) {
    const { context, globals } = session;
    const format = options.choice('format', ['text', 'json', 'chrome']) ?? 'text';
    const { name } = await session.target();
    const client = await session.existingSupervisor();
    const timeline = await findTimeline(name, async (project) => {
      const found = await client?.call('timeline.find', { project });
      return found?.timeline;
    });
    const seen = readinessSpans(timeline.spans, await session.containers(name));
    const spans = [...timeline.spans, ...seen].sort((a, b) => a.startMs - b.startMs);
    // Of the up itself: what became healthy after it held nobody up.
    const path = criticalPath(timeline.spans);
    if (format === 'json') {
      const steps = path.map(({ span, ownMs }) => ({ id: span.id, ownMs }));
      await session.print(`${JSON.stringify({ project: name, spans, criticalPath: steps })}\n`);
    } else if (format === 'chrome') {
      await session.print(formatChromeTrace(name, spans, path));
    } else {
      const { stdout } = context;
      const layout = {
        width: stdout.terminal?.size().columns ?? PLAIN_WIDTH,
        isColored: isColored(stdout, globals, context.environment),
      };
      await session.print(formatTimeline(spans, path, layout));
    }
    return 0;
  },
};

async function findTimeline(
  project: string,
  find: (project: string) => Promise<Timeline | undefined>,
): Promise<Timeline> {
  const found = await find(project);
  if (found !== undefined) return found;
  throw new OcupError(
    'E_CONTAINER_NOT_FOUND',
    `no up of project ${project} has been written down`,
    {
      hint: 'It is kept while something runs: ocup up -d',
    },
  );
}
