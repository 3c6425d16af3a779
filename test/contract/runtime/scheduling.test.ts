import { cpus } from 'node:os';
import { join } from 'node:path';
import { writeFileSync } from 'node:fs';
import { expect } from '@jest/globals';
import { fieldsOf } from '../../support/runtime.ts';
import { describeContract, SPEC_1_1, SPEC_1_2, SPEC_1_3 } from './contract.ts';

describeContract('scheduling', (must) => {
  must(
    'the scheduler is set',
    async (lab) => {
      const bundle = lab.bundle().script('cut -d " " -f 19,41 /proc/self/stat');
      Object.assign(bundle.spec.process, { scheduler: { policy: 'SCHED_BATCH', nice: 5 } });
      // The nice value, and the number of SCHED_BATCH.
      expect((await lab.run(bundle)).stdout).toBe('5 3\n');
    },
    { except: SPEC_1_1 },
  );

  must(
    'a scheduler with a flag that is unknown is refused',
    async (lab) => {
      const bundle = lab.bundle();
      Object.assign(bundle.spec.process, {
        scheduler: { policy: 'SCHED_OTHER', flags: ['SCHED_FLAG_NONSENSE'] },
      });
      expect((await lab.run(bundle)).code).toBe(1);
    },
    { except: SPEC_1_1 },
  );

  must(
    'the I/O priority is set',
    async (lab) => {
      const bundle = lab.bundle().script('busybox ionice -p $$');
      Object.assign(bundle.spec.process, {
        ioPriority: { class: 'IOPRIO_CLASS_BE', priority: 6 },
      });
      expect((await lab.run(bundle)).stdout).toBe('best-effort: prio 6\n');
    },
    { except: SPEC_1_1 },
  );

  must(
    'an exec runs on the CPUs of execCPUAffinity',
    async (lab) => {
      const last = cpus().length - 1;
      const bundle = lab.bundle();
      Object.assign(bundle.spec.process, {
        execCPUAffinity: { initial: '0', final: String(last) },
      });
      const id = await lab.start(bundle);
      const { stdout } = await lab.succeed(['exec', id, 'cat', '/proc/self/status']);
      expect(fieldsOf(stdout)['Cpus_allowed_list']).toBe(String(last));
      const file = join(lab.folder, 'process.json');
      writeFileSync(
        file,
        JSON.stringify({
          ...bundle.spec.process,
          args: ['cat', '/proc/self/status'],
          execCPUAffinity: { final: '0' },
        }),
      );
      const named = await lab.succeed(['exec', '--process', file, id]);
      expect(fieldsOf(named.stdout)['Cpus_allowed_list']).toBe('0');
    },
    { except: SPEC_1_2 },
  );

  must(
    'a list of CPUs that cannot be read is refused',
    async (lab) => {
      for (const list of ['x', '3-1', '0,,1', '100000']) {
        const bundle = lab.bundle();
        Object.assign(bundle.spec.process, { execCPUAffinity: { final: list } });
        const { code, stderr } = await lab.run(bundle);
        expect([code, stderr]).toEqual([1, expect.stringContaining('execCPUAffinity.final')]);
      }
    },
    { except: { runc: 'accepts them until exec', crun: 'accepts them until exec' } },
  );

  must(
    'the memory policy is set',
    async (lab) => {
      const bundle = lab.bundle().script('head -n 1 /proc/self/numa_maps');
      bundle.spec.linux['memoryPolicy'] = {
        mode: 'MPOL_BIND',
        nodes: '0',
        flags: ['MPOL_F_STATIC_NODES'],
      };
      const { stdout, stderr } = await lab.run(bundle);
      expect([stderr, stdout]).toEqual(['', expect.stringContaining(' bind=static:0 ')]);
    },
    { except: SPEC_1_3 },
  );

  must(
    'a memory policy for a node that is not there is an error',
    async (lab) => {
      const bundle = lab.bundle();
      bundle.spec.linux['memoryPolicy'] = { mode: 'MPOL_BIND', nodes: '900' };
      const { code, stderr } = await lab.run(bundle);
      expect([code, stderr]).toEqual([1, expect.stringMatching(/mem_?ory_?policy|mempolicy/i)]);
    },
    { except: SPEC_1_3 },
  );

  must(
    'the personality is set',
    async (lab) => {
      const bundle = lab.bundle().script('uname -m; cat /proc/self/personality');
      bundle.spec.linux['personality'] = { domain: 'LINUX32' };
      expect((await lab.run(bundle)).stdout).toMatch(/^i686\n00000008\n$/);
    },
    { except: { runc: 'version 1.1 does not know it', crun: 'version 1.8 sets it later' } },
  );

  must(
    'a labelled process is refused where the kernel has no such module',
    async (lab) => {
      for (const [member, name] of [
        ['apparmorProfile', 'AppArmor'],
        ['selinuxLabel', 'SELinux'],
      ] as const) {
        const bundle = lab.bundle();
        Object.assign(bundle.spec.process, { [member]: 'no-such-label' });
        const { code, stderr } = await lab.run(bundle);
        expect([code, stderr]).toEqual([1, expect.stringContaining(name)]);
      }
    },
    { except: { runc: 'words it otherwise', crun: 'words it otherwise' } },
  );
});
