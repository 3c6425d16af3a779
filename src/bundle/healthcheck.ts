import type { HealthcheckConfig } from '../model/container.ts';
import type { ImageConfig, ImageHealthcheck } from '../model/image-config.ts';

/** A probe, complete. */
export interface Healthcheck {
  /** The command line to run in the container. */
  readonly test: readonly string[];
  readonly intervalMs: number;
  readonly timeoutMs: number;
  /** Failures within it do not count. */
  readonly startPeriodMs: number;
  /** Between probes within the start period. */
  readonly startIntervalMs: number;
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
  const test = resolveTest(sources, image.shell);
  if (test === undefined) return undefined;
  const pick = (key: TimeKey | 'retries', otherwise: number): number =>
    sources.map((source) => source?.[key] ?? 0).find((value) => value > 0) ?? otherwise;
  return {
    test,
    intervalMs: pick('intervalMs', 30_000),
    timeoutMs: pick('timeoutMs', 30_000),
    startPeriodMs: config.healthcheck?.startPeriodMs ?? image.healthcheck?.startPeriodMs ?? 0,
    startIntervalMs: pick('startIntervalMs', 5000),
    retries: pick('retries', 3),
  };
}

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
