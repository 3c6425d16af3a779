import { unreachable } from '../../base/unreachable.ts';
import type { CommandContext } from '../context.ts';
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

/**
 * The view that `--progress` names; `auto` is a picture where standard error is a terminal, lines elsewhere.
 * `COMPOSE_STATUS_STDOUT=1` sends it to standard output.
 */
export function openView(
  operation: string,
  context: CommandContext,
  globals: GlobalOptions & ViewChanges,
): ProgressView {
  const isOnStdout = context.environment['COMPOSE_STATUS_STDOUT'] === '1';
  const { stream, terminal } = isOnStdout ? context.stdout : context.stderr;
  const write = (text: string): void => void writeText(stream, text);
  const mode =
    globals.isQuiet === true
      ? 'quiet'
      : chooseMode(globals, terminal !== undefined && globals.isShared !== true);
  switch (mode) {
    case 'json':
      return jsonView(write);
    case 'quiet':
      return quietView(write);
    case 'plain':
      return plainView(write);
    case 'tty':
      return terminal === undefined
        ? plainView(write)
        : terminalView({
            operation,
            write,
            terminal,
            isColored: isColored({ stream, terminal }, globals, context.environment),
            now: () => context.now(),
          });
    default:
      return unreachable(mode);
  }
}

function chooseMode(globals: GlobalOptions, isTerminal: boolean): Exclude<ProgressMode, 'auto'> {
  if (globals.progress !== 'auto') return globals.progress;
  return isTerminal && globals.ansi !== 'never' ? 'tty' : 'plain';
}
