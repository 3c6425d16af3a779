import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { cgroupsNamed, isUnified, OURS, RuntimeLab } from '../../support/runtime.ts';

let lab: RuntimeLab;
beforeEach(() => {
  lab = new RuntimeLab(OURS);
});
afterEach(async () => {
  expect(await lab.close()).toEqual([]);
});

function folderOf(id: string, controller: string): string {
  const folders = cgroupsNamed([id]).map((line) => line.replace('cgroup ', ''));
  const found = folders.find((path) => isUnified() || path.split('/')[4] === controller);
  if (found === undefined) throw new Error(`no ${controller} among ${folders.join(' ')}`);
  return found;
}

function readLimit(id: string, controller: string, file: string): string {
  return readFileSync(join(folderOf(id, controller), file), 'utf8').trim();
}

describe('update', () => {
  test('keeps what earlier ones changed, in the state and in force', async () => {
    const bundle = lab.bundle();
    bundle.spec.linux.resources['memory'] = { limit: 64 << 20 };
    const id = await lab.start(bundle);
    await lab.succeed(['update', '--pids-limit', '50', '--cpu-period', '50000', id]);
    await lab.succeed(['update', '--cpu-quota', '20000', id]);
    const input = JSON.stringify({ memory: { reservation: 32 << 20 }, cpu: { shares: 300 } });
    await lab.succeed(['update', '-r', '-', id], { input });
    // More than the limit: on version 2 it is a limit of swap only beside that one.
    await lab.succeed(['update', '--memory-swap', '96M', id]);
    const stored = JSON.parse(readFileSync(join(lab.root, id, 'state.json'), 'utf8')) as {
      config: { linux: { resources: Record<string, unknown> } };
    };
    expect(stored.config.linux.resources).toMatchObject({
      devices: bundle.spec.linux.resources['devices'],
      memory: { limit: 64 << 20, reservation: 32 << 20, swap: 96 << 20 },
      pids: { limit: 50 },
      cpu: { period: 50_000, quota: 20_000, shares: 300 },
    });
    expect(readLimit(id, 'pids', 'pids.max')).toBe('50');
    const quota = isUnified() ? 'cpu.max' : 'cpu.cfs_quota_us';
    expect(readLimit(id, 'cpu', quota)).toMatch(/^20000/);
  });

  test('leaves alone what it is not asked for, as runc does', async () => {
    const bundle = lab.bundle();
    bundle.spec.linux.resources['pids'] = { limit: 100 };
    const id = await lab.start(bundle);
    writeFileSync(join(folderOf(id, 'pids'), 'pids.max'), '70');
    await lab.succeed(['update', '--cpu-share', '300', id]);
    expect(readLimit(id, 'pids', 'pids.max')).toBe('70');
  });

  test('that is refused changes nothing in the state', async () => {
    const id = await lab.start(lab.bundle());
    const state = (): string => readFileSync(join(lab.root, id, 'state.json'), 'utf8');
    const before = state();
    for (const [input, field] of [
      ['{"cpu": {"shares": "many"}}', 'cpu.shares'],
      ['[]', 'must be an object'],
      ['{"memory": 7}', 'memory'],
      ['{', ''],
    ] as const) {
      const { code, stderr } = await lab.call(['update', '-r', '-', id], { input });
      expect([code, stderr.includes(field)]).toEqual([1, true]);
    }
    expect(state()).toBe(before);
  });
});
