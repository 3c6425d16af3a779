import { join } from 'node:path';
import { describe, test } from '@jest/globals';
import { buildSpec } from '../../../src/bundle/build-spec.ts';
import { formatSpec } from '../../../src/bundle/format-spec.ts';
import { resolveUser } from '../../../src/bundle/resolve-user.ts';
import { expectGolden } from '../../support/golden.ts';
import { specInput, type SpecInputChanges } from '../../support/spec-values.ts';

const ETC = {
  hosts: '/var/lib/ocup/containers/c1/hosts',
  hostname: '/var/lib/ocup/containers/c1/hostname',
  resolvConf: '/var/lib/ocup/containers/c1/resolv.conf',
};

/** What is run for a plain service, on a machine with cgroup v2. */
const PLAIN: SpecInputChanges = {
  args: ['nginx', '-g', 'daemon off;'],
  image: { env: ['PATH=/usr/sbin:/usr/bin', 'NGINX_VERSION=1.27'] },
  config: { environment: { TZ: 'UTC' } },
  etcFiles: ETC,
  cgroupsPath: '/ocup/c1',
};

/** Nearly everything that can be asked for. */
const RICH: SpecInputChanges = {
  ...PLAIN,
  user: resolveUser({ passwd: 'app:x:1000:1000::/srv:/bin/sh' }, 'app', ['44']),
  initPath: '/usr/lib/ocup/ocup-init',
  config: {
    hasInit: true,
    hasTty: true,
    domainname: 'example.org',
    workingDir: '/srv',
    capAdd: ['NET_ADMIN'],
    capDrop: ['MKNOD'],
    isReadOnly: true,
    securityOptions: ['no-new-privileges'],
    deviceCgroupRules: ['c 189:* rmw'],
    ulimits: [
      { name: 'nofile', soft: 1024, hard: 4096 },
      { name: 'memlock', soft: -1, hard: -1 },
    ],
    sysctls: { 'net.core.somaxconn': '1024' },
    shmSizeBytes: 268_435_456,
    oomScoreAdj: 500,
    annotations: { 'org.example.team': 'web' },
    resources: {
      ...specInput().config.resources,
      memoryBytes: 536_870_912,
      memoryReservationBytes: 268_435_456,
      cpus: 0.5,
      cpuShares: 512,
      cpuset: '0-1',
      pidsLimit: 100,
      blkioWeight: 300,
    },
  },
  devices: [
    { type: 'c', path: '/dev/fuse', major: 10, minor: 229, fileMode: 0o666, permissions: 'rw' },
  ],
  mounts: [
    bind('/srv/data', '/var/lib/ocup/volumes/app_data/_data', false),
    bind('/srv', '/home/me/app', true),
    { kind: 'tmpfs', target: '/run', isReadOnly: false, options: ['size=64m', 'mode=1777'] },
  ],
};

function bind(target: string, source: string, isReadOnly: boolean) {
  return {
    kind: 'bind',
    target,
    source,
    isReadOnly,
    propagation: undefined,
    isRecursive: true,
  } as const;
}

const CASES: Readonly<Record<string, SpecInputChanges>> = {
  plain: PLAIN,
  rich: RICH,
  'plain-cgroup-v1': { ...PLAIN, host: { cgroupVersion: 1, kernelVersion: '4.19.0' } },
  privileged: { ...PLAIN, config: { isPrivileged: true } },
  'host-network': {
    ...PLAIN,
    namespaces: { network: 'host', pid: 'private', ipc: 'private', uts: 'host' },
  },
  'export-rich': { ...RICH, purpose: 'export' },
};

describe('config.json', () => {
  test.each(Object.keys(CASES))('%s', (name) => {
    const text = formatSpec(buildSpec(specInput(CASES[name])));
    expectGolden(join(import.meta.dirname, 'testdata', `${name}.json`), text);
  });
});
