import { types } from 'node:util';

/**
 * Every code an `OcupError` may carry, listed once and never reused.
 * The first word after `E_` is the area; the command line maps areas to exit codes.
 */
export const ERROR_CODES = [
  'E_CANCELLED',
  // what the user typed
  'E_USAGE',
  'E_USAGE_NO_SUCH_SERVICE',
  // compose files
  'E_COMPOSE_NOT_FOUND',
  'E_COMPOSE_READ',
  'E_COMPOSE_SYNTAX',
  'E_COMPOSE_INTERPOLATION',
  'E_COMPOSE_INVALID',
  'E_COMPOSE_UNSUPPORTED',
  // images and registries
  'E_IMAGE_REFERENCE',
  'E_IMAGE_NOT_FOUND',
  'E_IMAGE_DENIED',
  'E_IMAGE_PLATFORM',
  'E_IMAGE_DIGEST',
  'E_IMAGE_FORMAT',
  'E_IMAGE_REGISTRY',
  'E_IMAGE_STORE',
  'E_IMAGE_UNPACK',
  'E_IMAGE_IN_USE',
  'E_IMAGE_LOCK',
  // runtime specs and bundles
  'E_BUNDLE_INVALID',
  'E_BUNDLE_USER',
  'E_BUNDLE_EXISTS',
  // networks and ports
  'E_NETWORK_INVALID',
  'E_NETWORK_EXISTS',
  'E_NETWORK_NOT_FOUND',
  'E_NETWORK_IN_USE',
  'E_NETWORK_ADDRESS',
  'E_NETWORK_PORT_TAKEN',
  'E_NETWORK_KERNEL',
  // volumes
  'E_VOLUME_NOT_FOUND',
  'E_VOLUME_IN_USE',
  'E_VOLUME_INVALID',
  // containers
  'E_CONTAINER_EXISTS',
  'E_CONTAINER_NOT_FOUND',
  'E_CONTAINER_STATE',
  'E_CONTAINER_CREATE',
  'E_CONTAINER_START',
  'E_CONTAINER_MOUNT',
  'E_CONTAINER_EXEC_NOT_FOUND',
  'E_CONTAINER_EXEC_DENIED',
  'E_CONTAINER_RUNTIME',
  'E_CONTAINER_COPY',
  'E_CONTAINER_HOOK',
  'E_CONTAINER_DEPENDENCY',
  'E_CONTAINER_UNHEALTHY',
  // this machine
  'E_HOST_UNSUPPORTED',
  'E_HOST_NATIVE',
  // between the processes
  'E_WIRE_CONNECT',
  'E_WIRE_PROTOCOL',
  'E_WIRE_CLOSED',
  // a record on disk
  'E_RECORD_DAMAGED',
  'E_INTERNAL',
] as const;

export type ErrorCode = (typeof ERROR_CODES)[number];

/** What an error may say beside its message. */
export interface ErrorExtras {
  /** One imperative sentence the user can act on. */
  readonly hint?: string | undefined;
  /** Facts for machines: JSON values only, never a secret. */
  readonly details?: Readonly<Record<string, unknown>> | undefined;
  readonly cause?: unknown;
}

/** An error that a user or a caller can cause. Bugs are plain `Error`s. */
export class OcupError extends Error {
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, message: string, extras: ErrorExtras = {}) {
    super(message, extras.cause === undefined ? undefined : { cause: extras.cause });
    this.name = 'OcupError';
    this.code = code;
    this.hint = extras.hint;
    this.details = extras.details ?? {};
  }
}

/** Whether `error` is an `OcupError`, of that code if one is given. Works across bundles and realms. */
export function isOcupError(error: unknown, code?: ErrorCode): error is OcupError {
  if (!isRecord(error) || error['name'] !== 'OcupError') return false;
  return code === undefined || error['code'] === code;
}

/** The `errno` name (`ENOENT`) of a Node system error, or undefined. */
export function findErrno(error: unknown): string | undefined {
  if (!isRecord(error)) return undefined;
  const code = error['code'];
  return typeof code === 'string' && /^E[A-Z0-9]+$/.test(code) ? code : undefined;
}

/** Anything that was thrown, as an error. */
export function toError(error: unknown): Error {
  return types.isNativeError(error) ? error : new Error(String(error));
}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return types.isNativeError(error) ? error.message : String(error);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
