import { findComparableTime } from '../base/comparable-time.ts';
import type { Healthcheck } from '../bundle/healthcheck.ts';
import type { ProbeResult, ReadyProbe } from '../model/healthcheck.ts';
import { timestamp } from './clock.ts';
import { firstProbeDelay, type HealthState, nextProbeDelay } from './health.ts';
import { readProcess } from './process-file.ts';
import { type ProbeLoop, probeRepeatedly, runProbe } from './prober.ts';
import { type ReadyTarget, runReadyProbe, untilLine } from './ready-probe.ts';
import type { ShimClient } from './shim-client.ts';

export interface HealthMonitorOptions {
  readonly id: string;
  /** Undefined: there is nothing to probe. */
  readonly check: Healthcheck | undefined;
  readonly specPath: string;
  readonly logPath: string;
  /** The process that runs, for a probe from outside. */
  readonly target: () => ReadyTarget;
  readonly shims: ShimClient;
  /** Takes a result in; `atMs` is since the start. Gives how the container fares then. */
  readonly onProbe: (isSuccess: boolean, atMs: number) => HealthState | undefined;
  readonly onError: (error: unknown) => void;
}

type Probe = ProbeLoop['probe'];

const KEPT_PROBES = 5;
/** A start is noted after the process has begun. */
const CLOCK_SLACK_MS = 1000;

/** Probes one container while it runs. */
export class HealthMonitor {
  private readonly options: HealthMonitorOptions;
  private kept: readonly ProbeResult[] = [];
  private first: ProbeResult | undefined;
  private success: ProbeResult | undefined;
  private probing: AbortController | undefined;
  /** What was written before belongs to an earlier process. */
  private logSince: string | undefined;

  constructor(options: HealthMonitorOptions) {
    this.options = options;
  }

  get hasCheck(): boolean {
    return this.options.check !== undefined;
  }

  /** The last probes, oldest first. */
  get probes(): readonly ProbeResult[] {
    return this.kept;
  }

  get firstProbe(): ProbeResult | undefined {
    return this.first;
  }

  get firstSuccess(): ProbeResult | undefined {
    return this.success;
  }

  /** Forgets the probes of an earlier process. */
  forget(): void {
    this.kept = [];
    this.first = undefined;
    this.success = undefined;
    this.logSince = timestamp();
  }

  /** Probes at once, and then as it is due. `startedMs` is when the process was started. */
  start(startedMs: number): void {
    const { check, onError } = this.options;
    if (check === undefined) return;
    this.stop();
    const probing = new AbortController();
    this.probing = probing;
    this.probe(check, startedMs, probing.signal).catch(onError);
  }

  stop(): void {
    this.probing?.abort();
  }

  private async probe(check: Healthcheck, startedMs: number, signal: AbortSignal): Promise<void> {
    const probe =
      check.probe.kind === 'command'
        ? await this.commandProbe(check, check.probe.args)
        : this.readyProbe(check, check.probe, { startedMs, signal });
    await probeRepeatedly({
      probe,
      firstDelayMs: firstProbeDelay(check),
      onResult: (result) => this.take(check, result, Date.now() - startedMs),
      signal,
    });
  }

  private async commandProbe(check: Healthcheck, args: readonly string[]): Promise<Probe> {
    const { id, shims, specPath } = this.options;
    const own = await readProcess(specPath);
    const process = { ...own, args, terminal: false };
    return (signal) => runProbe(shims, { id, process, check }, signal);
  }

  private readyProbe(
    check: Healthcheck,
    probe: ReadyProbe,
    { startedMs, signal }: { readonly startedMs: number; readonly signal: AbortSignal },
  ): Probe {
    const { id, logPath, target, onError } = this.options;
    const since = this.logSince ?? new Date(startedMs - CLOCK_SLACK_MS).toISOString();
    const log = { id, path: logPath, since: findComparableTime(since) ?? since };
    const line = probe.kind === 'log' ? untilLine(log, probe.pattern, signal) : Promise.resolve();
    line.catch((error: unknown) => {
      if (!signal.aborted) onError(error);
    });
    const { timeoutMs } = check;
    return (limited) => runReadyProbe(probe, { target: target(), timeoutMs, line }, limited);
  }

  private take(check: Healthcheck, result: ProbeResult, atMs: number): number {
    this.kept = [...this.kept, result].slice(-KEPT_PROBES);
    this.first ??= result;
    if (result.exitCode === 0) this.success ??= result;
    const health = this.options.onProbe(result.exitCode === 0, atMs);
    return health === undefined ? check.intervalMs : nextProbeDelay(check, health, atMs);
  }
}
