import { get } from 'node:http';
import { Socket } from 'node:net';
import { delay, withDeadline } from '../base/abort.ts';
import { messageOf } from '../base/errors.ts';
import { unreachable } from '../base/unreachable.ts';
import type { EndpointState } from '../model/container.ts';
import type { ProbeResult, ReadyProbe } from '../model/healthcheck.ts';
import { connectInNamespace } from '../native/sockets.ts';
import { findInLayers } from '../native/trees.ts';
import { timestamp } from './clock.ts';
import { followLogs } from './log-stream.ts';

/** The process whose service is looked at. */
export interface ReadyTarget {
  readonly pid: number;
  /** Its addresses on networks, asked where nobody listens on loopback. */
  readonly addresses: readonly string[];
}

/** Of a container's process and where it is on networks. */
export function readyTarget(pid: number, endpoints: readonly EndpointState[]): ReadyTarget {
  const addresses = endpoints.flatMap(({ ipv4Address, ipv6Address }) =>
    [ipv4Address, ipv6Address].filter((address) => address !== undefined),
  );
  return { pid, addresses };
}

const LOOPBACK = ['127.0.0.1', '::1'];
const FIRST_GOOD_STATUS = 200;
const LAST_GOOD_STATUS = 399;

/**
 * Looks once whether a service is ready. Whatever keeps it from being so is a failed probe whose output says what.
 * @throws E_CANCELLED
 */
export async function runReadyProbe(
  probe: ReadyProbe,
  context: {
    readonly target: ReadyTarget;
    readonly timeoutMs: number;
    /** Resolves when the line of a `log` probe was written. */
    readonly line: Promise<void>;
  },
  signal: AbortSignal,
): Promise<ProbeResult> {
  const startedAt = timestamp();
  const finish = (exitCode: number, output: string): ProbeResult => {
    return { startedAt, endedAt: timestamp(), exitCode, output };
  };
  const { timeoutMs } = context;
  try {
    return finish(
      0,
      await withDeadline({ signal, timeoutMs }, (limited) => look(probe, context, limited)),
    );
  } catch (error) {
    if (signal.aborted) throw error;
    return finish(1, messageOf(error));
  }
}

/** Gives what was seen; throws what was not. */
async function look(
  probe: ReadyProbe,
  context: { readonly target: ReadyTarget; readonly line: Promise<void> },
  signal: AbortSignal,
): Promise<string> {
  switch (probe.kind) {
    case 'tcp': {
      const socket = await connect(probe.port, context.target);
      socket.destroy();
      return `port ${probe.port} is open`;
    }
    case 'http':
      return await askHttp(probe, context.target, signal);
    case 'log':
      await Promise.race([
        context.line,
        never(signal, `no line with ${probe.pattern} was written`),
      ]);
      return `a line with ${probe.pattern} was written`;
    case 'file': {
      const root = `/proc/${context.target.pid}/root`;
      if ((await findInLayers([root], probe.path)) !== undefined) return `${probe.path} is there`;
      throw new Error(`${probe.path} is not there`);
    }
    default:
      return unreachable(probe);
  }
}

/** @throws the error of the last address */
async function connect(port: number, { pid, addresses }: ReadyTarget): Promise<Socket> {
  let failure: unknown;
  for (const address of [...LOOPBACK, ...addresses]) {
    try {
      const fd = await connectInNamespace({ pid, address, port });
      return new Socket({ fd, readable: true, writable: true });
    } catch (error) {
      failure ??= error;
    }
  }
  throw failure;
}

async function askHttp(
  { port, path, status: wanted }: ReadyProbe & { readonly kind: 'http' },
  target: ReadyTarget,
  signal: AbortSignal,
): Promise<string> {
  const socket = await connect(port, target);
  const status = await new Promise<number>((resolve, reject) => {
    const headers = { connection: 'close', host: `localhost:${port}` };
    const request = get({ createConnection: () => socket, path, headers, signal }, (response) => {
      response.destroy();
      resolve(response.statusCode ?? 0);
    });
    request.once('error', reject);
  }).finally(() => socket.destroy());
  const isGood =
    wanted === undefined
      ? status >= FIRST_GOOD_STATUS && status <= LAST_GOOD_STATUS
      : status === wanted;
  if (isGood) return `${path} answers ${status}`;
  throw new Error(`${path} answers ${status}`);
}

async function never(signal: AbortSignal, message: string): Promise<never> {
  try {
    await delay(2 ** 31 - 1, signal);
  } catch {
    // the deadline
  }
  throw new Error(message);
}

/**
 * Resolves when a line that the pattern is found in was written since `since` (RFC 3339).
 * @throws E_CANCELLED when `signal` aborts before
 */
export async function untilLine(
  log: { readonly id: string; readonly path: string; readonly since: string },
  pattern: string,
  signal: AbortSignal,
): Promise<void> {
  const wanted = new RegExp(pattern);
  const found = new AbortController();
  const either = AbortSignal.any([signal, found.signal]);
  const source = {
    id: log.id,
    path: log.path,
    mayWrite: () => true,
    onChange: () => () => undefined,
  };
  const range = { tail: undefined, since: log.since, until: undefined };
  const send = ({ text }: { readonly text: string }): Promise<void> => {
    if (wanted.test(text)) found.abort();
    return Promise.resolve();
  };
  await followLogs([source], range, { send, signal: either });
  signal.throwIfAborted();
}
