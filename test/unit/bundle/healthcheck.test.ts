import { describe, expect, test } from '@jest/globals';
import { resolveHealthcheck } from '../../../src/bundle/healthcheck.ts';
import type { HealthcheckConfig } from '../../../src/model/healthcheck.ts';
import type { ImageHealthcheck } from '../../../src/model/image-config.ts';

const UNSET: HealthcheckConfig = {
  test: undefined,
  intervalMs: undefined,
  timeoutMs: undefined,
  startPeriodMs: undefined,
  startIntervalMs: undefined,
  retries: undefined,
  ready: undefined,
  isStrict: false,
};
const IMAGE: ImageHealthcheck = {
  test: ['CMD', 'probe'],
  intervalMs: 1000,
  timeoutMs: 2000,
  startPeriodMs: 3000,
  startIntervalMs: 4000,
  retries: 5,
};
const command = (...args: readonly string[]) => ({ kind: 'command', args });
const OWN = { isStrict: false, longestQuickPauseMs: undefined };

function resolve(
  config: Partial<HealthcheckConfig> | undefined,
  image?: Partial<ImageHealthcheck>,
  shell: readonly string[] = [],
) {
  return resolveHealthcheck(
    { healthcheck: config && { ...UNSET, ...config } },
    { healthcheck: image && { ...IMAGE, ...image }, shell },
  );
}

describe('the probe of a container', () => {
  test('is none where nobody has one', () => {
    expect(resolve(undefined)).toBeUndefined();
    expect(resolve({ intervalMs: 1000 })).toBeUndefined();
  });

  test('has Docker’s defaults', () => {
    expect(resolve({ test: ['CMD', 'true'] })).toEqual({
      ...OWN,
      probe: command('true'),
      intervalMs: 30_000,
      timeoutMs: 30_000,
      startPeriodMs: 0,
      startIntervalMs: 5000,
      retries: 3,
      ready: undefined,
      isStrict: false,
    });
  });

  test('comes from the image', () => {
    const times = { ...IMAGE, test: undefined };
    expect(resolve(undefined, {})).toEqual({ ...times, ...OWN, probe: command('probe') });
  });

  test('each field of the config stands over the image’s', () => {
    expect(resolve({ retries: 9, startPeriodMs: 0 }, {})).toEqual({
      intervalMs: 1000,
      timeoutMs: 2000,
      startIntervalMs: 4000,
      ...OWN,
      probe: command('probe'),
      retries: 9,
      startPeriodMs: 0,
    });
  });

  test('a zero that makes no sense counts as not set', () => {
    expect(resolve({ intervalMs: 0, retries: 0 }, {})).toMatchObject({
      intervalMs: 1000,
      retries: 5,
    });
  });

  test('NONE switches the image’s off', () => {
    expect(resolve({ test: ['NONE'] }, {})).toBeUndefined();
  });

  test('an empty test inherits the image’s', () => {
    expect(resolve({ test: [] }, {})?.probe).toEqual(command('probe'));
  });

  test('a shell text runs in the image’s shell, else in sh', () => {
    const test = ['CMD-SHELL', 'curl -f localhost || exit 1'];
    expect(resolve({ test })?.probe).toEqual(command('/bin/sh', '-c', test[1] ?? ''));
    expect(resolve({ test }, undefined, ['/bin/bash', '-o', 'pipefail', '-c'])?.probe).toEqual(
      command('/bin/bash', '-o', 'pipefail', '-c', test[1] ?? ''),
    );
  });

  test('a readiness takes the place of the image’s command, with its times', () => {
    const ready = { kind: 'tcp', port: 80 } as const;
    expect(resolve({ ready }, {})).toMatchObject({ probe: ready, intervalMs: 1000, retries: 5 });
  });
});
