/** How it is seen from outside that a service is ready, inside the container's namespaces. */
export type ReadyProbe =
  /** Somebody listens. */
  | { readonly kind: 'tcp'; readonly port: number }
  /** It answers with `status`; undefined: with any from 200 to 399. */
  | {
      readonly kind: 'http';
      readonly port: number;
      readonly path: string;
      readonly status: number | undefined;
    }
  /** It wrote a line that the regular expression is found in. */
  | { readonly kind: 'log'; readonly pattern: string }
  /** There is such a file, an absolute path in the container. */
  | { readonly kind: 'file'; readonly path: string };

/** A probe as configured; what is undefined comes from the image, then from the default. */
export interface HealthcheckConfig {
  /** `undefined` inherits the image's, `['NONE']` switches it off. */
  readonly test: readonly string[] | undefined;
  readonly intervalMs: number | undefined;
  readonly timeoutMs: number | undefined;
  readonly startPeriodMs: number | undefined;
  readonly startIntervalMs: number | undefined;
  readonly retries: number | undefined;
  /** Takes the place of `test`. */
  readonly ready: ReadyProbe | undefined;
  /** Docker's timing: the first probe comes after an interval, and none but those that are due. */
  readonly isStrict: boolean;
}

/** A probe that was made. */
export interface ProbeResult {
  readonly startedAt: string;
  readonly endedAt: string;
  readonly exitCode: number;
  /** The first 4096 bytes. */
  readonly output: string;
}
