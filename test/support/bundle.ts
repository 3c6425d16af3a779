import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** config.json as a test writes it: loose on purpose, so that wrong ones can be written too. */
export interface TestSpec {
  ociVersion: string;
  process: TestProcess;
  root: { path: string; readonly: boolean };
  hostname?: string;
  domainname?: string;
  mounts: TestMount[];
  hooks?: Record<string, unknown>;
  annotations?: Record<string, string>;
  linux: TestLinux;
}

export interface TestProcess {
  terminal: boolean;
  consoleSize?: { height: number; width: number };
  user: { uid: number; gid: number; umask?: number; additionalGids?: number[] };
  args: string[];
  env: string[];
  cwd: string;
  capabilities: Record<string, string[]>;
  rlimits: { type: string; soft: number; hard: number }[];
  noNewPrivileges: boolean;
  oomScoreAdj?: number;
}

export interface TestMount {
  destination: string;
  type?: string;
  source?: string;
  options?: string[];
  uidMappings?: TestMapping[];
  gidMappings?: TestMapping[];
}

export interface TestMapping {
  containerID: number;
  hostID: number;
  size: number;
}

export interface TestLinux {
  namespaces: { type: string; path?: string }[];
  maskedPaths: string[];
  readonlyPaths: string[];
  resources: Record<string, unknown>;
  cgroupsPath?: string;
  [member: string]: unknown;
}

const APPLETS = [
  ...[
    '[',
    'cat',
    'chmod',
    'chown',
    'cut',
    'date',
    'dd',
    'echo',
    'env',
    'expr',
    'false',
    'find',
    'grep',
  ],
  ...[
    'head',
    'hostname',
    'id',
    'ifconfig',
    'ip',
    'kill',
    'ln',
    'ls',
    'mkdir',
    'mknod',
    'mkfifo',
    'mount',
  ],
  ...[
    'nc',
    'printf',
    'ps',
    'pwd',
    'readlink',
    'rm',
    'rmdir',
    'sed',
    'sh',
    'sleep',
    'sort',
    'stat',
    'stty',
  ],
  ...[
    'sync',
    'tail',
    'test',
    'touch',
    'tr',
    'true',
    'tty',
    'umount',
    'uname',
    'unshare',
    'wc',
    'yes',
  ],
];

const CAPABILITIES = [
  ...['CAP_CHOWN', 'CAP_DAC_OVERRIDE', 'CAP_FSETID', 'CAP_FOWNER', 'CAP_MKNOD', 'CAP_NET_RAW'],
  ...[
    'CAP_SETGID',
    'CAP_SETUID',
    'CAP_SETFCAP',
    'CAP_SETPCAP',
    'CAP_NET_BIND_SERVICE',
    'CAP_SYS_CHROOT',
  ],
  ...['CAP_KILL', 'CAP_AUDIT_WRITE'],
];

/** A fresh spec much like the one that Docker writes; its program does nothing and succeeds. */
export function defaultSpec(): TestSpec {
  return {
    ociVersion: '1.0.2',
    process: {
      terminal: false,
      user: { uid: 0, gid: 0 },
      args: ['/bin/true'],
      env: ['PATH=/usr/sbin:/usr/bin:/sbin:/bin'],
      cwd: '/',
      capabilities: {
        bounding: [...CAPABILITIES],
        effective: [...CAPABILITIES],
        permitted: [...CAPABILITIES],
      },
      rlimits: [],
      noNewPrivileges: false,
    },
    root: { path: 'rootfs', readonly: false },
    hostname: 'testbox',
    mounts: [
      {
        destination: '/proc',
        type: 'proc',
        source: 'proc',
        options: ['nosuid', 'noexec', 'nodev'],
      },
      {
        destination: '/dev',
        type: 'tmpfs',
        source: 'tmpfs',
        options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k'],
      },
      {
        destination: '/dev/pts',
        type: 'devpts',
        source: 'devpts',
        options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'],
      },
      {
        destination: '/sys',
        type: 'sysfs',
        source: 'sysfs',
        options: ['nosuid', 'noexec', 'nodev', 'ro'],
      },
      {
        destination: '/sys/fs/cgroup',
        type: 'cgroup',
        source: 'cgroup',
        options: ['ro', 'nosuid', 'noexec', 'nodev'],
      },
      {
        destination: '/dev/shm',
        type: 'tmpfs',
        source: 'shm',
        options: ['nosuid', 'noexec', 'nodev', 'mode=1777', 'size=67108864'],
      },
    ],
    linux: {
      namespaces: ['mount', 'network', 'uts', 'pid', 'ipc'].map((type) => ({ type })),
      maskedPaths: ['/proc/acpi', '/proc/keys', '/proc/timer_list', '/sys/firmware'],
      readonlyPaths: ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'],
      resources: { devices: [{ allow: false, access: 'rwm' }] },
    },
  };
}

/** A bundle with busybox as its root file system, in a temporary folder that `remove` takes away. */
export class TestBundle {
  readonly folder = mkdtempSync(join(tmpdir(), 'ocup-bundle-'));
  readonly rootfs = join(this.folder, 'rootfs');
  readonly spec = defaultSpec();

  constructor() {
    for (const name of ['bin', 'dev', 'etc', 'proc', 'sys', 'tmp', 'root']) {
      mkdirSync(join(this.rootfs, name), { recursive: true });
    }
    copyFileSync('/bin/busybox', join(this.rootfs, 'bin/busybox'));
    for (const name of APPLETS) symlinkSync('busybox', join(this.rootfs, 'bin', name));
    this.write(
      'etc/passwd',
      'root:x:0:0:root:/root:/bin/sh\nworker:x:1000:1000::/home/worker:/bin/sh\n',
    );
    this.write('etc/group', 'root:x:0:\nworker:x:1000:\n');
  }

  /** Writes a file below the root file system. */
  write(path: string, text: string, mode = 0o644): void {
    writeFileSync(join(this.rootfs, path), text, { mode });
  }

  /** A shell script as the container's program. */
  script(text: string): this {
    this.spec.process.args = ['/bin/sh', '-c', text];
    return this;
  }

  namespaces(...types: string[]): this {
    this.spec.linux.namespaces.push(...types.map((type) => ({ type })));
    return this;
  }

  /** Gives the root file system to another owner, and lets that one reach it. */
  chownTo(id: number): void {
    chmodSync(this.folder, 0o755);
    spawnSync('chown', ['-Rh', `${id}:${id}`, this.rootfs]);
  }

  save(): void {
    writeFileSync(join(this.folder, 'config.json'), JSON.stringify(this.spec));
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
