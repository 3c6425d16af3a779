import { constants } from 'node:os';
import { OcupError } from '../base/errors.ts';
import type { FrameStream } from '../wire/client.ts';
import { FRAME } from '../wire/frames.ts';
import { parseWireError } from '../wire/wire-error.ts';
import { DetachFilter } from './detach-keys.ts';
import type { CommandContext, SignalName, Unsubscribe } from './context.ts';
import { writeText } from './write-text.ts';

export interface RelayOptions {
  /** Whether standard input goes to the process. */
  readonly hasStdin: boolean;
  /** Whether the process has a terminal: ours becomes raw, and its size is told. */
  readonly hasTty: boolean;
  /** Whether signals that come to us go to the process. */
  readonly hasSignals: boolean;
  /** Keys that leave the process running and end this with 0. */
  readonly detachKeys?: readonly number[];
}

/**
 * Connects the standard streams with a process in a container until it ends, and gives its exit code. The
 * terminal is as before afterwards, whatever happens.
 *
 * @throws E_CONTAINER_EXEC_NOT_FOUND, E_CONTAINER_EXEC_DENIED, E_WIRE_CLOSED when the supervisor broke off
 */
export async function relayProcess(
  stream: FrameStream,
  context: CommandContext,
  options: RelayOptions,
): Promise<number> {
  const undo: (() => void | Promise<void>)[] = [];
  const detaching = { isDetached: false };
  const detach = (): void => {
    detaching.isDetached = true;
    stream.close();
  };
  const filter = new DetachFilter(options.detachKeys ?? []);
  try {
    if (options.hasTty) undo.push(holdTerminal(stream, context, options.hasStdin));
    if (options.hasStdin) undo.push(sendInput(stream, context, { filter, detach }));
    if (options.hasSignals) undo.push(sendSignals(stream, context));
    return await receive(stream, context);
  } catch (error) {
    if (detaching.isDetached) return 0;
    throw error;
  } finally {
    for (const end of undo.reverse()) await end();
    stream.close();
  }
}

async function receive(stream: FrameStream, context: CommandContext): Promise<number> {
  for await (const frame of stream.frames) {
    if (frame.type === FRAME.stdout) await writeText(context.stdout.stream, frame.payload);
    else if (frame.type === FRAME.stderr) await writeText(context.stderr.stream, frame.payload);
    else if (frame.type === FRAME.exit) return parseExit(frame.payload);
    else if (frame.type === FRAME.error) {
      throw parseWireError(JSON.parse(frame.payload.toString('utf8')));
    }
  }
  throw new OcupError('E_WIRE_CLOSED', 'the supervisor hung up before the process ended');
}

function parseExit(payload: Buffer): number {
  const { exitCode } = JSON.parse(payload.toString('utf8')) as { exitCode?: unknown };
  return typeof exitCode === 'number' ? exitCode : 255;
}

function holdTerminal(
  stream: FrameStream,
  context: CommandContext,
  hasStdin: boolean,
): () => Promise<void> {
  const input = hasStdin ? context.stdin.terminal : undefined;
  const output = context.stdout.terminal ?? input;
  const sendSize = (): void => {
    if (output !== undefined) quietly(stream.send(FRAME.resize, JSON.stringify(output.size())));
  };
  sendSize();
  const unsubscribe = output?.onResize(sendSize);
  void input?.setMode('raw');
  return async () => {
    unsubscribe?.();
    // What is written from now on is for the mode that was.
    await input?.setMode('lines');
  };
}

function sendInput(
  stream: FrameStream,
  context: CommandContext,
  { filter, detach }: { readonly filter: DetachFilter; readonly detach: () => void },
): Unsubscribe {
  const input = context.stdin.stream;
  const onData = (typed: Buffer): void => {
    const { passed: chunk, isDetached } = filter.push(typed);
    if (isDetached) {
      detach();
      return;
    }
    // The next chunk is read when this one has gone: a slow process holds up whoever writes to us.
    input.pause();
    stream.send(FRAME.stdin, chunk).then(
      () => input.resume(),
      () => undefined, // it ended; its exit frame says how
    );
  };
  const onEnd = (): void => quietly(stream.send(FRAME.stdinEnd));
  input.on('data', onData);
  input.once('end', onEnd);
  input.once('error', onEnd);
  return () => {
    input.off('data', onData);
    input.off('end', onEnd);
    input.off('error', onEnd);
    input.pause();
  };
}

/** The third Ctrl-C is for us: the process does not listen. */
const INTERRUPTS_UNTIL_LEAVING = 3;

function sendSignals(stream: FrameStream, context: CommandContext): Unsubscribe {
  let interrupts = 0;
  return context.onSignal((name: SignalName) => {
    if (name === 'SIGINT' || name === 'SIGTERM') interrupts += 1;
    if (interrupts >= INTERRUPTS_UNTIL_LEAVING) stream.close();
    else quietly(stream.send(FRAME.signal, JSON.stringify({ signal: constants.signals[name] })));
  });
}

/** A process that has ended hears nothing; how it ended comes by its exit frame. */
function quietly(sent: Promise<void>): void {
  sent.catch(() => undefined);
}
