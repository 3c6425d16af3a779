import { existsSync, readFileSync, readdirSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from '@jest/globals';
import { eventually } from '../../support/eventually.ts';
import { isUnified, OURS, type RuntimeLab, SANITIZED } from '../../support/runtime.ts';
import { describeContract } from './contract.ts';

/** The folder of the container in one hierarchy. */
function cgroupOf(pid: number, controller: string): string {
  const lines = readFileSync(`/proc/${pid}/cgroup`, 'utf8').trim().split('\n');
  for (const line of lines) {
    const [, controllers = '', path = ''] = line.split(':');
    if (isUnified() && controllers === '') return join('/sys/fs/cgroup', path);
    if (controllers.split(',').includes(controller))
      return join('/sys/fs/cgroup', controllers, path);
  }
  return '';
}

async function value(
  lab: RuntimeLab,
  id: string,
  controller: string,
  file: string,
): Promise<string> {
  return readFileSync(join(cgroupOf(await lab.pid(id), controller), file), 'utf8').trim();
}

const KEEPS_PARENTS = 'it leaves the parents it has made';

describeContract('cgroups', (must) => {
  must('the limits of config.json are in force', async (lab) => {
    const bundle = lab.bundle();
    Object.assign(bundle.spec.linux.resources, {
      memory: { limit: 64 << 20, reservation: 32 << 20 },
      cpu: { shares: 512, quota: 50000, period: 100000, cpus: '0' },
      pids: { limit: 77 },
    });
    const id = await lab.start(bundle);
    if (isUnified()) {
      expect(await value(lab, id, '', 'memory.max')).toBe(String(64 << 20));
      expect(await value(lab, id, '', 'cpu.max')).toBe('50000 100000');
      expect(await value(lab, id, '', 'pids.max')).toBe('77');
      return;
    }
    expect(await value(lab, id, 'memory', 'memory.limit_in_bytes')).toBe(String(64 << 20));
    expect(await value(lab, id, 'memory', 'memory.soft_limit_in_bytes')).toBe(String(32 << 20));
    expect(await value(lab, id, 'cpu', 'cpu.shares')).toBe('512');
    expect(await value(lab, id, 'cpu', 'cpu.cfs_quota_us')).toBe('50000');
    expect(await value(lab, id, 'cpuset', 'cpuset.cpus')).toBe('0');
    expect(await value(lab, id, 'pids', 'pids.max')).toBe('77');
  });

  must(
    'cgroupsPath is below the root of the hierarchies, and its parents go with it',
    async (lab) => {
      const bundle = lab.bundle();
      const id = lab.id();
      const parent = `${id}-parent`;
      bundle.spec.linux.cgroupsPath = `/${parent}/inner/${id}`;
      bundle.spec.process.args = ['/bin/sleep', '1000'];
      bundle.save();
      await lab.succeed(['run', '-d', '-b', bundle.folder, id]);
      const folder = cgroupOf(await lab.pid(id), 'pids');
      expect(folder).toMatch(new RegExp(`/${parent}/inner/${id}$`));
      await lab.succeed(['delete', '--force', id]);
      expect(existsSync(folder)).toBe(false);
      if (lab.program === OURS || lab.program === SANITIZED) {
        for (const hierarchy of readdirSync('/sys/fs/cgroup')) {
          expect(existsSync(join('/sys/fs/cgroup', hierarchy, parent))).toBe(false);
        }
      } else {
        removeParents(parent);
      }
    },
  );

  must('a second container in the same parent keeps it', async (lab) => {
    const ids = [lab.id(), lab.id()];
    const parent = `${ids[0] ?? ''}-shared`;
    for (const id of ids) {
      const bundle = lab.bundle();
      bundle.spec.linux.cgroupsPath = `/${parent}/${id}`;
      bundle.spec.process.args = ['/bin/sleep', '1000'];
      bundle.save();
      await lab.succeed(['run', '-d', '-b', bundle.folder, id]);
    }
    const [first = '', second = ''] = ids;
    const folder = cgroupOf(await lab.pid(second), 'pids');
    await lab.succeed(['delete', '--force', first]);
    expect(existsSync(folder)).toBe(true);
    await lab.succeed(['delete', '--force', second]);
    removeParents(parent);
  });

  must('devices that are not allowed cannot be opened', async (lab) => {
    const bundle = lab
      .bundle()
      .script(
        'mknod /tmp/fuse c 10 229; cat /tmp/fuse; echo fuse $?; head -c 1 /dev/zero > /dev/null; echo zero $?',
      );
    const { stdout, stderr } = await lab.run(bundle);
    expect(stdout).toBe('fuse 1\nzero 0\n');
    expect(stderr).toContain('Operation not permitted');
  });

  must('a device that is allowed can be opened as far as it is allowed', async (lab) => {
    const bundle = lab
      .bundle()
      .script(
        'mknod /tmp/fuse c 10 229; (: < /tmp/fuse); echo read $?; (: >> /tmp/fuse); echo write $?',
      );
    bundle.spec.linux.resources['devices'] = [
      { allow: false, access: 'rwm' },
      { allow: true, type: 'c', major: 10, minor: 229, access: 'r' },
    ];
    expect((await lab.run(bundle)).stdout).toBe('read 0\nwrite 1\n');
  });

  must('all devices can be allowed', async (lab) => {
    const bundle = lab.bundle().script('mknod /tmp/fuse c 10 229; (: < /tmp/fuse); echo $?');
    bundle.spec.linux.resources['devices'] = [{ allow: true, access: 'rwm' }];
    expect((await lab.run(bundle)).stdout).toBe('0\n');
  });

  must('the pids limit is felt', async (lab) => {
    const bundle = lab.bundle().script('for i in 1 2 3 4 5 6 7 8; do sleep 5 & done; echo done');
    bundle.spec.linux.resources['pids'] = { limit: 5 };
    const { stderr } = await lab.run(bundle);
    expect(stderr).toMatch(/can't fork|Resource temporarily unavailable/);
  });

  must('memory beyond the limit ends the program', async (lab) => {
    const bundle = lab.bundle().script('dd if=/dev/zero of=/dev/null bs=100M count=1');
    bundle.spec.linux.resources['memory'] = { limit: 16 << 20 };
    const { code } = await lab.run(bundle);
    expect(code).toBe(137);
  });

  must(
    'update changes the limits of a running container',
    async (lab) => {
      const bundle = lab.bundle();
      bundle.spec.linux.resources['memory'] = { limit: 64 << 20 };
      const id = await lab.start(bundle);
      await lab.succeed([
        'update',
        '--memory',
        String(128 << 20),
        '--pids-limit',
        '50',
        '--cpu-share',
        '300',
        id,
      ]);
      const controllerFile = isUnified() ? 'memory.max' : 'memory.limit_in_bytes';
      expect(await value(lab, id, 'memory', controllerFile)).toBe(String(128 << 20));
      expect(await value(lab, id, 'pids', 'pids.max')).toBe('50');
      const input = JSON.stringify({
        memory: { limit: 32 << 20 },
        cpu: { quota: 20000, period: 50000 },
      });
      await lab.succeed(['update', '-r', '-', id], { input });
      expect(await value(lab, id, 'memory', controllerFile)).toBe(String(32 << 20));
      if (!isUnified()) expect(await value(lab, id, 'cpu', 'cpu.cfs_quota_us')).toBe('20000');
    },
    { except: { crun: 'version 1.8 wants all options of one kind' } },
  );

  must('kill --all reaches every process', async (lab) => {
    const id = await lab.start(lab.bundle().script('sleep 1000 & sleep 1000 & wait'));
    await eventually(
      async () =>
        (JSON.parse((await lab.succeed(['ps', '-f', 'json', id])).stdout) as unknown[]).length ===
        3,
      5000,
    );
    await lab.succeed(['kill', '--all', id, 'KILL']);
    await eventually(async () => (await lab.status(id)) === 'stopped', 5000);
  });

  must(
    'containers begin and end side by side under a parent that comes and goes with them',
    async (lab) => {
      const parent = `${lab.id()}-parent`;
      const work = async (): Promise<void> => {
        const bundle = lab.bundle();
        bundle.spec.process.args = ['/bin/true'];
        for (let round = 0; round < 40; round += 1) {
          const id = lab.id();
          bundle.spec.linux.cgroupsPath = `/${parent}/${id}`;
          bundle.save();
          await lab.succeed(['run', '-b', bundle.folder, id]);
        }
      };
      await Promise.all(Array.from({ length: 6 }, work));
    },
    { except: { runc: KEEPS_PARENTS, crun: KEEPS_PARENTS } },
  );

  must('delete --force ends processes that outlive the first one', async (lab) => {
    const bundle = lab.bundle().script('sleep 1000 & echo started; exit 0');
    bundle.spec.linux.namespaces = bundle.spec.linux.namespaces.filter(
      ({ type }) => type !== 'pid',
    );
    const id = await lab.start(bundle);
    await eventually(async () => (await lab.status(id)) === 'stopped', 5000);
    await lab.succeed(['delete', '--force', id]);
  });
});

function removeParents(parent: string): void {
  for (const hierarchy of readdirSync('/sys/fs/cgroup')) {
    for (const path of [join(parent, 'inner'), parent]) {
      const folder = join('/sys/fs/cgroup', hierarchy, path);
      if (existsSync(folder)) rmdirSync(folder);
    }
  }
}
