import { ERROR_CODES, type ErrorCode, isOcupError, messageOf, OcupError } from '../base/errors.ts';
import type { WireError } from './protocol.ts';

const CODES = new Map<string, ErrorCode>(ERROR_CODES.map((code) => [code, code]));

/** `error` for the other side. What is not an `OcupError` crosses as `E_INTERNAL`. */
export function encodeError(error: unknown): WireError {
  if (!isOcupError(error)) return { code: 'E_INTERNAL', message: messageOf(error) };
  const { code, message, hint, details } = error;
  return { code, message, hint, details };
}

/** The error that the other side threw. */
export function parseWireError(value: unknown): OcupError {
  const fields = typeof value === 'object' && value !== null ? (value as Partial<WireError>) : {};
  const code = CODES.get(String(fields.code)) ?? 'E_INTERNAL';
  const { hint, details } = fields;
  return new OcupError(code, fields.message ?? 'unknown error', { hint, details });
}
