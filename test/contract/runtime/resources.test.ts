import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from '@jest/globals';
import { isUnified, type RuntimeLab } from '../../support/runtime.ts';
import { describeContract } from './contract.ts';

/** `254:0`: a disk of this machine. */
const disk = findDisk();

const OLD = 'words or does it otherwise';

/** Limits that no controller of this machine can keep, each with the controller that would. */
const uncontrolled = (
  [
    [{ rdma: { mlx5_1: { hcaHandles: 3 } } }, 'rdma'],
    [{ network: { classID: 1048577 } }, 'net_cls'],
    [{ hugepageLimits: [{ pageSize: '2MB', limit: 4 << 20 }] }, 'hugetlb'],
  ] as const
).filter(([, name]) => !isUnified() && !existsSync(`/sys/fs/cgroup/${name}`));

function findDisk(): string | undefined {
  const name = readdirSync('/sys/block').find((entry) => /^(vd|sd|xvd|nvme)/.test(entry));
  return name === undefined ? undefined : readFileSync(`/sys/block/${name}/dev`, 'utf8').trim();
}

async function folderOf(lab: RuntimeLab, id: string, controller: string): Promise<string> {
  const lines = readFileSync(`/proc/${await lab.pid(id)}/cgroup`, 'utf8')
    .trim()
    .split('\n');
  for (const line of lines) {
    const [, controllers = '', path = ''] = line.split(':');
    if (isUnified() && controllers === '') return join('/sys/fs/cgroup', path);
    if (controllers.split(',').includes(controller))
      return join('/sys/fs/cgroup', controllers, path);
  }
  throw new Error(`no ${controller}`);
}

async function read(
  lab: RuntimeLab,
  id: string,
  controller: string,
  file: string,
): Promise<string> {
  return readFileSync(join(await folderOf(lab, id, controller), file), 'utf8').trim();
}

describeContract('resources', (must) => {
  must('swap is limited with memory, and swappiness is set', async (lab) => {
    const bundle = lab.bundle();
    bundle.spec.linux.resources['memory'] = isUnified()
      ? { limit: 64 << 20, swap: 96 << 20 }
      : { limit: 64 << 20, swap: 96 << 20, swappiness: 10 };
    const id = await lab.start(bundle);
    if (isUnified()) {
      expect(await read(lab, id, 'memory', 'memory.swap.max')).toBe(String(32 << 20));
      return;
    }
    expect(await read(lab, id, 'memory', 'memory.memsw.limit_in_bytes')).toBe(String(96 << 20));
    expect(await read(lab, id, 'memory', 'memory.swappiness')).toBe('10');
    // Up and down again, in the order that the kernel accepts.
    await lab.succeed(['update', '--memory', '128M', '--memory-swap', '256M', id]);
    expect(await read(lab, id, 'memory', 'memory.limit_in_bytes')).toBe(String(128 << 20));
    await lab.succeed(['update', '--memory', '32M', '--memory-swap', '32M', id]);
    expect(await read(lab, id, 'memory', 'memory.memsw.limit_in_bytes')).toBe(String(32 << 20));
    await lab.succeed(['update', '--memory', '-1', '--memory-swap', '-1', id]);
    expect(Number(await read(lab, id, 'memory', 'memory.limit_in_bytes'))).toBeGreaterThan(2 ** 40);
  });

  must(
    'a memory limit below what is used is refused with the usage',
    async (lab) => {
      const bundle = lab.bundle();
      bundle.script('busybox dd if=/dev/zero of=/held/file bs=1M count=24; sleep 1000');
      bundle.spec.mounts.push({ destination: '/held', type: 'tmpfs', source: 'tmpfs' });
      bundle.spec.linux.resources['memory'] = { limit: 64 << 20, swap: 64 << 20 };
      const id = await lab.start(bundle);
      const usage = isUnified() ? 'memory.current' : 'memory.usage_in_bytes';
      for (let i = 0; i < 100 && Number(await read(lab, id, 'memory', usage)) < 24 << 20; i += 1) {
        await lab.state(id);
      }
      const input = JSON.stringify({ memory: { limit: 8 << 20, checkBeforeUpdate: true } });
      const { code, stderr } = await lab.call(['update', '-r', '-', id], { input });
      expect([code, stderr]).toEqual([1, expect.stringMatching(/memory limit/)]);
    },
    { except: { runc: 'version 1.1 does not know checkBeforeUpdate', crun: OLD } },
  );

  must(
    'CPU burst and idle are set',
    async (lab) => {
      const bundle = lab.bundle();
      bundle.spec.linux.resources['cpu'] = { quota: 50000, period: 100000 };
      const id = await lab.start(bundle);
      const input = JSON.stringify({ cpu: { burst: 20000 } });
      await lab.succeed(['update', '-r', '-', id], { input });
      const burst = isUnified() ? 'cpu.max.burst' : 'cpu.cfs_burst_us';
      expect(await read(lab, id, 'cpu', burst)).toBe('20000');
      await lab.succeed(['update', '--cpu-period', '200000', '--cpu-quota', '60000', id]);
      const [quota, period] = isUnified()
        ? (await read(lab, id, 'cpu', 'cpu.max')).split(' ')
        : [
            await read(lab, id, 'cpu', 'cpu.cfs_quota_us'),
            await read(lab, id, 'cpu', 'cpu.cfs_period_us'),
          ];
      expect([quota, period]).toEqual(['60000', '200000']);
    },
    { except: { runc: 'version 1.1 does not know burst', crun: OLD } },
  );

  must(
    'block I/O is limited by device',
    async (lab) => {
      const bundle = lab.bundle();
      const [major = 0, minor = 0] = (disk ?? '').split(':').map(Number);
      const device = { major, minor };
      bundle.spec.linux.resources['blockIO'] = {
        throttleReadBpsDevice: [{ ...device, rate: 1 << 20 }],
        throttleWriteIOPSDevice: [{ ...device, rate: 100 }],
      };
      const id = await lab.start(bundle);
      if (isUnified()) {
        expect(await read(lab, id, 'blkio', 'io.max')).toContain('rbps=1048576');
        return;
      }
      const reads = await read(lab, id, 'blkio', 'blkio.throttle.read_bps_device');
      expect(reads).toBe(`${disk} ${1 << 20}`);
      const writes = await read(lab, id, 'blkio', 'blkio.throttle.write_iops_device');
      expect(writes).toBe(`${disk} 100`);
    },
    { lacking: disk === undefined ? 'this machine has no disk' : undefined },
  );

  must(
    'a limit without a controller to keep it is an error that names it',
    async (lab) => {
      for (const [resources, name] of uncontrolled) {
        const bundle = lab.bundle();
        Object.assign(bundle.spec.linux.resources, resources);
        const { code, stderr } = await lab.run(bundle);
        expect([code, stderr]).toEqual([1, expect.stringContaining(name)]);
      }
    },
    {
      lacking: uncontrolled.length === 0 ? 'every controller is here' : undefined,
      except: { runc: 'leaves them out silently', crun: OLD },
    },
  );

  must('an exec goes to a cgroup below the container’s', async (lab) => {
    const bundle = lab.bundle();
    const id = await lab.start(bundle);
    const below = join(await folderOf(lab, id, 'pids'), 'below');
    mkdirSync(below);
    try {
      const arg = isUnified() ? 'below' : 'pids:below';
      const { stdout } = await lab.succeed([
        'exec',
        '--cgroup',
        arg,
        id,
        'cat',
        '/proc/self/cgroup',
      ]);
      expect(stdout).toMatch(isUnified() ? /^0::.*\/below$/m : /:pids:.*\/below$/m);
      const bad = await lab.call(['exec', '--cgroup', '../other', id, 'true']);
      expect([bad.code, bad.stderr]).toEqual([
        255,
        expect.stringContaining('not a sub cgroup path'),
      ]);
    } finally {
      rmdirSync(below);
    }
  });
});
