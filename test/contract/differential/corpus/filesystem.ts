import type { TestMount } from '../../../support/bundle.ts';
import type { Case } from '../case.ts';

const BIND_SOURCE = 'mkdir -p src/below; echo text >src/file; echo lone >lone';
const bind = (
  options: readonly string[],
  destination = '/data',
  source = '@BUNDLE@/src',
): TestMount[] => [{ destination, type: 'bind', source, options: [...options] }];
const bound = (name: string, options: readonly string[], more: Partial<Case> = {}): Case => ({
  name: `bind: ${name}`,
  prepare: BIND_SOURCE,
  mounts: bind(options),
  probe: 'path=/data path=/data/file',
  ...more,
});
const tmpfs = (name: string, options: readonly string[], more: Partial<Case> = {}): Case => ({
  name: `tmpfs: ${name}`,
  mounts: [{ destination: '/t', type: 'tmpfs', source: 'tmpfs', options: [...options] }],
  probe: 'path=/t',
  ...more,
});
const SUBMOUNT = `${BIND_SOURCE}; mount -t tmpfs below src/below`;
const NO_SUBMOUNT = 'umount src/below';

const ROOT: readonly Case[] = [
  {
    name: 'root: read-only',
    patch: { root: { readonly: true } },
    probe: 'path=/ path=/tmp path=/dev',
    isBrief: true,
  },
  { name: 'root: path absolute', patch: { root: { path: '@BUNDLE@/rootfs' } } },
  { name: 'root: path with dots', patch: { root: { path: './ns/../rootfs' } } },
  { name: 'root: path a symlink', patch: { root: { path: 'link' } }, prepare: 'ln -s rootfs link' },
  { name: 'root: path missing', patch: { root: { path: 'nowhere' } } },
  { name: 'root: path a file', patch: { root: { path: 'config.json' } } },
  { name: 'root: path empty', patch: { root: { path: '' } } },
  { name: 'root: absent', patch: { root: null } },
  {
    name: 'root: without /proc, /sys and /dev folders',
    prepare: 'rmdir rootfs/proc rootfs/sys rootfs/dev',
  },
  ...[
    'shared',
    'rshared',
    'slave',
    'rslave',
    'private',
    'rprivate',
    'unbindable',
    'runbindable',
    'odd',
  ].map((propagation): Case => ({
    name: `root: propagation ${propagation}`,
    patch: { linux: { rootfsPropagation: propagation } },
  })),
];

const BINDS: readonly Case[] = [
  bound('folder', ['bind']),
  bound('folder of no type', ['bind'], {
    mounts: [{ destination: '/data', source: '@BUNDLE@/src', options: ['bind'] }],
    isBrief: true,
  }),
  bound('type alone', [], {
    mounts: [{ destination: '/data', type: 'bind', source: '@BUNDLE@/src' }],
  }),
  bound('read-only', ['bind', 'ro'], { isBrief: true }),
  bound('rw after ro', ['bind', 'ro', 'rw']),
  bound('nosuid, nodev, noexec', ['rbind', 'nosuid', 'nodev', 'noexec']),
  bound('noatime', ['rbind', 'noatime']),
  bound('relatime', ['rbind', 'relatime']),
  bound('strictatime and nodiratime', ['rbind', 'strictatime', 'nodiratime']),
  bound('nosymfollow', ['bind', 'nosymfollow']),
  bound('below goes along', ['rbind'], { prepare: SUBMOUNT, cleanup: NO_SUBMOUNT }),
  bound('below stays away', ['bind'], { prepare: SUBMOUNT, cleanup: NO_SUBMOUNT }),
  bound('ro does not reach below', ['rbind', 'ro'], {
    prepare: SUBMOUNT,
    cleanup: NO_SUBMOUNT,
    probe: 'path=/data path=/data/below',
  }),
  bound('rro reaches below', ['rbind', 'rro'], {
    prepare: SUBMOUNT,
    cleanup: NO_SUBMOUNT,
    probe: 'path=/data path=/data/below',
  }),
  bound('recursive attributes', ['rbind', 'rnosuid', 'rnodev', 'rnoexec', 'rnoatime'], {
    prepare: SUBMOUNT,
    cleanup: NO_SUBMOUNT,
  }),
  bound('recursive attributes cleared', ['rbind', 'rrw', 'rsuid', 'rdev', 'rexec'], {
    prepare: SUBMOUNT,
    cleanup: NO_SUBMOUNT,
  }),
  ...[
    'shared',
    'rshared',
    'slave',
    'rslave',
    'private',
    'rprivate',
    'unbindable',
    'runbindable',
  ].map((propagation) =>
    bound(`propagation ${propagation}`, ['rbind', propagation], {
      prepare: SUBMOUNT,
      cleanup: NO_SUBMOUNT,
    }),
  ),
  bound('file onto nothing', ['bind'], {
    mounts: bind(['bind'], '/made/file', '@BUNDLE@/lone'),
    probe: 'path=/made path=/made/file',
  }),
  bound('file onto a file', ['bind'], {
    mounts: bind(['bind', 'ro'], '/etc/passwd', '@BUNDLE@/lone'),
    probe: 'path=/etc/passwd',
  }),
  bound('file onto a folder', ['bind'], { mounts: bind(['bind'], '/tmp', '@BUNDLE@/lone') }),
  bound('folder onto a file', ['bind'], { mounts: bind(['bind'], '/etc/passwd') }),
  bound('source missing', ['bind'], { mounts: bind(['bind'], '/data', '@BUNDLE@/none') }),
  bound('source relative', ['bind'], { mounts: bind(['bind'], '/data', 'src') }),
  bound('source a symlink', ['bind'], {
    prepare: `${BIND_SOURCE}; ln -s src link`,
    mounts: bind(['bind'], '/data', '@BUNDLE@/link'),
  }),
  bound('source absent', ['bind'], {
    mounts: [{ destination: '/data', type: 'bind', options: ['bind'] }],
  }),
  bound('fifo', ['bind'], {
    prepare: 'mkfifo pipe',
    mounts: bind(['bind'], '/pipe', '@BUNDLE@/pipe'),
    probe: 'path=/pipe',
  }),
  bound('device', ['bind'], {
    prepare: 'mknod null c 1 3',
    mounts: bind(['bind'], '/dev/other', '@BUNDLE@/null'),
    probe: 'path=/dev/other',
  }),
  bound('onto a symlink', ['bind'], {
    prepare: `${BIND_SOURCE}; ln -s /tmp rootfs/data`,
    probe: 'path=/tmp path=/data',
  }),
  bound('onto a symlink to nothing', ['bind'], {
    prepare: `${BIND_SOURCE}; ln -s /made/there rootfs/data`,
    probe: 'path=/made/there',
  }),
  bound('onto a symlink that leads out', ['bind'], {
    prepare: `${BIND_SOURCE}; ln -s ../../../../srv rootfs/data`,
    probe: 'path=/srv',
  }),
  bound('below a symlink that leads out', ['bind'], {
    prepare: `${BIND_SOURCE}; ln -s /../../.. rootfs/up`,
    mounts: bind(['bind'], '/up/srv/x'),
    probe: 'path=/srv/x',
  }),
  bound('destination with dots', ['bind'], { mounts: bind(['bind'], '/tmp/../../data') }),
  bound('destination relative', ['bind'], { mounts: bind(['bind'], 'data') }),
  bound('destination empty', ['bind'], { mounts: bind(['bind'], '') }),
  bound('over the root', ['bind'], { mounts: bind(['bind'], '/') }),
  bound('one below the other', ['bind'], {
    mounts: [...bind(['bind']), ...bind(['bind', 'ro'], '/data/below')],
    probe: 'path=/data path=/data/below',
  }),
  bound('one over the other', ['bind'], { mounts: [...bind(['bind']), ...bind(['bind', 'ro'])] }),
  bound('the host /sys', ['rbind', 'ro'], {
    mounts: bind(['rbind', 'ro'], '/host', '/sys/kernel'),
    probe: '',
  }),
];

const TMPFS: readonly Case[] = [
  tmpfs('size', ['size=64k', 'mode=1700'], { isBrief: true }),
  tmpfs('no options', []),
  tmpfs('of a user', ['uid=1000', 'gid=1000', 'mode=0700']),
  tmpfs('read-only', ['ro']),
  tmpfs('nr_inodes and size in percent', ['nr_inodes=100', 'size=1%']),
  tmpfs('nosuid, nodev, noexec', ['nosuid', 'nodev', 'noexec']),
  tmpfs('atime kinds', ['noatime', 'nodiratime']),
  tmpfs('strictatime', ['strictatime']),
  tmpfs('sync and dirsync', ['sync', 'dirsync']),
  tmpfs('defaults', ['defaults', 'rw', 'suid', 'dev', 'exec', 'async', 'atime', 'diratime']),
  tmpfs('lazytime', ['lazytime']),
  tmpfs('option unknown', ['colour=blue']),
  tmpfs('option bad', ['size=many']),
  tmpfs('copied up', ['tmpcopyup', 'size=1m'], {
    prepare: 'mkdir -p rootfs/t/a; echo x >rootfs/t/a/b; chmod 700 rootfs/t/a; chmod 751 rootfs/t',
    probe: 'tree=/t path=/t',
  }),
  tmpfs('mode of the folder below', [], { prepare: 'mkdir -m 711 rootfs/t; chown 5:6 rootfs/t' }),
  tmpfs('propagation', ['rshared']),
];

const OTHERS: readonly Case[] = [
  {
    name: 'mount: proc twice',
    mounts: [{ destination: '/other', type: 'proc', source: 'proc', options: ['ro'] }],
  },
  {
    name: 'mount: mqueue',
    mounts: [
      {
        destination: '/dev/mqueue',
        type: 'mqueue',
        source: 'mqueue',
        options: ['nosuid', 'noexec', 'nodev'],
      },
    ],
    probe: 'path=/dev/mqueue',
  },
  { name: 'mount: ramfs', mounts: [{ destination: '/r', type: 'ramfs', source: 'r' }] },
  {
    name: 'mount: overlay',
    prepare: 'mkdir low up wk',
    mounts: [
      {
        destination: '/o',
        type: 'overlay',
        source: 'o',
        options: ['lowerdir=@BUNDLE@/low', 'upperdir=@BUNDLE@/up', 'workdir=@BUNDLE@/wk'],
      },
    ],
    probe: 'path=/o',
  },
  { name: 'mount: unknown type', mounts: [{ destination: '/x', type: 'dreamfs', source: 'x' }] },
  { name: 'mount: type absent', mounts: [{ destination: '/x', source: 'x' }] },
  { name: 'mount: destination absent', patch: { mounts: [{ type: 'tmpfs', source: 'x' }] } },
  {
    name: 'mount: none at all',
    patch: { mounts: [], linux: { maskedPaths: null, readonlyPaths: null } },
  },
  {
    name: 'mount: no /dev',
    patch: { mounts: [{ destination: '/proc', type: 'proc', source: 'proc' }] },
    probe: 'tree=/dev',
  },
  {
    name: 'mount: sysfs writable',
    patch: {
      mounts: [
        { destination: '/proc', type: 'proc', source: 'proc' },
        { destination: '/sys', type: 'sysfs', source: 'sysfs' },
      ],
    },
  },
  {
    name: 'mount: cgroup writable',
    mounts: [
      {
        destination: '/cg',
        type: 'cgroup',
        source: 'cgroup',
        options: ['rw', 'nosuid', 'noexec', 'nodev'],
      },
    ],
  },
  {
    name: 'mount: cgroup of no options',
    mounts: [{ destination: '/cg', type: 'cgroup', source: 'cgroup' }],
  },
  {
    name: 'mount: cgroup2',
    mounts: [{ destination: '/cg', type: 'cgroup2', source: 'cgroup' }],
    only: 'v2',
  },
  {
    name: 'mount: devpts of no options',
    patch: {
      mounts: [
        { destination: '/proc', type: 'proc', source: 'proc' },
        { destination: '/dev', type: 'tmpfs', source: 'tmpfs' },
        { destination: '/dev/pts', type: 'devpts', source: 'devpts' },
      ],
    },
    probe: 'tree=/dev',
  },
  {
    name: 'mount: many',
    mounts: Array.from({ length: 40 }, (_, i) => ({
      destination: `/m/${i}`,
      type: 'tmpfs',
      source: 'm',
    })),
  },
  {
    name: 'mount: over /proc entry',
    prepare: 'echo 1 >lone',
    mounts: bind(['bind'], '/proc/cpuinfo', '@BUNDLE@/lone'),
    probe: 'path=/proc/cpuinfo',
  },
  {
    name: 'mount: onto /proc/self/attr',
    prepare: 'mkdir src',
    mounts: bind(['bind'], '/proc/self/attr'),
  },
  {
    name: 'mount: /proc of tmpfs',
    patch: {
      mounts: [{ destination: '/proc', type: 'tmpfs', source: 'tmpfs' }],
      linux: { maskedPaths: null, readonlyPaths: null },
    },
  },
  {
    name: 'mount: id-mapped',
    prepare: 'mkdir src; chown 1000:1000 src',
    mounts: [
      {
        destination: '/data',
        type: 'bind',
        source: '@BUNDLE@/src',
        options: ['bind'],
        uidMappings: [{ containerID: 0, hostID: 1000, size: 10 }],
        gidMappings: [{ containerID: 0, hostID: 1000, size: 10 }],
      },
    ],
    probe: 'path=/data',
  },
  {
    name: 'masked: file, folder, missing',
    patch: { linux: { maskedPaths: ['/etc/passwd', '/root', '/none/here', '/proc/keys'] } },
    prepare: 'echo x >rootfs/root/secret',
    probe: 'path=/etc/passwd path=/root path=/proc/keys',
    isBrief: true,
  },
  {
    name: 'masked: symlink',
    patch: { linux: { maskedPaths: ['/link'] } },
    prepare: 'ln -s /etc/passwd rootfs/link',
    probe: 'path=/etc/passwd path=/link',
  },
  {
    name: 'masked: given twice',
    patch: { linux: { maskedPaths: ['/root', '/root'] } },
    probe: 'path=/root',
  },
  { name: 'masked: relative', patch: { linux: { maskedPaths: ['root'] } }, probe: 'path=/root' },
  {
    name: 'masked: device',
    patch: { linux: { maskedPaths: ['/dev/zero'] } },
    probe: 'path=/dev/zero',
  },
  {
    name: 'read-only: file, folder, missing',
    patch: { linux: { readonlyPaths: ['/etc/passwd', '/tmp', '/none/here', '/proc/sys'] } },
    probe: 'path=/etc/passwd path=/tmp path=/proc/sys/kernel/panic',
  },
  {
    name: 'read-only: keeps what is below',
    patch: { linux: { readonlyPaths: ['/t'] } },
    mounts: [
      { destination: '/t', type: 'tmpfs', source: 't' },
      { destination: '/t/u', type: 'tmpfs', source: 'u' },
    ],
    probe: 'path=/t path=/t/u',
  },
  { name: 'read-only: relative', patch: { linux: { readonlyPaths: ['tmp'] } }, probe: 'path=/tmp' },
];

/** The root file system and what is mounted in it. */
export const FILESYSTEM_CASES: readonly Case[] = [...ROOT, ...BINDS, ...TMPFS, ...OTHERS];
