import { delay, withDeadline } from '../base/abort.ts';
import { messageOf } from '../base/errors.ts';
import type { Healthcheck } from '../bundle/healthcheck.ts';
import type { ProbeResult } from '../model/healthcheck.ts';
import type { Process } from '../model/runtime-spec.ts';
import { FRAME } from '../wire/frames.ts';
import { timestamp } from './clock.ts';
import { parseExitFrame } from './exit-frame.ts';
import type { ShimClient } from './shim-client.ts';

const MAX_OUTPUT_BYTES = 4096;
/** A probe that was killed leaves this long for the shim to say so. */
const KILL_GRACE_MS = 2000;
/** The code of a probe that did not come to an end. */
const NO_EXIT_CODE = -1;

export interface ProbeLoop {
  /** Runs one probe. */
  readonly probe: (signal: AbortSignal) => Promise<ProbeResult>;
  readonly firstDelayMs: number;
  /** Takes the result in, and says how many milliseconds later the next one is due. */
  readonly onResult: (result: ProbeResult) => number;
  readonly signal: AbortSignal;
}

/** Probes again and again, the first time after `firstDelayMs`, until `signal` aborts. Never rejects for a probe that fails. */
export async function probeRepeatedly({
  probe,
  firstDelayMs,
  onResult,
  signal,
}: ProbeLoop): Promise<void> {
  try {
    await delay(firstDelayMs, signal);
    for (;;) {
      const result = await probe(signal);
      if (signal.aborted) return;
      await delay(onResult(result), signal);
    }
  } catch (error) {
    // Whatever a probe that is called off ends with says nothing.
    if (!signal.aborted) throw error;
  }
}

/**
 * Runs the check once in the container. Whatever keeps it from running is a failed probe whose output says
 * what. @throws E_CANCELLED
 */
export async function runProbe(
  shims: ShimClient,
  target: { readonly id: string; readonly process: Process; readonly check: Healthcheck },
  signal: AbortSignal,
): Promise<ProbeResult> {
  const { timeoutMs } = target.check;
  const startedAt = timestamp();
  const startMs = performance.now();
  const finish = (exitCode: number, output: string): ProbeResult => {
    const isLate = performance.now() - startMs >= timeoutMs;
    const endedAt = timestamp();
    if (!isLate) return { startedAt, endedAt, exitCode, output };
    const text = `Health check exceeded timeout (${timeoutMs / 1000}s)`;
    return {
      startedAt,
      endedAt,
      exitCode: NO_EXIT_CODE,
      output: output === '' ? text : `${text}: ${output}`,
    };
  };
  try {
    const deadline = { signal, timeoutMs: timeoutMs + KILL_GRACE_MS };
    const { exitCode, output } = await withDeadline(deadline, (limited) =>
      execProbe(shims, target, limited),
    );
    return finish(exitCode, output);
  } catch (error) {
    if (signal.aborted) throw error;
    return finish(NO_EXIT_CODE, messageOf(error));
  }
}

async function execProbe(
  shims: ShimClient,
  target: { readonly id: string; readonly process: Process; readonly check: Healthcheck },
  signal: AbortSignal,
): Promise<{ readonly exitCode: number; readonly output: string }> {
  const stream = await shims.openStream(
    target.id,
    'exec',
    {
      process: target.process,
      hasStdin: false,
      timeoutMs: target.check.timeoutMs,
      size: undefined,
    },
    signal,
  );
  try {
    const output: Buffer[] = [];
    let missing = MAX_OUTPUT_BYTES;
    for await (const { type, payload } of stream.frames) {
      if (type === FRAME.stdout || type === FRAME.stderr) {
        output.push(payload.subarray(0, missing));
        missing = Math.max(0, missing - payload.length);
      }
      if (type !== FRAME.exit && type !== FRAME.error) continue;
      const exitCode = parseExitFrame(type, payload);
      return { exitCode, output: Buffer.concat(output).toString('utf8') };
    }
    throw new Error('the shim hung up during the probe');
  } finally {
    stream.close();
  }
}
