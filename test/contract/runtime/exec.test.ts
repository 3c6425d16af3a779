import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from '@jest/globals';
import { eventually } from '../../support/eventually.ts';
import { fieldsOf } from '../../support/runtime.ts';
import { describeContract } from './contract.ts';

describeContract('exec', (must) => {
  must('it ends with the code of its program', async (lab) => {
    const id = await lab.start(lab.bundle());
    expect((await lab.call(['exec', id, 'sh', '-c', 'exit 4'])).code).toBe(4);
    expect((await lab.call(['exec', id, 'sh', '-c', 'kill -9 $$'])).code).toBe(137);
  });

  must('it sees what the container sees', async (lab) => {
    const id = await lab.start(lab.bundle());
    const script =
      'hostname; for n in mnt net uts pid ipc cgroup; do readlink /proc/self/ns/$n; done; cat /proc/self/cgroup';
    const other =
      'hostname; for n in mnt net uts pid ipc cgroup; do readlink /proc/1/ns/$n; done; cat /proc/1/cgroup';
    const own = await lab.succeed(['exec', id, 'sh', '-c', script]);
    const first = await lab.succeed(['exec', '--cap', 'CAP_SYS_PTRACE', id, 'sh', '-c', other]);
    expect(own.stdout).toBe(first.stdout);
  });

  must(
    'it has the environment, folder and user of the container, changed by its options',
    async (lab) => {
      const bundle = lab.bundle();
      bundle.spec.process.env.push('A=1');
      bundle.spec.process.cwd = '/tmp';
      const id = await lab.start(bundle);
      const plain = await lab.succeed(['exec', id, 'sh', '-c', 'echo $A $HOME; pwd; id -u']);
      expect(plain.stdout).toBe('1 /root\n/tmp\n0\n');
      const changed = await lab.succeed([
        ...['exec', '-e', 'B=2', '-e', 'C=3', '--cwd', '/etc', '--user', '1000:1001', id],
        ...['sh', '-c', 'echo $A $B $C; pwd; id -u; id -g'],
      ]);
      expect(changed.stdout).toBe('1 2 3\n/etc\n1000\n1001\n');
    },
    { except: { crun: 'version 1.8 starts in / unless told otherwise' } },
  );

  must(
    'it takes a process from a file',
    async (lab) => {
      const id = await lab.start(lab.bundle());
      const file = join(lab.folder, 'process.json');
      writeFileSync(
        file,
        JSON.stringify({
          args: ['sh', '-c', 'echo $X; id -u; pwd; grep -E "CapEff|NoNew" /proc/self/status'],
          env: ['PATH=/bin', 'X=y'],
          cwd: '/etc',
          user: { uid: 1000, gid: 1000 },
          capabilities: {},
          noNewPrivileges: true,
        }),
      );
      const { stdout } = await lab.succeed(['exec', '--process', file, id]);
      expect(stdout).toBe('y\n1000\n/etc\nCapEff:\t0000000000000000\nNoNewPrivs:\t1\n');
    },
    { except: { crun: 'version 1.8 starts in / unless told otherwise' } },
  );

  must(
    'a process file sets the umask',
    async (lab) => {
      const id = await lab.start(lab.bundle());
      const file = join(lab.folder, 'process.json');
      const user = { uid: 0, gid: 0, umask: 0o77 };
      writeFileSync(file, JSON.stringify({ args: ['/bin/sh', '-c', 'umask'], cwd: '/', user }));
      expect((await lab.succeed(['exec', '--process', file, id])).stdout).toBe('0077\n');
    },
    { except: { runc: 'version 1.1 ignores it' } },
  );

  must('options after the program are the program’s', async (lab) => {
    const id = await lab.start(lab.bundle());
    expect((await lab.succeed(['exec', id, 'echo', '-e', '--tty', '-u'])).stdout).toBe(
      '--tty -u\n',
    );
  });

  must(
    'a program that is not there ends it with 255 and the words of runc',
    async (lab) => {
      const id = await lab.start(lab.bundle());
      for (const [name, text] of [
        ['nosuch', 'exec: \\"nosuch\\": executable file not found in $PATH'],
        ['/nosuch', 'exec: \\"/nosuch\\": stat /nosuch: no such file or directory'],
        ['/etc/passwd', 'exec: \\"/etc/passwd\\": permission denied'],
      ] as const) {
        const outcome = await lab.call(['exec', id, name]);
        expect(outcome.code).toBe(255);
        expect(outcome.stderr).toContain(text);
      }
    },
    { except: { crun: 'it has words and codes of its own' } },
  );

  must(
    'a folder that is not there is an error',
    async (lab) => {
      const id = await lab.start(lab.bundle());
      const outcome = await lab.call(['exec', '--cwd', '/nowhere', id, 'true']);
      expect(outcome.code).toBe(255);
      expect(outcome.stderr).toContain('no such file or directory');
    },
    { except: { crun: 'it has words and codes of its own' } },
  );

  must('it is in the cgroups of the container', async (lab) => {
    const id = await lab.start(lab.bundle());
    await lab.succeed(['exec', '--detach', id, 'sleep', '1000']);
    const pids = JSON.parse((await lab.succeed(['ps', '-f', 'json', id])).stdout) as number[];
    expect(pids).toHaveLength(2);
    const [first = 0, second = 0] = pids;
    expect(readFileSync(`/proc/${first}/cgroup`, 'utf8')).toBe(
      readFileSync(`/proc/${second}/cgroup`, 'utf8'),
    );
  });

  must('detached it returns at once and tells its pid', async (lab) => {
    const id = await lab.start(lab.bundle());
    const file = join(lab.folder, 'exec.pid');
    await lab.succeed(['exec', '--detach', '--pid-file', file, id, 'sleep', '999']);
    const pid = readFileSync(file, 'utf8');
    await eventually(
      () => readFileSync(`/proc/${pid}/cmdline`, 'utf8') === 'sleep\x00999\x00',
      5000,
    );
    await lab.succeed(['kill', id, 'KILL']);
    await eventually(() => !existsSync(`/proc/${pid}/exe`), 5000);
  });

  must(
    'with --tty it has a terminal of the container',
    async (lab) => {
      const id = await lab.start(lab.bundle());
      const { stdout } = await lab.call(
        ['exec', '--tty', id, 'sh', '-c', 'tty; test -t 1 && echo yes'],
        { input: '' },
      );
      expect(stdout.replaceAll('\r', '')).toMatch(/^\/dev\/pts\/\d\nyes\n$/);
    },
    {
      except: {
        runc: 'it takes a terminal only from a terminal',
        crun: 'it takes a terminal only from a terminal',
      },
    },
  );

  must('it is under the seccomp filter of the container', async (lab) => {
    const bundle = lab.bundle();
    bundle.spec.linux['seccomp'] = {
      defaultAction: 'SCMP_ACT_ALLOW',
      syscalls: [{ names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO' }],
    };
    const id = await lab.start(bundle);
    const { stdout } = await lab.call([
      'exec',
      id,
      'sh',
      '-c',
      'mkdir /tmp/a || echo denied; cat /proc/self/status',
    ]);
    expect(stdout).toMatch(/^denied\n/);
    expect(fieldsOf(stdout)['Seccomp']).toBe('2');
  });

  must(
    'a stopped or missing container is an error',
    async (lab) => {
      const id = await lab.start(lab.bundle().script('exit 0'));
      await eventually(async () => (await lab.status(id)) === 'stopped', 5000);
      const stopped = await lab.call(['exec', id, 'true']);
      expect([stopped.code, stopped.stderr.includes('cannot exec in a stopped container')]).toEqual(
        [255, true],
      );
      const missing = await lab.call(['exec', 'nobody', 'true']);
      expect([missing.code, missing.stderr.includes('container does not exist')]).toEqual([
        255,
        true,
      ]);
    },
    { except: { crun: 'it has words and codes of its own' } },
  );

  must('no descriptor of the runtime is left open', async (lab) => {
    const id = await lab.start(lab.bundle());
    const { stdout } = await lab.succeed(['exec', id, 'sh', '-c', 'ls /proc/$$/fd; true']);
    expect(
      stdout
        .trim()
        .split('\n')
        .filter((fd) => Number(fd) > 2 && fd !== '10'),
    ).toEqual([]);
  });

  must('it enters a user namespace', async (lab) => {
    const bundle = lab.bundle();
    bundle.namespaces('user');
    const mapping = [{ containerID: 0, hostID: 100000, size: 65536 }];
    bundle.spec.linux['uidMappings'] = mapping;
    bundle.spec.linux['gidMappings'] = mapping;
    bundle.chownTo(100000);
    const id = await lab.start(bundle);
    const { stdout } = await lab.succeed(['exec', id, 'sh', '-c', 'id -u; cat /proc/self/uid_map']);
    expect(stdout.replaceAll(/ +/g, ' ')).toBe('0\n 0 100000 65536\n');
  });
});
