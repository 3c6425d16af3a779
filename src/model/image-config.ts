import type { Digest } from './digest.ts';
import type { Platform } from './platform.ts';

/** A probe of an image's configuration, as Docker writes it; times in milliseconds. */
export interface ImageHealthcheck {
  /** `[]` inherit, `['NONE']`, `['CMD', …]` or `['CMD-SHELL', text]`. */
  readonly test: readonly string[];
  readonly intervalMs: number | undefined;
  readonly timeoutMs: number | undefined;
  readonly startPeriodMs: number | undefined;
  readonly startIntervalMs: number | undefined;
  readonly retries: number | undefined;
}

/**
 * The part of an image's configuration that containers are made from, complete: what the image does not
 * set is empty. @see image-spec config.md
 */
export interface ImageConfig {
  readonly platform: Platform;
  readonly created: string | undefined;
  readonly author: string | undefined;
  readonly diffIds: readonly Digest[];
  /** `NAME=value`, in the image's order. */
  readonly env: readonly string[];
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
  readonly workingDir: string;
  readonly user: string;
  /** `80/tcp`. */
  readonly exposedPorts: readonly string[];
  /** Absolute paths. */
  readonly volumes: readonly string[];
  readonly stopSignal: string | undefined;
  readonly labels: Readonly<Record<string, string>>;
  readonly healthcheck: ImageHealthcheck | undefined;
  readonly shell: readonly string[];
}

/** The configuration of an image that sets nothing, such as a `rootfs:` folder. */
export function emptyImageConfig(platform: Platform): ImageConfig {
  return {
    platform,
    created: undefined,
    author: undefined,
    diffIds: [],
    env: [],
    entrypoint: [],
    cmd: [],
    workingDir: '',
    user: '',
    exposedPorts: [],
    volumes: [],
    stopSignal: undefined,
    labels: {},
    healthcheck: undefined,
    shell: [],
  };
}
