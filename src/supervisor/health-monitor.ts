import type { Healthcheck } from '../bundle/healthcheck.ts';
import type { ProbeResult } from '../model/container.ts';
import { type HealthState, nextProbeDelay } from './health.ts';
import { readProcess } from './process-file.ts';
import { probeRepeatedly, runProbe } from './prober.ts';
import type { ShimClient } from './shim-client.ts';

export interface HealthMonitorOptions {
  readonly id: string;
  /** Undefined: there is nothing to probe. */
  readonly check: Healthcheck | undefined;
  readonly specPath: string;
  readonly shims: ShimClient;
  /** Takes a result in; `atMs` is since the start. Gives how the container fares then. */
  readonly onProbe: (isSuccess: boolean, atMs: number) => HealthState | undefined;
  readonly onError: (error: unknown) => void;
}

const KEPT_PROBES = 5;

/** Probes one container while it runs. */
export class HealthMonitor {
  private readonly options: HealthMonitorOptions;
  private kept: readonly ProbeResult[] = [];
  private probing: AbortController | undefined;

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

  /** Forgets the probes of an earlier process. */
  forget(): void {
    this.kept = [];
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
    const { id, shims, specPath } = this.options;
    const own = await readProcess(specPath);
    const process = { ...own, args: check.test, terminal: false };
    await probeRepeatedly({
      probe: () => runProbe(shims, { id, process, check }, signal),
      onResult: (result) => this.take(check, result, Date.now() - startedMs),
      signal,
    });
  }

  private take(check: Healthcheck, result: ProbeResult, atMs: number): number {
    this.kept = [...this.kept, result].slice(-KEPT_PROBES);
    const health = this.options.onProbe(result.exitCode === 0, atMs);
    return health === undefined ? check.intervalMs : nextProbeDelay(check, health, atMs);
  }
}
