import { appendFileSync, mkdirSync, renameSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Logger } from '../base/logger.ts';
import { timestamp } from './clock.ts';

const MAX_BYTES = 1024 * 1024;

/**
 * Appends lines to a file, which becomes `PATH.1` when it has grown to 1 MiB. What cannot be written is lost:
 * a full disk must not end the supervisor.
 */
export function openFileLogger(path: string): Logger {
  const write = (level: string, message: string): void => {
    try {
      mkdirSync(dirname(path), { recursive: true, mode: 0o711 });
      const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
      if (size > MAX_BYTES) renameSync(path, `${path}.1`);
      const line = message.replaceAll('\n', '\\n');
      appendFileSync(path, `${timestamp()} ${level} ${line}\n`, { mode: 0o600 });
    } catch {
      // There is nowhere else to say it.
    }
  };
  return {
    info: (message) => write('info', message),
    warn: (message) => write('warn', message),
    error: (message) => write('error', message),
  };
}
