import type { AttributeUse } from '../../compose/attributes.ts';
import { type CommandDefinition, option } from '../command.ts';
import { formatTable } from '../format/table.ts';

const STATUSES = ['supported', 'degraded', 'ignored', 'refused'] as const;

export const checkCommand: CommandDefinition = {
  name: 'check',
  usage: '[SERVICE...]',
  summary: 'Say what ocup makes of each attribute in the compose file',
  options: [
    option('-q, --quiet', 'only what is not fully supported'),
    option('--format <format>', 'text (default) or json'),
  ],
  examples: [
    ['ocup check', 'each attribute with its place; ends with 2 if one is not fully supported'],
    ['ocup check --quiet', 'what to look at before moving a project here'],
  ],
  async run(session, { args, options }) {
    const { context, globals } = session;
    const format = options.choice('format', ['text', 'json']) ?? 'text';
    const { loadOptions, warningsOf } = await import('../load.ts');
    const { loadSupport } = await import('../../compose/load-project.ts');
    const { displayPath } = await import('../../compose/problems.ts');
    const report = await loadSupport(loadOptions(context, globals, { services: args }));
    for (const warning of warningsOf(report, context)) session.warn(warning);
    const chosen = report.uses.filter(
      ({ path }) => args.length === 0 || args.some((name) => isOfService(path, name)),
    );
    const lacking = chosen.filter(({ status }) => status !== 'supported');
    const shown = options.flag('quiet') ? lacking : chosen;
    const place = ({ position: { file, line, column } }: AttributeUse): string =>
      `${displayPath(file, context.workingDir)}:${line}:${column}`;
    if (format === 'json') {
      const items = shown.map(({ path, status, reason, position }) => ({
        ...{ path, status, reason: reason ?? null },
        ...position,
      }));
      await session.print(`${JSON.stringify(items, undefined, 2)}\n`);
    } else {
      const rows = shown.map((use) => [use.status, place(use), described(use)]);
      await session.print(formatTable(rows) + summary(chosen));
    }
    return lacking.length > 0 ? 2 : 0;
  },
};

function isOfService(path: string, name: string): boolean {
  return path.startsWith(`services.${name}.`);
}

function described({ path, reason }: AttributeUse): string {
  return reason === undefined ? path : `${path}: ${reason}`;
}

/** `12 attributes: 10 supported, 2 ignored`. */
function summary(uses: readonly AttributeUse[]): string {
  const counts = STATUSES.map(
    (status) => [status, uses.filter((use) => use.status === status).length] as const,
  );
  const parts = counts.filter(([, count]) => count > 0).map(([word, count]) => `${count} ${word}`);
  const noun = uses.length === 1 ? 'attribute' : 'attributes';
  return `${uses.length} ${noun}${parts.length === 0 ? '' : `: ${parts.join(', ')}`}\n`;
}
