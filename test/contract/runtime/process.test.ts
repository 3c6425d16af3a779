import { closeSync, existsSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from '@jest/globals';
import { fieldsOf } from '../../support/runtime.ts';
import { describeContract } from './contract.ts';

const NO_CAPABILITIES = '0000000000000000';

describeContract('process', (must) => {
  must('the environment is what config.json says, and HOME from /etc/passwd', async (lab) => {
    const bundle = lab.bundle();
    bundle.spec.process.args = ['/bin/env'];
    bundle.spec.process.env = ['PATH=/bin', 'A=1', 'EMPTY='];
    const { stdout } = await lab.run(bundle);
    expect(stdout.trim().split('\n').sort()).toEqual(['A=1', 'EMPTY=', 'HOME=/root', 'PATH=/bin']);
  });

  must(
    'HOME is that of the user, / when the user is unknown, and kept when it is set',
    async (lab) => {
      for (const [uid, env, home] of [
        [1000, [], '/home/worker'],
        [4242, [], '/'],
        [1000, ['HOME=/x'], '/x'],
      ] as const) {
        const bundle = lab.bundle().script('echo $HOME');
        bundle.spec.process.user = { uid, gid: 1000 };
        bundle.spec.process.env.push(...env);
        expect((await lab.run(bundle)).stdout).toBe(`${home}\n`);
      }
    },
    { except: { crun: 'it sets no HOME for an unknown user' } },
  );

  must(
    'ids, groups and umask are those of the user',
    async (lab) => {
      const bundle = lab.bundle().script('cat /proc/self/status; umask');
      bundle.spec.process.user = { uid: 1000, gid: 1001, umask: 0o27, additionalGids: [10, 20] };
      const { stdout } = await lab.run(bundle);
      const status = fieldsOf(stdout);
      expect(status['Uid']).toBe('1000\t1000\t1000\t1000');
      expect(status['Gid']).toBe('1001\t1001\t1001\t1001');
      expect(status['Groups']).toBe('10 20');
      expect(stdout.trim().split('\n').at(-1)).toBe('0027');
    },
    { except: { crun: 'it sets no HOME for an unknown user' } },
  );

  must('no group of the caller is left', async (lab) => {
    const { stdout } = await lab.run(lab.bundle().script('grep Groups /proc/self/status'));
    expect(stdout.replace('Groups:', '').trim()).toBe('');
  });

  must('the umask is 0022 unless said otherwise', async (lab) => {
    expect((await lab.run(lab.bundle().script('umask'))).stdout).toBe('0022\n');
  });

  must('the working folder is made when it is missing', async (lab) => {
    const bundle = lab.bundle();
    bundle.spec.process.args = ['/bin/pwd'];
    bundle.spec.process.cwd = '/new/folder';
    expect((await lab.run(bundle)).stdout).toBe('/new/folder\n');
  });

  must('a program is looked for in PATH of the container', async (lab) => {
    const bundle = lab.bundle();
    bundle.write('tmp/tool', '#!/bin/sh\necho found $0\n', 0o755);
    bundle.spec.process.args = ['tool'];
    bundle.spec.process.env = ['PATH=/nowhere:/tmp:/bin'];
    expect((await lab.run(bundle)).stdout).toBe('found /tmp/tool\n');
  });

  must('a relative program is looked for in the working folder', async (lab) => {
    const bundle = lab.bundle();
    bundle.write('tmp/tool', '#!/bin/sh\necho found\n', 0o755);
    bundle.spec.process.args = ['./tool'];
    bundle.spec.process.cwd = '/tmp';
    expect((await lab.run(bundle)).stdout).toBe('found\n');
  });

  must('the capability sets are those of config.json', async (lab) => {
    const bundle = lab.bundle().script('cat /proc/self/status');
    bundle.spec.process.capabilities = {
      bounding: ['CAP_CHOWN', 'CAP_KILL', 'CAP_NET_RAW'],
      permitted: ['CAP_CHOWN', 'CAP_KILL'],
      effective: ['CAP_CHOWN', 'CAP_KILL'],
    };
    const status = fieldsOf((await lab.run(bundle)).stdout);
    expect(status['CapBnd']).toBe('0000000000002021');
    expect(status['CapInh']).toBe(NO_CAPABILITIES);
    expect(status['CapAmb']).toBe(NO_CAPABILITIES);
  });

  must('without capabilities root has none', async (lab) => {
    const bundle = lab.bundle().script('cat /proc/self/status');
    bundle.spec.process.capabilities = {};
    const status = fieldsOf((await lab.run(bundle)).stdout);
    for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb']) {
      expect(status[set]).toBe(NO_CAPABILITIES);
    }
  });

  must('a user keeps ambient capabilities over execve and no others', async (lab) => {
    const bundle = lab.bundle().script('cat /proc/self/status');
    bundle.spec.process.user = { uid: 1000, gid: 1000 };
    const sets = ['CAP_NET_BIND_SERVICE'];
    bundle.spec.process.capabilities = {
      bounding: [...sets, 'CAP_KILL'],
      permitted: [...sets, 'CAP_KILL'],
      effective: [...sets, 'CAP_KILL'],
      inheritable: sets,
      ambient: sets,
    };
    const status = fieldsOf((await lab.run(bundle)).stdout);
    for (const set of ['CapPrm', 'CapEff', 'CapInh', 'CapAmb'])
      expect(status[set]).toBe('0000000000000400');
  });

  must('no_new_privs is set as asked', async (lab) => {
    for (const isSet of [true, false]) {
      const bundle = lab.bundle().script('cat /proc/self/status');
      bundle.spec.process.noNewPrivileges = isSet;
      expect(fieldsOf((await lab.run(bundle)).stdout)['NoNewPrivs']).toBe(isSet ? '1' : '0');
    }
  });

  must('resource limits are set', async (lab) => {
    const bundle = lab.bundle().script('cat /proc/self/limits');
    bundle.spec.process.rlimits = [
      { type: 'RLIMIT_NOFILE', soft: 50, hard: 60 },
      { type: 'RLIMIT_CORE', soft: 0, hard: 0 },
    ];
    const { stdout } = await lab.run(bundle);
    expect(stdout).toMatch(/Max open files +50 +60 /);
    expect(stdout).toMatch(/Max core file size +0 +0 /);
  });

  must('the OOM score is adjusted', async (lab) => {
    const bundle = lab.bundle().script('cat /proc/self/oom_score_adj');
    bundle.spec.process.oomScoreAdj = 321;
    expect((await lab.run(bundle)).stdout).toBe('321\n');
  });

  must('the program is a session leader without a terminal of the caller', async (lab) => {
    const { stdout } = await lab.run(lab.bundle().script('cut -d " " -f 1,5,6,7 /proc/$$/stat'));
    expect(stdout).toBe('1 1 1 0\n');
  });

  must('no descriptor of the runtime is left open', async (lab) => {
    const { stdout } = await lab.run(lab.bundle().script('ls /proc/$$/fd; true'));
    // 10 is the shell's own.
    expect(
      stdout
        .trim()
        .split('\n')
        .filter((fd) => Number(fd) > 2 && fd !== '10'),
    ).toEqual([]);
  });

  must('--preserve-fds hands on that many descriptors', async (lab) => {
    const file = join(lab.folder, 'extra');
    writeFileSync(file, 'from outside\n');
    const fd = openSync(file, 'r');
    try {
      const bundle = lab.bundle().script('cat <&3');
      const { stdout } = await lab.run(bundle, ['--preserve-fds', '1'], { extraFds: [fd] });
      expect(stdout).toBe('from outside\n');
    } finally {
      closeSync(fd);
    }
  });

  must('no signal is blocked or ignored', async (lab) => {
    const bundle = lab.bundle();
    bundle.spec.process.args = ['/bin/cat', '/proc/self/status'];
    const status = fieldsOf((await lab.run(bundle)).stdout);
    expect(status['SigBlk']).toBe(NO_CAPABILITIES);
    expect(status['SigIgn']).toBe(NO_CAPABILITIES);
  });

  must('a user can open its own standard output by path', async (lab) => {
    const bundle = lab.bundle().script('echo hello > /dev/stdout');
    bundle.spec.process.user = { uid: 1000, gid: 1000 };
    expect((await lab.run(bundle)).stdout).toBe('hello\n');
  });

  must('a seccomp filter denies with the errno of its rule', async (lab) => {
    for (const isSet of [true, false]) {
      const bundle = lab.bundle().script('mkdir /tmp/a; grep Seccomp: /proc/self/status');
      bundle.spec.process.noNewPrivileges = isSet;
      bundle.spec.linux['seccomp'] = {
        defaultAction: 'SCMP_ACT_ALLOW',
        architectures: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86'],
        syscalls: [
          {
            names: ['mkdir', 'mkdirat', 'no_such_syscall'],
            action: 'SCMP_ACT_ERRNO',
            errnoRet: 28,
          },
        ],
      };
      const { stdout, stderr } = await lab.run(bundle);
      expect(stderr).toContain('No space left on device');
      expect(stdout).toContain('Seccomp:\t2');
    }
  });

  must('a seccomp filter looks at arguments', async (lab) => {
    const bundle = lab.bundle().script('kill -0 $$ && echo zero; kill -CONT $$ || echo denied');
    bundle.spec.linux['seccomp'] = {
      defaultAction: 'SCMP_ACT_ALLOW',
      syscalls: [
        {
          names: ['kill'],
          action: 'SCMP_ACT_ERRNO',
          args: [{ index: 1, value: 18, op: 'SCMP_CMP_EQ' }],
        },
      ],
    };
    expect((await lab.run(bundle)).stdout).toBe('zero\ndenied\n');
  });

  must('a filter that allows only what a program needs does not stop the runtime', async (lab) => {
    const bundle = lab.bundle();
    bundle.spec.process.noNewPrivileges = true;
    bundle.spec.linux['seccomp'] = {
      defaultAction: 'SCMP_ACT_ERRNO',
      syscalls: [
        {
          names: [
            ...[
              'execve',
              'exit',
              'exit_group',
              'brk',
              'arch_prctl',
              'set_tid_address',
              'prlimit64',
            ],
            ...['set_robust_list', 'rseq', 'mprotect', 'readlink', 'getrandom', 'uname', 'getuid'],
            // for the peers, which are at work longer under the filter
            ...[
              'futex',
              'read',
              'write',
              'close',
              'fstat',
              'openat',
              'epoll_pwait',
              'rt_sigreturn',
            ],
            ...['fcntl', 'nanosleep', 'tgkill', 'getpid', 'sigaltstack', 'rt_sigprocmask', 'mmap'],
            ...['newfstatat', 'rt_sigaction', 'gettid', 'faccessat2', 'munmap', 'sched_yield'],
            ...[
              'capget',
              'capset',
              'prctl',
              'setgid',
              'setgroups',
              'setuid',
              'chdir',
              'getcwd',
              'statfs',
              'fstatfs',
              'getdents64',
            ],
          ],
          action: 'SCMP_ACT_ALLOW',
        },
      ],
    };
    expect((await lab.run(bundle)).code).toBe(0);
  });

  must(
    'a terminal is the controlling one and has the size asked for',
    async (lab) => {
      const bundle = lab
        .bundle()
        .script('tty; stty size; ls -l /dev/console; test -t 0 -a -t 1 -a -t 2 && echo yes');
      bundle.spec.process.terminal = true;
      bundle.spec.process.consoleSize = { height: 31, width: 101 };
      const { stdout } = await lab.run(bundle, [], { input: '' });
      const lines = stdout.replaceAll('\r', '').trim().split('\n');
      expect(lines[0]).toBe('/dev/pts/0');
      expect(lines[1]).toBe('31 101');
      expect(lines[2]).toMatch(/^crw--w---- .*\/dev\/console$/);
      expect(lines[3]).toBe('yes');
    },
    {
      except: {
        runc: 'it takes a terminal only from a terminal',
        crun: 'it takes a terminal only from a terminal',
      },
    },
  );

  must('a terminal needs someone to take it', async (lab) => {
    const bundle = lab.bundle();
    bundle.spec.process.terminal = true;
    bundle.save();
    const id = lab.id();
    const outcome = await lab.call(['create', '-b', bundle.folder, id]);
    expect(outcome.code).toBe(1);
    expect(existsSync(join(lab.root, id))).toBe(false);
  });

  must('the first process has its own session keyring', async (lab) => {
    const bundle = lab.bundle().script('cat /proc/keys 2>&1; cat /proc/key-users 2>&1');
    bundle.spec.linux.maskedPaths = [];
    const before = readFileSync('/proc/keys', 'utf8');
    const { stdout } = await lab.run(bundle);
    expect(stdout).toContain('_ses.');
    expect(before).not.toBe(stdout);
  });
});
