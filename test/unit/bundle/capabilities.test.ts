import { describe, expect, test } from '@jest/globals';
import { DEFAULT_CAPABILITIES, resolveCapabilities } from '../../../src/bundle/capabilities.ts';
import { CAPABILITIES } from '../../../src/model/capability.ts';
import { specHost } from '../../support/spec-values.ts';

const NONE = { capAdd: [], capDrop: [], isPrivileged: false };
const resolve = (changes: Partial<typeof NONE> | { capAdd?: string[]; capDrop?: string[] }) =>
  resolveCapabilities({ ...NONE, ...changes }, specHost()).value;

describe('the capabilities of a container', () => {
  test('are Docker’s fourteen', () => {
    expect(resolve({})).toEqual(DEFAULT_CAPABILITIES);
    expect(DEFAULT_CAPABILITIES).toHaveLength(14);
  });

  test('an added one stands in its place, however it is written', () => {
    const expected = CAPABILITIES.filter(
      (name) => DEFAULT_CAPABILITIES.includes(name) || name === 'CAP_NET_ADMIN',
    );
    expect(resolve({ capAdd: ['net_admin'] })).toEqual(expected);
    expect(resolve({ capAdd: ['CAP_NET_ADMIN', 'Net_Admin'] })).toEqual(expected);
  });

  test('a dropped one is gone', () => {
    expect(resolve({ capDrop: ['MKNOD'] })).toEqual(
      DEFAULT_CAPABILITIES.filter((name) => name !== 'CAP_MKNOD'),
    );
  });

  test('what is added wins over what is dropped', () => {
    expect(resolve({ capAdd: ['CHOWN'], capDrop: ['chown', 'KILL'] })).toContain('CAP_CHOWN');
  });

  test('all dropped leaves what is added', () => {
    expect(resolve({ capDrop: ['all'], capAdd: ['NET_BIND_SERVICE'] })).toEqual([
      'CAP_NET_BIND_SERVICE',
    ]);
  });

  test('all added leaves out what is dropped', () => {
    expect(resolve({ capAdd: ['ALL'], capDrop: ['SYS_ADMIN'] })).toEqual(
      CAPABILITIES.filter((name) => name !== 'CAP_SYS_ADMIN'),
    );
  });

  test('privileged is all that the machine knows', () => {
    const knownCapabilities = CAPABILITIES.filter((name) => name !== 'CAP_SYS_RESOURCE');
    const resolved = resolveCapabilities(
      { ...NONE, isPrivileged: true, capDrop: ['KILL'] },
      { knownCapabilities },
    );
    expect(resolved).toEqual({ value: knownCapabilities, warnings: [] });
  });

  test('one that the machine cannot give is left out and told', () => {
    const knownCapabilities = CAPABILITIES.filter((name) => name !== 'CAP_SYS_RESOURCE');
    const resolved = resolveCapabilities(
      { ...NONE, capAdd: ['SYS_RESOURCE'] },
      { knownCapabilities },
    );
    expect(resolved.value).toEqual(DEFAULT_CAPABILITIES);
    expect(resolved.warnings).toEqual([
      'CAP_SYS_RESOURCE cannot be given on this machine and is left out',
    ]);
  });

  test.each(['FLY', 'CAP_', 'CAP_CAP_CHOWN', ''])('%j is refused', (name) => {
    expect(() => resolve({ capAdd: [name] })).toThrow('unknown capability');
    expect(() => resolve({ capDrop: [name] })).toThrow('unknown capability');
  });
});
