import type { ServiceVariable } from '../../compose/service-variables.ts';
import { noSuchService } from '../../plan/selection.ts';
import { type CommandDefinition, option } from '../command.ts';
import { OcupError } from '../../base/errors.ts';
import { formatTable } from '../format/table.ts';

export const envCommand: CommandDefinition = {
  name: 'env',
  usage: 'SERVICE',
  summary: 'Show the variables of a service, each with the line that sets it',
  options: [option('--format <format>', 'table (default) or json')],
  examples: [['ocup env web', 'values are shown as containers get them']],
  async run(session, { args, options }) {
    const { context, globals } = session;
    const format = options.choice('format', ['table', 'json']) ?? 'table';
    const [service = '', ...others] = args;
    if (others.length > 0) throw new OcupError('E_USAGE', 'env takes one service');
    const { loadOptions, warningsOf } = await import('../load.ts');
    const { loadModel } = await import('../../compose/load-project.ts');
    const { serviceVariables } = await import('../../compose/service-variables.ts');
    const { displayPath } = await import('../../compose/problems.ts');
    const model = await loadModel(loadOptions(context, globals, { services: [service] }));
    for (const warning of warningsOf(model, context)) session.warn(warning);
    const variables = serviceVariables(model.root, service);
    if (variables === undefined) {
      throw noSuchService(service, Object.keys(model.canonical['services'] ?? {}));
    }
    const place = ({ file, line }: ServiceVariable['position']): string =>
      `${displayPath(file, context.workingDir)}:${line}`;
    if (format === 'json') {
      const items = variables.map(({ name, value, position, valuePosition }) => ({
        ...{ name, value: value ?? null },
        ...{ file: position.file, line: position.line },
        valueFrom: valuePosition === undefined ? null : place(valuePosition),
      }));
      await session.print(`${JSON.stringify(items, undefined, 2)}\n`);
      return 0;
    }
    const rows = variables.map(({ name, value, position, valuePosition }) => [
      name,
      place(position) + (valuePosition === undefined ? '' : ` (value of ${place(valuePosition)})`),
      value === undefined ? '(not set, and left out)' : onOneLine(value),
    ]);
    await session.print(formatTable([['NAME', 'SET BY', 'VALUE'], ...rows]));
    return 0;
  },
};

/** A value may hold anything: what would break the table is shown as an escape. */
function onOneLine(value: string): string {
  return value.replaceAll(/[\0-\x1f\x7f]/g, (char) => JSON.stringify(char).slice(1, -1));
}
