import { readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { expect } from '@jest/globals';
import { describeContract } from './contract.ts';

const FILES: Readonly<Record<string, string>> = {
  mount: 'mnt',
  network: 'net',
  uts: 'uts',
  pid: 'pid',
  ipc: 'ipc',
  cgroup: 'cgroup',
};

describeContract('namespaces', (must) => {
  must('those listed are new and the others are the caller’s', async (lab) => {
    const bundle = lab
      .bundle()
      .script('for n in mnt net uts pid ipc cgroup; do readlink /proc/self/ns/$n; done');
    delete bundle.spec.hostname;
    bundle.spec.linux.namespaces = [{ type: 'mount' }, { type: 'pid' }, { type: 'cgroup' }];
    bundle.spec.mounts = bundle.spec.mounts.filter(
      (mount) => mount.type !== 'sysfs' && mount.type !== 'cgroup',
    );
    bundle.spec.linux.maskedPaths = [];
    const lines = (await lab.run(bundle)).stdout.trim().split('\n');
    const isOurs = ['mnt', 'net', 'uts', 'pid', 'ipc', 'cgroup'].map(
      (name, i) => readlinkSync(`/proc/self/ns/${name}`) === lines[i],
    );
    expect(isOurs).toEqual([false, true, true, false, true, false]);
  });

  must('the program is process 1 in a pid namespace', async (lab) => {
    expect(
      (await lab.run(lab.bundle().script('echo $$; ls -d /proc/[0-9]* | wc -l'))).stdout,
    ).toMatch(/^1\n/);
  });

  must('host name and domain name are the container’s own', async (lab) => {
    const bundle = lab.bundle().script('hostname');
    expect((await lab.run(bundle)).stdout).toBe('testbox\n');
    expect(hostname()).not.toBe('testbox');
  });

  must(
    'the domain name is the container’s own',
    async (lab) => {
      const bundle = lab.bundle().script('cat /proc/sys/kernel/domainname');
      bundle.spec.domainname = 'test.example';
      expect((await lab.run(bundle)).stdout).toBe('test.example\n');
    },
    { except: { runc: 'version 1.1 does not know it', crun: 'version 1.8 does not know it' } },
  );

  must(
    'a time namespace has its offsets, and an exec enters it',
    async (lab) => {
      const bundle = lab.bundle().namespaces('time');
      bundle.spec.linux['timeOffsets'] = {
        monotonic: { secs: 1000, nanosecs: 5 },
        boottime: { secs: 7_000_000, nanosecs: 0 },
      };
      const id = await lab.start(bundle);
      const { stdout } = await lab.succeed([
        'exec',
        id,
        'cat',
        '/proc/uptime',
        '/proc/self/timens_offsets',
      ]);
      expect(Number(stdout.split(' ')[0])).toBeGreaterThan(7_000_000);
      expect(stdout.replaceAll(/ +/g, ' ')).toContain('monotonic 1000 5\nboottime 7000000 0\n');
    },
    { except: { runc: 'version 1.1 does not know it', crun: 'version 1.8 words it otherwise' } },
  );

  must(
    'offsets without a time namespace of its own are refused',
    async (lab) => {
      const bundle = lab.bundle();
      bundle.spec.linux['timeOffsets'] = { boottime: { secs: 5 } };
      const { code, stderr } = await lab.run(bundle);
      expect([code, stderr]).toEqual([1, expect.stringMatching(/time/i)]);
    },
    { except: { runc: 'version 1.1 does not know it', crun: 'version 1.8 leaves them out' } },
  );

  must(
    'a user namespace with a path is joined',
    async (lab) => {
      const first = lab.bundle().namespaces('user');
      const mapping = [{ containerID: 0, hostID: 100000, size: 65536 }];
      Object.assign(first.spec.linux, { uidMappings: mapping, gidMappings: mapping });
      first.chownTo(100000);
      const pid = await lab.pid(await lab.start(first));
      const bundle = lab
        .bundle()
        .script('readlink /proc/self/ns/user; cat /proc/self/uid_map; id -u');
      bundle.chownTo(100000);
      bundle.spec.linux.namespaces.push({ type: 'user', path: `/proc/${pid}/ns/user` });
      const { stdout, stderr } = await lab.run(bundle);
      const lines = stdout.replaceAll(/ +/g, ' ').trim().split('\n');
      expect([stderr, lines]).toEqual([
        '',
        [readlinkSync(`/proc/${pid}/ns/user`), ' 0 100000 65536', '0'],
      ]);
    },
    {
      except: {
        runc: 'version 1.1 cannot without mappings beside the path',
        crun: 'words it otherwise',
      },
    },
  );

  must('a new network namespace has a loopback that is up', async (lab) => {
    const { stdout } = await lab.run(lab.bundle().script('ip -o link | wc -l; ip addr show lo'));
    expect(stdout).toMatch(/^1\n/);
    expect(stdout).toContain('LOOPBACK,UP');
    expect(stdout).toContain('127.0.0.1/8');
  });

  must('a namespace with a path is joined', async (lab) => {
    const first = await lab.start(lab.bundle());
    const pid = await lab.pid(first);
    const bundle = lab
      .bundle()
      .script('for n in net uts ipc pid; do readlink /proc/self/ns/$n; done; hostname');
    delete bundle.spec.hostname;
    bundle.spec.linux.namespaces = [
      { type: 'mount' },
      ...['network', 'uts', 'ipc', 'pid'].map((type) => ({
        type,
        path: `/proc/${pid}/ns/${FILES[type] ?? ''}`,
      })),
    ];
    const lines = (await lab.run(bundle)).stdout.trim().split('\n');
    expect(lines).toEqual([
      ...['net', 'uts', 'ipc', 'pid'].map((name) => readlinkSync(`/proc/${pid}/ns/${name}`)),
      'testbox',
    ]);
  });

  must('a pid namespace is joined by a container that is created first', async (lab) => {
    const first = await lab.start(lab.bundle());
    const bundle = lab.bundle();
    const path = `/proc/${await lab.pid(first)}/ns/pid`;
    bundle.spec.linux.namespaces = bundle.spec.linux.namespaces.map((space) =>
      space.type === 'pid' ? { type: 'pid', path } : space,
    );
    const second = await lab.start(bundle);
    const pid = await lab.pid(second);
    expect(readlinkSync(`/proc/${pid}/ns/pid`)).toBe(readlinkSync(path));
  });

  must('a user namespace maps ids', async (lab) => {
    const bundle = lab
      .bundle()
      .script(
        'id -u; cat /proc/self/uid_map /proc/self/gid_map; touch /tmp/made; stat -c %u /tmp/made; ls -ln /dev/null',
      );
    bundle.namespaces('user');
    const mapping = [{ containerID: 0, hostID: 100000, size: 65536 }];
    bundle.spec.linux['uidMappings'] = mapping;
    bundle.spec.linux['gidMappings'] = mapping;
    bundle.chownTo(100000);
    const { stdout, stderr, code } = await lab.run(bundle);
    expect([code, stderr]).toEqual([0, '']);
    const lines = stdout
      .trim()
      .split('\n')
      .map((line) => line.trim().replaceAll(/\s+/g, ' '));
    expect(lines.slice(0, 4)).toEqual(['0', '0 100000 65536', '0 100000 65536', '0']);
    expect(lines[4]).toContain('1, 3');
  });

  must('sysctls of own namespaces are set', async (lab) => {
    const bundle = lab
      .bundle()
      .script(
        'cat /proc/sys/net/ipv4/ip_unprivileged_port_start /proc/sys/kernel/msgmax /proc/sys/fs/mqueue/msg_max',
      );
    bundle.spec.linux['sysctl'] = {
      'net.ipv4.ip_unprivileged_port_start': '0',
      'kernel.msgmax': '4096',
      'fs.mqueue.msg_max': '7',
    };
    expect((await lab.run(bundle)).stdout).toBe('0\n4096\n7\n');
  });

  must('a sysctl of the host is refused', async (lab) => {
    for (const [name, without] of [
      ['kernel.panic', ''],
      ['net.ipv4.ip_forward', 'network'],
      ['kernel.shmmax', 'ipc'],
    ] as const) {
      const bundle = lab.bundle();
      bundle.spec.linux.namespaces = bundle.spec.linux.namespaces.filter(
        ({ type }) => type !== without,
      );
      bundle.spec.linux['sysctl'] = { [name]: '1' };
      expect((await lab.run(bundle)).code).toBe(1);
    }
  });
});
