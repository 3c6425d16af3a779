import { readFileSync } from 'node:fs';
import { isOcupError } from '../base/errors.ts';
import type { LinesOf } from '../compose/problems.ts';
import type { Diagnostic } from '../model/project.ts';
import type { CommandContext } from './context.ts';

/** For messages on a terminal: the lines of files, each file read once. Undefined where lines are not shown. */
export function sourceLines({ stderr }: CommandContext): LinesOf | undefined {
  if (stderr.terminal === undefined) return undefined;
  const known = new Map<string, readonly string[] | undefined>();
  return (file) => {
    if (!known.has(file)) known.set(file, readLines(file));
    return known.get(file);
  };
}

/** A message is worth more than its picture: a file that cannot be read again, as standard input, has none. */
function readLines(file: string): readonly string[] | undefined {
  try {
    return readFileSync(file, 'utf8')
      .replace(/^\uFEFF/, '')
      .split(/\r\n|\r|\n/);
  } catch {
    return undefined;
  }
}

/** The errors about files that `error` stands for; none if it is about something else. */
export function diagnosticsOf(error: unknown): readonly Diagnostic[] {
  if (!isOcupError(error)) return [];
  const { diagnostics } = error.details;
  return Array.isArray(diagnostics)
    ? parseDiagnostics(diagnostics).filter(({ severity }) => severity === 'error')
    : [];
}

/** Only the loader sets them. */
function parseDiagnostics(found: readonly unknown[]): readonly Diagnostic[] {
  return found as readonly Diagnostic[];
}
