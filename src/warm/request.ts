import { OcupError } from '../base/errors.ts';
import type { TerminalSize } from '../wire/protocol.ts';

/** What the launcher tells of where a command was started. */
export interface Request {
  /** Of the host's own program, as the launcher sees it on disk. */
  readonly build: string;
  /** The mount namespace and root that paths are meant in. */
  readonly view: string;
  /** `uid:gid,group,…` */
  readonly user: string;
  readonly umask: number;
  readonly workingDir: string;
  /** Of the standard streams that are terminals. */
  readonly stdin: TerminalSize | undefined;
  readonly stdout: TerminalSize | undefined;
  readonly stderr: TerminalSize | undefined;
  readonly argv: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

/** Strings ended by NUL, in the order of `native/launcher/request.cc`. @throws E_WIRE_PROTOCOL */
export function parseRequest(payload: Buffer): Request {
  const strings = payload.toString('utf8').split('\0');
  if (strings.pop() !== '') throw damaged();
  let at = 0;
  const next = (): string => {
    const text = strings[at];
    at += 1;
    if (text === undefined) throw damaged();
    return text;
  };
  const [build, view, user, umask] = [next(), next(), next(), Number(next())];
  const workingDir = next();
  const [stdin, stdout, stderr] = [parseSize(next()), parseSize(next()), parseSize(next())];
  const count = Number(next());
  if (!Number.isInteger(count) || !Number.isInteger(umask)) throw damaged();
  const argv = Array.from({ length: count }, next);
  const environment = Object.fromEntries(strings.slice(at).flatMap(parseVariable));
  return { build, view, user, umask, workingDir, stdin, stdout, stderr, argv, environment };
}

/** `24x80`; empty for what is no terminal. */
function parseSize(text: string): TerminalSize | undefined {
  if (text === '') return undefined;
  const [rows, columns] = text.split('x').map(Number);
  return { rows: orDefault(rows, 24), columns: orDefault(columns, 80) };
}

/** A terminal that nobody told its size has 0 of each. */
function orDefault(value: number | undefined, usual: number): number {
  return value === undefined || Number.isNaN(value) || value === 0 ? usual : value;
}

function parseVariable(entry: string): [string, string][] {
  const equals = entry.indexOf('=', 1);
  return equals < 0 ? [] : [[entry.slice(0, equals), entry.slice(equals + 1)]];
}

function damaged(): OcupError {
  return new OcupError('E_WIRE_PROTOCOL', 'received a damaged request');
}
