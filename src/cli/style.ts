import type { CommandContext, Endpoint } from './context.ts';
import type { GlobalOptions } from './globals.ts';

/** Whether colours go to `endpoint`: to a terminal, unless the user says otherwise. */
export function isColored(
  endpoint: Endpoint<unknown>,
  globals: Pick<GlobalOptions, 'ansi'>,
  environment: CommandContext['environment'],
): boolean {
  if (globals.ansi === 'always') return true;
  if (globals.ansi === 'never' || (environment['NO_COLOR'] ?? '') !== '') return false;
  return endpoint.terminal !== undefined && environment['TERM'] !== 'dumb';
}

/** `text` between the codes of a colour and of the end of it. */
export function paint(text: string, code: string): string {
  return `\u001b[${code}m${text}\u001b[0m`;
}
