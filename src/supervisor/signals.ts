import { constants } from 'node:os';
import { OcupError } from '../base/errors.ts';
import type { SentSignal } from '../model/container.ts';

/** A signal by number and name. */
export interface Signal {
  readonly number: number;
  /** `SIGTERM`; `SIGRTMIN+3` for those that have no name. */
  readonly name: string;
}

/** To whom of a container's processes a signal goes, and what for. */
export interface SendOptions {
  readonly isAll?: boolean;
  readonly by?: SentSignal['by'];
  readonly reason?: string | undefined;
}

const FIRST_REALTIME = 34;
const LAST_REALTIME = 64;

const ALIASES = new Set(['SIGIOT', 'SIGPOLL', 'SIGUNUSED', 'SIGCLD']);
const BY_NAME = new Map<string, number>(Object.entries(constants.signals));
const BY_NUMBER = new Map<number, string>(
  [...BY_NAME].filter(([name]) => !ALIASES.has(name)).map(([name, number]) => [number, name]),
);

export const SIGTERM: Signal = { number: constants.signals.SIGTERM, name: 'SIGTERM' };
export const SIGKILL: Signal = { number: constants.signals.SIGKILL, name: 'SIGKILL' };

/**
 * Reads `SIGTERM`, `term`, `15` or `SIGRTMIN+3`.
 * @throws E_USAGE for anything else
 * @see signal(7)
 */
export function parseSignal(text: string): Signal {
  const number = findNumber(text.trim().toUpperCase());
  if (number === undefined) throw new OcupError('E_USAGE', `invalid signal: ${text}`);
  return { number, name: signalName(number) };
}

/** The name of a signal's number. */
export function signalName(number: number): string {
  return (
    BY_NUMBER.get(number) ??
    (number >= FIRST_REALTIME ? `SIGRTMIN+${number - FIRST_REALTIME}` : `signal ${number}`)
  );
}

function findNumber(text: string): number | undefined {
  if (/^\d+$/.test(text)) {
    const number = Number(text);
    return number >= 1 && number <= LAST_REALTIME ? number : undefined;
  }
  const name = text.startsWith('SIG') ? text : `SIG${text}`;
  const realtime = /^SIGRT(MIN|MAX)(?:([+-])(\d+))?$/.exec(name);
  if (realtime === null) return BY_NAME.get(name);
  const [, end, sign, distance = '0'] = realtime;
  const base = end === 'MIN' ? FIRST_REALTIME : LAST_REALTIME;
  const number = base + (sign === '-' ? -Number(distance) : Number(distance));
  return number >= FIRST_REALTIME && number <= LAST_REALTIME ? number : undefined;
}
