import { messageOf, OcupError } from '../base/errors.ts';
import { count, objectOf, parseShape } from '../base/shape.ts';
import { FRAME } from '../wire/frames.ts';
import { parseWireError } from '../wire/wire-error.ts';

const exitShape = objectOf<{ readonly exitCode: number }>({ exitCode: count });

/** The exit code in the last frame of a process. @throws the error in it, E_WIRE_PROTOCOL */
export function parseExitFrame(
  type: typeof FRAME.exit | typeof FRAME.error,
  payload: Buffer,
): number {
  let value: unknown;
  try {
    value = JSON.parse(payload.toString('utf8'));
  } catch (cause) {
    throw new OcupError('E_WIRE_PROTOCOL', `received a damaged frame: ${messageOf(cause)}`);
  }
  if (type === FRAME.error) throw parseWireError(value);
  return parseShape(exitShape, value, { code: 'E_WIRE_PROTOCOL', name: 'exit frame' }).exitCode;
}
