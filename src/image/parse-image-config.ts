import { parseDigest } from '../model/digest.ts';
import type { ImageConfig, ImageHealthcheck } from '../model/image-config.ts';
import { normalizePlatform } from '../model/platform.ts';
import { malformed, parseFields, parseObject, parseStrings } from './documents.ts';

/**
 * Parses an image's configuration, from OCI or Docker; times come in nanoseconds there.
 * @throws E_IMAGE_FORMAT, E_IMAGE_DIGEST
 * @see image-spec config.md#properties
 */
export function parseImageConfig(bytes: Buffer, name: string): ImageConfig {
  const fields = parseObject(bytes, name);
  const run = parseFields(fields['config'] ?? {}, `config of ${name}`);
  const rootfs = parseFields(fields['rootfs'] ?? {}, `rootfs of ${name}`);
  const platform = {
    os: text(fields['os']) ?? 'linux',
    architecture: text(fields['architecture']) ?? '',
    variant: text(fields['variant']),
  };
  return {
    platform: normalizePlatform(platform),
    created: text(fields['created']),
    author: text(fields['author']),
    diffIds: list(rootfs['diff_ids'], `diff_ids of ${name}`).map(parseDigest),
    env: list(run['Env'], `Env of ${name}`),
    entrypoint: list(run['Entrypoint'], `Entrypoint of ${name}`),
    cmd: list(run['Cmd'], `Cmd of ${name}`),
    workingDir: text(run['WorkingDir']) ?? '',
    user: text(run['User']) ?? '',
    exposedPorts: Object.keys(parseFields(run['ExposedPorts'] ?? {}, `ExposedPorts of ${name}`)),
    volumes: Object.keys(parseFields(run['Volumes'] ?? {}, `Volumes of ${name}`)),
    stopSignal: text(run['StopSignal']),
    labels: parseStrings(run['Labels']) ?? {},
    healthcheck: parseHealthcheck(run['Healthcheck'], `Healthcheck of ${name}`),
    shell: list(run['Shell'], `Shell of ${name}`),
  };
}

function parseHealthcheck(value: unknown, name: string): ImageHealthcheck | undefined {
  if (value === undefined || value === null) return undefined;
  const fields = parseFields(value, name);
  return {
    test: list(fields['Test'], `Test of ${name}`),
    intervalMs: milliseconds(fields['Interval']),
    timeoutMs: milliseconds(fields['Timeout']),
    startPeriodMs: milliseconds(fields['StartPeriod']),
    startIntervalMs: milliseconds(fields['StartInterval']),
    retries: positive(fields['Retries']),
  };
}

/** Zero stands for the default there. */
function milliseconds(value: unknown): number | undefined {
  const nanoseconds = positive(value);
  return nanoseconds === undefined ? undefined : nanoseconds / 1e6;
}

function positive(value: unknown): number | undefined {
  return typeof value === 'number' && value > 0 ? value : undefined;
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** `null` is an empty list, and old images write a single string. */
function list(value: unknown, name: string): string[] {
  if (value === undefined || value === null) return [];
  if (typeof value === 'string') return [value];
  if (!Array.isArray(value)) throw malformed(name, 'is not a list');
  return value.map((item: unknown) => {
    if (typeof item !== 'string') throw malformed(name, 'holds something that is not a string');
    return item;
  });
}
