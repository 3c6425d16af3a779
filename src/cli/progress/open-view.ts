import type { Writable } from 'node:stream';
import { unreachable } from '../../base/unreachable.ts';
import type { CommandContext, Endpoint, Terminal } from '../context.ts';
import type { GlobalOptions, ProgressMode } from '../globals.ts';
import { isColored } from '../style.ts';
import { writeText } from '../write-text.ts';
import { jsonView, plainView, quietView } from './plain.ts';
import type { ProgressView } from './progress.ts';
import { terminalView } from './terminal-view.ts';

/** How a view differs from what the user asked for. */
export interface ViewChanges {
  /** Others write to the terminal meanwhile: lines instead of a picture. */
  readonly isShared?: boolean;
  readonly isQuiet?: boolean;
}

/** A terminal that a picture is drawn on. */
export interface Screen {
  readonly stream: Writable;
  readonly terminal: Terminal;
  readonly isColored: boolean;
}

/**
 * The view that `--progress` names; `auto` is a picture where standard error is a terminal, lines elsewhere.
 * `COMPOSE_STATUS_STDOUT=1` sends it to standard output.
 */
export function openView(
  operation: string,
  context: CommandContext,
  globals: GlobalOptions & ViewChanges,
): ProgressView {
  const endpoint = chooseEndpoint(context);
  const write = (text: string): void => void writeText(endpoint.stream, text);
  const mode = chooseMode(globals, endpoint);
  switch (mode) {
    case 'json':
      return jsonView(write);
    case 'quiet':
      return quietView(write);
    case 'plain':
      return plainView(write);
    case 'tty': {
      const screen = findScreen(context, globals);
      if (screen === undefined) return plainView(write);
      const { terminal, isColored } = screen;
      return terminalView({ operation, write, terminal, isColored, now: () => context.now() });
    }
    default:
      return unreachable(mode);
  }
}

/** Where `openView` would draw a picture; undefined where it would write lines. */
export function findScreen(
  context: CommandContext,
  globals: GlobalOptions & ViewChanges,
): Screen | undefined {
  const endpoint = chooseEndpoint(context);
  const { stream, terminal } = endpoint;
  if (terminal === undefined || chooseMode(globals, endpoint) !== 'tty') return undefined;
  return { stream, terminal, isColored: isColored(endpoint, globals, context.environment) };
}

function chooseEndpoint(context: CommandContext): Endpoint<Writable> {
  return context.environment['COMPOSE_STATUS_STDOUT'] === '1' ? context.stdout : context.stderr;
}

function chooseMode(
  globals: GlobalOptions & ViewChanges,
  { terminal }: Endpoint<Writable>,
): Exclude<ProgressMode, 'auto'> {
  if (globals.isQuiet === true) return 'quiet';
  if (globals.progress !== 'auto') return globals.progress;
  const isTerminal = terminal !== undefined && globals.isShared !== true;
  return isTerminal && globals.ansi !== 'never' ? 'tty' : 'plain';
}
