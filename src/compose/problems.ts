import { isAbsolute, relative } from 'node:path';
import { type ErrorCode, OcupError } from '../base/errors.ts';
import type { Diagnostic, Position } from '../model/project.ts';
import { formatFrame } from './source-frame.ts';
import { type Path, formatPath } from './raw-tree.ts';

/** What a problem says beside its text. */
export interface ProblemExtras {
  readonly hint?: string | undefined;
  /** `E_COMPOSE_INVALID` if it is not given. */
  readonly code?: ErrorCode;
}

/** Kinds of warnings that can be silenced, with what they are about. */
export const TOPICS = {
  'latest-tag': 'images without a tag, or of the tag `latest`',
  'merged-ports': 'a port that a later file publishes a second time',
  'obsolete-version': 'the attribute `version`',
  'shell-operators': 'commands that need a shell, and have none',
  'unset-variable': 'variables without a value',
  unsupported: 'attributes that ocup does not act on',
  'user-ids': '`UID` and `GID`, which shells do not pass on',
} as const;

export type Topic = keyof typeof TOPICS;

/** What a warning says beside its text. */
export interface WarningExtras {
  readonly hint?: string | undefined;
  readonly topic?: Topic | undefined;
  /** Of the error that it would be where something is run. */
  readonly code?: ErrorCode;
}

/** Where a problem is. */
export interface Place {
  readonly position: Position | undefined;
  readonly path: Path;
}

interface Problem {
  readonly diagnostic: Diagnostic;
  readonly code: ErrorCode;
}

/** Collects what is wrong with the files, so that all of it can be told at once. */
export class Problems {
  private readonly found = new Map<string, Problem>();
  private readonly silenced = new Set<string>();
  private errors = 0;

  error(place: Place, message: string, extras: ProblemExtras = {}): void {
    this.add('error', place, message, extras);
  }

  warning(place: Place, message: string, extras: WarningExtras = {}): void {
    this.add('warning', place, message, extras);
  }

  /** Leaves warnings about `topic` out of what is told, those before too. */
  silence(topic: Topic): void {
    this.silenced.add(topic);
  }

  /** Of errors and warnings. */
  get count(): number {
    return this.found.size;
  }

  get errorCount(): number {
    return this.errors;
  }

  /** Whether an error has been told at `path` or below it. */
  hasErrorBelow(path: Path): boolean {
    const start = formatPath(path);
    for (const { diagnostic } of this.found.values()) {
      if (diagnostic.severity !== 'error' || !diagnostic.path.startsWith(start)) continue;
      if (/^(?:$|[.[])/.test(diagnostic.path.slice(start.length))) return true;
    }
    return false;
  }

  /** All, file by file in the order of the lines. */
  list(): readonly Diagnostic[] {
    const all = this.sorted().map((found) => found.diagnostic);
    return all.filter(({ topic }) => topic === undefined || !this.silenced.has(topic));
  }

  /** The warnings that would be errors with `code` where something is run. */
  listRefused(code: ErrorCode): readonly Diagnostic[] {
    return this.sorted()
      .filter((found) => found.diagnostic.severity === 'warning' && found.code === code)
      .map((found) => found.diagnostic);
  }

  /**
   * Throws all errors as one, `details.diagnostics` holding every diagnostic; does nothing if there is none.
   *
   * @param base paths below it are shown relative to it
   * @throws E_COMPOSE_… of the first error
   */
  throwIfAny(base: string): void {
    const errors = this.sorted().filter(({ diagnostic }) => diagnostic.severity === 'error');
    const first = errors[0];
    if (first === undefined) return;
    const lines = errors.map(({ diagnostic }) => formatDiagnostic(diagnostic, base));
    throw new OcupError(first.code, lines.join('\n'), {
      details: { diagnostics: this.list() },
    });
  }

  private sorted(): readonly Problem[] {
    const files = new Map<string | undefined, number>([[undefined, 0]]);
    for (const { diagnostic } of this.found.values()) {
      const file = diagnostic.position?.file;
      if (!files.has(file)) files.set(file, files.size);
    }
    const rank = ({ diagnostic: { position } }: Problem): readonly [number, number, number] => [
      files.get(position?.file) ?? 0,
      position?.line ?? 0,
      position?.column ?? 0,
    ];
    return [...this.found.values()].sort((a, b) => {
      const [before, after] = [rank(a), rank(b)];
      return before[0] - after[0] || before[1] - after[1] || before[2] - after[2];
    });
  }

  private add(
    severity: Diagnostic['severity'],
    place: Place,
    message: string,
    extras: ProblemExtras & WarningExtras,
  ): void {
    const { position } = place;
    const path = formatPath(place.path);
    const where =
      position === undefined ? '' : `${position.file}:${position.line}:${position.column}`;
    const key = `${severity} ${where} ${path} ${message}`;
    if (this.found.has(key)) return;
    if (severity === 'error') this.errors += 1;
    const { hint, topic } = extras;
    const diagnostic = { severity, position, path, message, hint, topic };
    this.found.set(key, { diagnostic, code: extras.code ?? 'E_COMPOSE_INVALID' });
  }
}

/** Lines of a file, to be shown below what is wrong with them; undefined where they cannot be read. */
export type LinesOf = (file: string) => readonly string[] | undefined;

/**
 * `compose.yaml:3:5: services.web.ports[1]: text`, behind it in brackets what silences it, the hint on a line of
 * its own; between them, if `linesOf` is given, the line that is meant.
 */
export function formatDiagnostic(diagnostic: Diagnostic, base: string, linesOf?: LinesOf): string {
  const { position, path, message, hint, topic } = diagnostic;
  const parts: string[] = [];
  if (position !== undefined)
    parts.push(`${displayPath(position.file, base)}:${position.line}:${position.column}`);
  if (path !== '') parts.push(path);
  parts.push(message);
  const first = parts.join(': ') + (topic === undefined ? '' : ` [${topic}]`);
  const lines = position === undefined ? undefined : linesOf?.(position.file);
  const frame = position === undefined ? undefined : formatFrame(lines, position);
  return [first, frame, hint === undefined ? undefined : `  hint: ${hint}`]
    .filter((line) => line !== undefined)
    .join('\n');
}

/** `path` as people see it: relative to `base` if it lies below. */
export function displayPath(path: string, base: string): string {
  if (!isAbsolute(path)) return path;
  const inside = relative(base, path);
  return inside === '' || inside.startsWith('..') ? path : inside;
}
