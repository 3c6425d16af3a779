import { isAbsolute, relative } from 'node:path';
import { type ErrorCode, OcupError } from '../base/errors.ts';
import type { Diagnostic, Position } from '../model/project.ts';
import { type Path, formatPath } from './raw-tree.ts';

/** What a problem says beside its text. */
export interface ProblemExtras {
  readonly hint?: string | undefined;
  /** `E_COMPOSE_INVALID` if it is not given. */
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
  private errors = 0;

  error(place: Place, message: string, extras: ProblemExtras = {}): void {
    this.add('error', place, message, extras);
  }

  warning(place: Place, message: string, hint?: string): void {
    this.add('warning', place, message, { hint });
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
    return this.sorted().map((found) => found.diagnostic);
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
    extras: ProblemExtras,
  ): void {
    const { position } = place;
    const path = formatPath(place.path);
    const where =
      position === undefined ? '' : `${position.file}:${position.line}:${position.column}`;
    const key = `${severity} ${where} ${path} ${message}`;
    if (this.found.has(key)) return;
    if (severity === 'error') this.errors += 1;
    const diagnostic = { severity, position, path, message, hint: extras.hint };
    this.found.set(key, { diagnostic, code: extras.code ?? 'E_COMPOSE_INVALID' });
  }
}

/** `compose.yaml:3:5: services.web.ports[1]: text`, the hint on a line of its own. */
export function formatDiagnostic(diagnostic: Diagnostic, base: string): string {
  const { position, path, message, hint } = diagnostic;
  const parts: string[] = [];
  if (position !== undefined)
    parts.push(`${displayPath(position.file, base)}:${position.line}:${position.column}`);
  if (path !== '') parts.push(path);
  parts.push(message);
  return parts.join(': ') + (hint === undefined ? '' : `\n  hint: ${hint}`);
}

/** `path` as people see it: relative to `base` if it lies below. */
export function displayPath(path: string, base: string): string {
  if (!isAbsolute(path)) return path;
  const inside = relative(base, path);
  return inside === '' || inside.startsWith('..') ? path : inside;
}
