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

/** Collects what is wrong with the files, so that all of it can be told at once. */
export class Problems {
  private readonly found = new Map<string, { diagnostic: Diagnostic; code: ErrorCode }>();
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

  /** All, in the order of the files and lines. */
  list(): readonly Diagnostic[] {
    return [...this.found.values()].map((found) => found.diagnostic).sort(byPosition);
  }

  /**
   * Throws all errors as one, `details.diagnostics` holding every diagnostic; does nothing if there is none.
   *
   * @param base paths below it are shown relative to it
   * @throws E_COMPOSE_… of the first error
   */
  throwIfAny(base: string): void {
    const errors = [...this.found.values()].filter(
      ({ diagnostic }) => diagnostic.severity === 'error',
    );
    errors.sort((a, b) => byPosition(a.diagnostic, b.diagnostic));
    const first = errors[0];
    if (first === undefined) return;
    const lines = errors.map(({ diagnostic }) => formatDiagnostic(diagnostic, base));
    throw new OcupError(first.code, lines.join('\n'), {
      details: { diagnostics: this.list() },
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

function byPosition(a: Diagnostic, b: Diagnostic): number {
  if (a.position === undefined || b.position === undefined)
    return Number(a.position !== undefined) - Number(b.position !== undefined);
  if (a.position.file !== b.position.file) return 0;
  return a.position.line - b.position.line || a.position.column - b.position.column;
}
