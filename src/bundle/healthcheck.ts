import type { HealthcheckConfig, ReadyProbe } from '../model/healthcheck.ts';
import type { ImageConfig, ImageHealthcheck } from '../model/image-config.ts';

/** A probe, complete. */
export interface Healthcheck {
  /** What is looked at from outside, or the command line to run in the container. */
  readonly probe: ReadyProbe | { readonly kind: 'command'; readonly args: readonly string[] };
  /** Docker's timing. */
  readonly isStrict: boolean;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  /** Failures within it do not count. */
  readonly startPeriodMs: number;
  /** Between probes within the start period. */
  readonly startIntervalMs: number;
  /** The longest pause until the first success, where probes cost next to nothing. */
  readonly longestQuickPauseMs: number | undefined;
  /** So many failures in a row make it unhealthy. */
  readonly retries: number;
}

/**
 * The probe of a container: each field of the config, else of the image, else Docker's default; a zero
 * counts as not set, but for the start period. Undefined where there is no probe or it is switched off.
 * @see compose-spec 05-services.md#healthcheck
 */
export function resolveHealthcheck(
  config: { readonly healthcheck: HealthcheckConfig | undefined },
  image: Pick<ImageConfig, 'healthcheck' | 'shell'>,
): Healthcheck | undefined {
  const sources = [config.healthcheck, image.healthcheck];
  const isOff = config.healthcheck?.test?.[0] === 'NONE';
  const ready = isOff ? undefined : config.healthcheck?.ready;
  const args = ready === undefined ? resolveTest(sources, image.shell) : [];
  if (args === undefined) return undefined;
  const pick = (key: TimeKey | 'retries', otherwise: number): number =>
    sources.map((source) => source?.[key] ?? 0).find((value) => value > 0) ?? otherwise;
  return {
    probe: ready ?? { kind: 'command', args },
    isStrict: config.healthcheck?.isStrict ?? false,
    intervalMs: pick('intervalMs', 30_000),
    timeoutMs: pick('timeoutMs', 30_000),
    startPeriodMs: config.healthcheck?.startPeriodMs ?? image.healthcheck?.startPeriodMs ?? 0,
    startIntervalMs: pick('startIntervalMs', 5000),
    longestQuickPauseMs: ready === undefined ? undefined : READY_PAUSE_MS,
    retries: pick('retries', 3),
  };
}

const READY_PAUSE_MS = 50;

type TimeKey = 'intervalMs' | 'timeoutMs' | 'startIntervalMs';

function resolveTest(
  sources: readonly (HealthcheckConfig | ImageHealthcheck | undefined)[],
  shell: readonly string[],
): string[] | undefined {
  const test = sources.map((source) => source?.test ?? []).find((words) => words.length > 0);
  const [kind = 'NONE', ...rest] = test ?? [];
  if (kind === 'NONE' || rest.length === 0) return undefined;
  if (kind === 'CMD') return rest;
  const prefix = shell.length > 0 ? shell : ['/bin/sh', '-c'];
  // Compose writes a bare string as CMD-SHELL; words without a kind come only from foreign images.
  return kind === 'CMD-SHELL' ? [...prefix, ...rest] : [kind, ...rest];
}
