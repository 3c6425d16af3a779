import { expect, test } from '@jest/globals';
import { LogPrinter } from '../../../src/cli/logs/log-printer.ts';
import { commandContext } from '../../support/command-context.ts';

test('a container that replaces another one keeps its colour, and the next one gets the next', async () => {
  const context = commandContext([]);
  const options = { hasPrefix: true, isColored: true, hasTimestamps: false, hasErrorStream: true };
  const printer = new LogPrinter(context, options);
  for (const [id, name] of [
    ['1', 'web-1'],
    ['2', 'web-1'],
    ['3', 'web-2'],
  ] as const) {
    printer.register({ id, name, labels: {} });
    printer.print({ id, stream: 'stdout', time: '', text: 'x', isComplete: true });
  }
  await printer.flush();
  const line = (color: number, name: string): string => `\u001b[${color}m${name}  | \u001b[0mx\n`;
  expect(context.output()).toBe(line(36, 'web-1') + line(36, 'web-1') + line(33, 'web-2'));
});
