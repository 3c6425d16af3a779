import { type ErrorCode, isOcupError, messageOf } from '../base/errors.ts';

/** The exit code of a command that ended with `error`. */
export function exitCodeOf(error: unknown): number {
  if (!isOcupError(error)) return 1;
  return EXIT_CODES[error.code] ?? 1;
}

/** As a shell has them; everything else is 1. */
const EXIT_CODES: Partial<Record<ErrorCode, number>> = {
  E_CANCELLED: 130,
  E_CONTAINER_EXEC_NOT_FOUND: 127,
  E_CONTAINER_EXEC_DENIED: 126,
};

/**
 * An error as people read it: `Error: message`, then the hint. Lines that already begin with a place in a file
 * stand as they are. Empty for a command that was cancelled.
 */
export function formatError(error: unknown, format: 'text' | 'json' = 'text'): string {
  if (isOcupError(error, 'E_CANCELLED')) return '';
  const message = messageOf(error);
  const hint = isOcupError(error) ? error.hint : undefined;
  if (format === 'json') {
    return `${JSON.stringify({ error: true, message, ...(hint !== undefined && { hint }) })}\n`;
  }
  const first = hasPlace(message) ? message : `Error: ${message}`;
  const lines = hint === undefined ? [first] : [first, `  hint: ${hint}`];
  if (!isOcupError(error) && error instanceof Error && error.stack !== undefined) {
    lines.push(error.stack.split('\n').slice(1).join('\n'));
  }
  return `${lines.join('\n')}\n`;
}

/** `compose.yaml:3:5: services.web: …`. */
function hasPlace(message: string): boolean {
  return /^\S+:\d+:\d+: /.test(message);
}
