import { formatBinaryBytes } from '../base/units.ts';
import type { Exit } from './container.ts';

/** Why a container ended, in words. */
export interface ExitCause {
  /** It did what it was made for, or what it was asked to do. */
  readonly isExpected: boolean;
  /** A few words, such as `out of memory`. */
  readonly short: string;
  /** A sentence without its full stop. */
  readonly sentence: string;
  /** What to do about it. */
  readonly hint: string | undefined;
}

/** Tells from what is known of an exit why it came. @see wait(2), signal(7) */
export function explainExit(exit: Exit): ExitCause {
  if (exit.code === undefined) return unseen(exit);
  if (exit.pid === undefined && exit.reason !== undefined) return notStarted(exit, exit.reason);
  if (exit.isOomKilled) return outOfMemory(exit);
  const asked = askedFor(exit);
  if (asked !== undefined) return asked;
  if (exit.signal !== undefined) return bySignal(exit.signal);
  return byCode(exit.code);
}

function unseen(exit: Exit): ExitCause {
  return {
    isExpected: false,
    short: 'unseen',
    sentence: `nobody saw it end: ${exit.reason ?? 'its shim was gone'}`,
    hint: undefined,
  };
}

/** What the kernel says of an executable it cannot run. @see execve(2) ENOEXEC */
const WRONG_FORMAT = /exec format error/i;
/** Where it was built for another processor, the runtime says which. */
const WRONG_ARCHITECTURE = /exec format error: it is built for/i;
const WITHOUT_INTERPRETER = /its interpreter .* is not there/i;
const PORT_TAKEN = /port is already allocated/i;

function notStarted({ code }: Exit, reason: string): ExitCause {
  const cause = { isExpected: false, sentence: reason };
  if (WRONG_ARCHITECTURE.test(reason)) {
    return { ...cause, short: 'wrong architecture', hint: 'look at platform:, and at the image' };
  }
  if (WRONG_FORMAT.test(reason)) {
    const hint =
      'it is no program for this processor: look at platform:; a script begins with #!/bin/sh or the like';
    return { ...cause, short: 'exec format error', hint };
  }
  if (WITHOUT_INTERPRETER.test(reason)) {
    const hint = reason.includes('\\r"')
      ? 'its lines end as on Windows: save it with line feeds alone'
      : 'take an image that has it, or a program that needs none';
    return { ...cause, short: 'interpreter not found', hint };
  }
  if (PORT_TAKEN.test(reason)) {
    return { ...cause, short: 'port taken', hint: 'stop what holds it, or publish another port' };
  }
  if (code === 127) {
    return {
      ...cause,
      short: 'command not found',
      hint: 'look at command: and entrypoint:, and at PATH in the image',
    };
  }
  if (code === 126) {
    const hint = 'make the file executable, or name its interpreter in command:';
    return { ...cause, short: 'command not executable', hint };
  }
  return { ...cause, short: 'could not start', hint: undefined };
}

function outOfMemory({ code, signal, memoryLimitBytes, memoryPeakBytes }: Exit): ExitCause {
  const limit =
    memoryLimitBytes === undefined ? '' : `limit ${formatBinaryBytes(memoryLimitBytes)}`;
  const peak = memoryPeakBytes === undefined ? '' : `peak ${formatBinaryBytes(memoryPeakBytes)}`;
  const figures = [limit, peak].filter((text) => text !== '').join(', ');
  const behind = figures === '' ? '' : `: ${figures}`;
  const isFirst = signal === 'SIGKILL' || code === 137;
  return {
    isExpected: false,
    short: 'out of memory',
    sentence: isFirst
      ? `the kernel ended it, since it had no memory left${behind}`
      : `the kernel ended one of its processes for want of memory${behind}; then it ended with ${code}`,
    hint: 'raise mem_limit or deploy.resources.limits.memory, or have it take less',
  };
}

/** Undefined when it did not end by what ocup sent. */
function askedFor(exit: Exit): ExitCause | undefined {
  const { code, sent, signal, reason } = exit;
  if (sent === undefined) return undefined;
  if (signal !== undefined && signal !== sent.signal && signal !== 'SIGKILL') return undefined;
  const cause = { isExpected: true, hint: undefined };
  const why = sent.reason ?? reason;
  switch (sent.by) {
    case 'kill':
      return { ...cause, short: 'killed by hand', sentence: `it was sent ${sent.signal} by hand` };
    case 'stop':
      return {
        ...cause,
        short: 'stopped',
        sentence: `it was stopped with ${sent.signal}${why === undefined ? '' : `: ${why}`}`,
      };
    case 'force':
      if (signal !== 'SIGKILL' && code !== 137) {
        const sentence = `it ended as it was about to be ended by force: ${why ?? 'it was to end'}`;
        return { ...cause, short: 'stopped', sentence };
      }
      return {
        ...cause,
        short: 'killed after its grace',
        sentence: `ocup ended it by force: ${why ?? 'it was to end'}`,
        hint: 'have it end on its stop signal, or raise stop_grace_period',
      };
  }
}

interface SignalWords {
  readonly short: string;
  readonly sentence: string;
  readonly hint?: string;
}

const SIGNALS: Readonly<Record<string, SignalWords>> = {
  SIGSEGV: {
    short: 'segmentation fault',
    sentence: 'it used memory that is not its own (SIGSEGV)',
  },
  SIGBUS: {
    short: 'bus error',
    sentence: 'it used memory that has nothing behind it (SIGBUS)',
    hint: 'a full /dev/shm does this: raise shm_size',
  },
  SIGILL: {
    short: 'illegal instruction',
    sentence: 'it came upon an instruction that this processor does not have (SIGILL)',
    hint: 'the program is built for a newer processor: look at platform:',
  },
  SIGFPE: { short: 'arithmetic error', sentence: 'it divided by zero or the like (SIGFPE)' },
  SIGABRT: { short: 'aborted', sentence: 'it gave up by itself (SIGABRT)' },
  SIGTRAP: { short: 'trap', sentence: 'it came upon a breakpoint (SIGTRAP)' },
  SIGSYS: {
    short: 'refused system call',
    sentence: 'its seccomp profile ended it for a system call (SIGSYS)',
    hint: 'see security_opt: seccomp=…',
  },
  SIGXCPU: { short: 'processor time', sentence: 'it used up its processor time (SIGXCPU)' },
  SIGXFSZ: { short: 'file size', sentence: 'it wrote a larger file than it may (SIGXFSZ)' },
  SIGPIPE: { short: 'broken pipe', sentence: 'nobody read what it wrote (SIGPIPE)' },
};

function bySignal(signal: string): ExitCause {
  const { short, sentence, hint } = SIGNALS[signal] ?? {
    short: `${signal} from elsewhere`,
    sentence: `somebody else than ocup sent it ${signal}`,
  };
  return { isExpected: false, short, sentence, hint };
}

const CODES: Readonly<Record<number, string>> = {
  1: 'it failed (1: any error)',
  2: 'it failed (2: often a wrong command line)',
  126: 'its shell could not run the command: not executable (126)',
  127: 'its shell, or its init, found no such command (127)',
  255: 'it failed (255: out of range, or any error)',
};
const SHELL_CODES: Readonly<Record<number, string>> = {
  126: 'command not executable',
  127: 'command not found',
};
const FIRST_SIGNAL_CODE = 128;
const LAST_SIGNAL_CODE = FIRST_SIGNAL_CODE + 64;

/** Of codes that a shell gives for a command that a signal ended. @see signal(7) */
const SIGNAL_CODES: Readonly<Record<number, string>> = {
  129: 'SIGHUP',
  130: 'SIGINT',
  131: 'SIGQUIT',
  132: 'SIGILL',
  134: 'SIGABRT',
  135: 'SIGBUS',
  136: 'SIGFPE',
  137: 'SIGKILL',
  139: 'SIGSEGV',
  141: 'SIGPIPE',
  143: 'SIGTERM',
};

function byCode(code: number): ExitCause {
  if (code === 0) {
    return { isExpected: true, short: 'done', sentence: 'it ended by itself', hint: undefined };
  }
  const cause = { isExpected: false, hint: undefined };
  if (code > FIRST_SIGNAL_CODE && code <= LAST_SIGNAL_CODE) {
    const signal = SIGNAL_CODES[code] ?? `signal ${code - FIRST_SIGNAL_CODE}`;
    const sentence = `it ended with ${code}, which says that ${signal} ended a process of it`;
    return { ...cause, short: `code ${code}`, sentence };
  }
  return {
    ...cause,
    short: SHELL_CODES[code] ?? `code ${code}`,
    sentence: CODES[code] ?? `it failed with code ${code}`,
  };
}
