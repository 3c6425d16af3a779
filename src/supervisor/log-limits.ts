import { findBytes } from '../base/units.ts';
import type { Logging } from '../model/container.ts';

export interface LogLimits {
  readonly maxBytes: number;
  readonly maxFiles: number;
}

/** A log is kept below this unless its options say otherwise: five files of 50 MB. */
const DEFAULT_LIMITS: LogLimits = { maxBytes: 50 * 1024 * 1024, maxFiles: 5 };

/**
 * How much of a container's output is kept; undefined: none. Drivers other than `none` are all kept in the
 * one format there is, with the options of `json-file` and `local`.
 * @see compose-spec 05-services.md#logging
 */
export function logLimits(logging: Logging | undefined): LogLimits | undefined {
  if (logging === undefined) return DEFAULT_LIMITS;
  if (logging.driver === 'none') return undefined;
  const maxBytes = findBytes(logging.options['max-size'] ?? '');
  const maxFiles = Number(logging.options['max-file'] ?? '');
  return {
    maxBytes: maxBytes !== undefined && maxBytes > 0 ? maxBytes : DEFAULT_LIMITS.maxBytes,
    maxFiles: Number.isInteger(maxFiles) && maxFiles > 0 ? maxFiles : DEFAULT_LIMITS.maxFiles,
  };
}
