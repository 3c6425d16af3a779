import { describe, expect, test } from '@jest/globals';
import type { Mount } from '../../../src/model/container.ts';
import { inheritableVolumes, planMounts } from '../../../src/supervisor/mount-plan.ts';

function volume(target: string, name?: string): Mount {
  return {
    kind: 'volume',
    volume: name,
    target,
    isReadOnly: false,
    noCopy: false,
    subpath: undefined,
  };
}

function plan(
  mounts: readonly Mount[],
  imageVolumes: readonly string[],
  inherited: ReadonlyMap<string, string> = new Map(),
) {
  let next = 0;
  const makeName = () => `new-${(next += 1)}`;
  return planMounts({ mounts, imageVolumes, inherited, makeName });
}

describe('planMounts', () => {
  test('an anonymous volume gets a new name, a named one keeps its own', () => {
    const { mounts, newAnonymous } = plan([volume('/a'), volume('/b', 'named')], []);
    expect(mounts).toEqual([volume('/a', 'new-1'), volume('/b', 'named')]);
    expect(newAnonymous).toEqual(['new-1']);
  });

  test('a declared volume of the image gets a mount', () => {
    expect(plan([], ['/data']).mounts).toEqual([volume('/data', 'new-1')]);
  });

  test('a declared volume gives way to whatever is mounted there', () => {
    const tmpfs: Mount = { kind: 'tmpfs', target: '/data/', isReadOnly: false, options: [] };
    expect(plan([tmpfs], ['/data']).mounts).toEqual([tmpfs]);
  });

  test('an anonymous volume is handed on by its target', () => {
    const inherited = inheritableVolumes(
      [volume('/data', 'old'), volume('/named', 'mine')],
      (name) => name === 'old',
    );
    const { mounts, newAnonymous } = plan([volume('/named')], ['/data/'], inherited);
    expect(mounts).toEqual([volume('/named', 'new-1'), volume('/data/', 'old')]);
    expect(newAnonymous).toEqual(['new-1']);
  });
});
